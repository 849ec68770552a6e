/*
 * store.c: writing an order, one statement a table.
 *
 * What is written is the quote, number by number: nothing is computed here. Of the destination only what prices depend
 * on is kept in the clear; the whole of it is sealed, for the customer or, where a guest buys, for the order.
 */
#include "order/store.h"

#include "base/due.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "money/amount.h"
#include "order/columns.h"
#include "order/sums.h"
#include "outbox/outbox.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/acl.h"
#pragma GCC diagnostic pop

static SavedPlan write_order = {
	.sql = "INSERT INTO commerce.orders (id, state, channel, customer_id, ship_to, ship_address, "
		   "shipping_method, codes,"
		   " tax_level, subtotal, discount, shipping, tax, included_tax, total, placed_at, rounding, "
		   "tax_treatment, number, expires_at)"
		   " VALUES ($1, 'placed', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
		   " (SELECT nextval(c.order_sequence::regclass) FROM commerce.channels c WHERE c.code = $2),"
		   " (SELECT now() + c.unpaid_ttl FROM commerce.channels c WHERE c.code = $2)) "
		   "RETURNING "
		   "number, expires_at",
	.args =
		"uuid; text; uuid; jsonb; commerce.sealed; text; text[]; text; commerce.amount; commerce.amount;"
		" commerce.amount; commerce.amount; commerce.amount; commerce.amount; timestamptz; commerce.amount;"
		" text"};

static SavedPlan write_lines = {
	.sql =
		"INSERT INTO commerce.order_lines (order_id, line, sku, title, quantity, unit_price, "
		"per_quantity, tax_class,"
		" subtotal, discount, tax, included_tax, total, tax_exempt, list_price, gift_of) SELECT $1, l.* FROM"
		" unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) l",
	.args = "uuid; int4[]; text[]; text[]; int8[]; commerce.amount[]; int4[]; text[]; commerce.amount[];"
			" commerce.amount[]; commerce.amount[]; commerce.amount[]; commerce.amount[]; bool[]; "
			"commerce.amount[]; uuid[]"};

static SavedPlan write_discounts = {
	.sql =
		"INSERT INTO commerce.order_discounts (order_id, line, number, promotion, reason, amount, saved_tax)"
		" SELECT $1, d.* FROM unnest($2, $3, $4, $5, $6, $7) d",
	.args = "uuid; int4[]; int4[]; uuid[]; text[]; commerce.amount[]; commerce.amount[]"};

static SavedPlan write_taxes = {
	.sql = "INSERT INTO commerce.order_taxes (order_id, line, tax_class, name, rate, included, compound, "
		   "amount)"
		   " SELECT $1, t.line, t.tax_class, t.name, t.rate / 1000000.0, t.included, t.compound, t.amount"
		   " FROM unnest($2, $3, $4, $5, $6, $7, $8) t (line, tax_class, name, rate, included, compound, "
		   "amount)",
	.args = "uuid; int4[]; text[]; text[]; int8[]; bool[]; bool[]; commerce.amount[]"};

static SavedPlan write_history = {
	.sql = "INSERT INTO commerce.state_history (subject, relation, machine, event, to_state, actor)"
		   " VALUES ($1, 'commerce.orders', 'order', 'submit', 'placed', $2)",
	.args = "text; text"};

/* Returns an amount of the quote's currency as a Datum. */
static Datum
money(int64 minor, const Quote *quote)
{
	return AmountGetDatum(commerce_amount_make(minor, quote->currency));
}

/* Keeps of a destination what prices depend on. */
static Datum
public_destination(Jsonb *ship_to)
{
	static const char *const keys[] = {"country", "region", "postal_code"};
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		char *value = commerce_json_get_string(&ship_to->root, keys[i]);

		if (value == NULL)
			continue;
		commerce_json_key(&writer, keys[i]);
		commerce_json_string(&writer, value);
	}
	commerce_json_end_object(&writer);
	return PointerGetDatum(commerce_json_finish(&writer));
}

/* Returns whether a destination says more than what is kept in the clear. */
static bool
is_private(Jsonb *ship_to)
{
	return JB_ROOT_COUNT(ship_to) > JB_ROOT_COUNT(DatumGetJsonbP(public_destination(ship_to)));
}

/* Seals the whole destination; without a key only what is kept in the clear can be stored. */
static Datum
sealed_destination(Jsonb *ship_to, const pg_uuid_t *subject)
{
	char *text = JsonbToCString(NULL, &ship_to->root, VARSIZE(ship_to));

	if (!commerce_can_seal())
		ereport(
			ERROR,
			(errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("there is no key to seal the destination with"),
			 commerce_errfacts("reason", "commerce.key_file is not set", NULL),
			 errhint("Set commerce.key_file, or give no more of it than country, region and postal_code.")));
	return commerce_seal_text(text, strlen(text), "address", subject);
}

/* Returns the whole destination as it is to be stored: as the cart has it, or sealed here; 0 where none is private. */
static Datum
private_destination(const pg_uuid_t *order, const QuoteRequest *request, Jsonb *ship_to,
					const CartOrigin *cart)
{
	if (cart)
		return cart->ship_address;
	if (ship_to == NULL || !is_private(ship_to))
		return (Datum) 0;
	return sealed_destination(ship_to, request->customer ? request->customer : order);
}

/* Writes the order itself and returns its number. */
static int64
store_head(const pg_uuid_t *order, const QuoteRequest *request, const Quote *quote, Jsonb *ship_to,
		   const CartOrigin *cart)
{
	Datum values[17] = {UUIDPGetDatum(order), CStringGetTextDatum(quote->channel)};
	char nulls[] = "  nnnn           ";
	Datum *codes = palloc(sizeof(Datum) * Max(request->code_count, 1));
	bool isnull;

	for (int i = 0; i < request->code_count; i++)
		codes[i] = CStringGetTextDatum(request->codes[i]);
	if (request->customer)
	{
		values[2] = UUIDPGetDatum(request->customer);
		nulls[2] = ' ';
	}
	if (ship_to)
	{
		values[3] = public_destination(ship_to);
		nulls[3] = ' ';
	}
	values[4] = private_destination(order, request, ship_to, cart);
	if (values[4] != (Datum) 0)
		nulls[4] = ' ';
	if (quote->shipping_method)
	{
		values[5] = CStringGetTextDatum(quote->shipping_method);
		nulls[5] = ' ';
	}
	values[6] =
		PointerGetDatum(construct_array(codes, request->code_count, TEXTOID, -1, false, TYPALIGN_INT));
	values[7] = CStringGetTextDatum(commerce_tax_level_name(quote->tax_level));
	values[8] = money(quote->subtotal, quote);
	values[9] = money(quote->discount, quote);
	values[10] = money(quote->shipping.subtotal, quote);
	values[11] = money(quote->tax, quote);
	values[12] = money(quote->included_tax, quote);
	values[13] = money(quote->total, quote);
	values[14] = TimestampTzGetDatum(request->at);
	values[15] = money(quote->rounding, quote);
	values[16] = CStringGetTextDatum(commerce_tax_treatment_name(quote->tax_treatment));
	(void) commerce_run(&write_order, PLAN_WRITES, values, nulls);
	commerce_chores_due(DatumGetTimestampTz(commerce_value_or(0, 2, TimestampTzGetDatum(DT_NOEND))));
	return DatumGetInt64(commerce_value(0, 1, &isnull));
}

/* Writes the lines. */
static void
store_lines(const pg_uuid_t *order, const Quote *quote)
{
	Oid amount = commerce_amount_type();
	const Oid types[] = {INT4OID, TEXTOID, TEXTOID, INT8OID, amount,  INT4OID, TEXTOID, amount,
						 amount,  amount,  amount,  amount,  BOOLOID, amount,  UUIDOID};
	Datum values[lengthof(types) + 1] = {UUIDPGetDatum(order)};
	Columns columns;

	commerce_columns_init(&columns, lengthof(types), quote->line_count);
	for (int i = 0; i < quote->line_count; i++)
	{
		const QuoteLine *line = &quote->lines[i];

		const pg_uuid_t *promotion = line->gift_of < 0 ? NULL : &quote->findings[line->gift_of].promotion;

		commerce_columns_add(&columns,
							 (Datum[]){Int32GetDatum(i + 1), CStringGetTextDatum(line->sku),
									   CStringGetTextDatum(line->title), Int64GetDatum(line->quantity),
									   money(line->unit_price, quote), Int32GetDatum(line->per_quantity),
									   CStringGetTextDatum(line->tax_class), money(line->subtotal, quote),
									   money(line->discount, quote), money(line->tax, quote),
									   money(line->included_tax, quote), money(line->total, quote),
									   BoolGetDatum(line->tax_exempt), money(line->list_price, quote),
									   UUIDPGetDatum(promotion)});
		commerce_columns_null(&columns, 13, line->list_price < 0);
		commerce_columns_null(&columns, 14, promotion == NULL);
	}
	for (size_t i = 0; i < lengthof(types); i++)
		values[i + 1] = commerce_columns_array(&columns, i, types[i]);
	(void) commerce_run(&write_lines, PLAN_WRITES, values, NULL);
}

/* Returns line number n of the quote, where 0 is shipping. */
static const QuoteLine *
numbered_line(const Quote *quote, int n)
{
	return n == 0 ? &quote->shipping : &quote->lines[n - 1];
}

/* Writes what each promotion took off each line, and what was taken off by hand; nothing where nothing was taken. */
static void
store_discounts(const pg_uuid_t *order, const Quote *quote)
{
	const Oid types[] = {INT4OID, INT4OID, UUIDOID, TEXTOID, commerce_amount_type(), commerce_amount_type()};
	Datum values[lengthof(types) + 1] = {UUIDPGetDatum(order)};
	Columns columns;

	commerce_columns_init(&columns, lengthof(types), quote->line_count);
	for (int n = 0; n <= quote->line_count; n++)
	{
		const QuoteLine *line = numbered_line(quote, n);

		for (int d = 0; d < line->discount_count; d++)
		{
			const Finding *finding = &quote->findings[line->discounts[d].finding];

			commerce_columns_add(&columns, (Datum[]){Int32GetDatum(n), Int32GetDatum(d + 1),
													 UUIDPGetDatum(&finding->promotion),
													 CStringGetTextDatum(finding->name),
													 money(line->discounts[d].minor, quote),
													 money(line->discounts[d].tax, quote)});
			commerce_columns_null(&columns, finding->manual ? 2 : 3, true);
		}
	}
	if (columns.count == 0)
		return;
	for (size_t i = 0; i < lengthof(types); i++)
		values[i + 1] = commerce_columns_array(&columns, i, types[i]);
	(void) commerce_run(&write_discounts, PLAN_WRITES, values, NULL);
}

/* Writes the taxes of each line; nothing where none is due. */
static void
store_taxes(const pg_uuid_t *order, const Quote *quote)
{
	Columns columns;

	commerce_columns_init(&columns, 7, quote->line_count);
	for (int n = quote->shipping_method ? 0 : 1; n <= quote->line_count; n++)
	{
		const QuoteLine *line = numbered_line(quote, n);

		for (int t = 0; t < line->tax_count; t++)
			commerce_columns_add(&columns, (Datum[]){Int32GetDatum(n),
													 CStringGetTextDatum(line->taxes[t].rate->tax_class),
													 CStringGetTextDatum(line->taxes[t].rate->name),
													 Int64GetDatum(line->taxes[t].rate->rate),
													 BoolGetDatum(line->taxes[t].rate->included),
													 BoolGetDatum(line->taxes[t].rate->compound),
													 money(line->taxes[t].minor, quote)});
	}
	if (columns.count > 0)
		(void) commerce_run(&write_taxes, PLAN_WRITES,
							(Datum[]){UUIDPGetDatum(order), commerce_columns_array(&columns, 0, INT4OID),
									  commerce_columns_array(&columns, 1, TEXTOID),
									  commerce_columns_array(&columns, 2, TEXTOID),
									  commerce_columns_array(&columns, 3, INT8OID),
									  commerce_columns_array(&columns, 4, BOOLOID),
									  commerce_columns_array(&columns, 5, BOOLOID),
									  commerce_columns_array(&columns, 6, commerce_amount_type())},
							NULL);
}

/* Tells the outside world that the order was placed. */
static void
emit_placed(const char *order, int64 number, const Quote *quote, const CartOrigin *cart)
{
	JsonWriter payload = JSON_WRITER_INIT;

	commerce_json_object(&payload);
	commerce_json_key(&payload, "id");
	commerce_json_string(&payload, order);
	commerce_json_key(&payload, "number");
	commerce_json_int(&payload, number);
	commerce_json_key(&payload, "channel");
	commerce_json_string(&payload, quote->channel);
	commerce_json_key(&payload, "customer_id");
	commerce_json_string(&payload, quote->customer);
	commerce_json_key(&payload, "total");
	commerce_json_money(&payload, quote->total, quote->currency);
	if (cart)
	{
		commerce_json_key(&payload, "cart_id");
		commerce_json_string(&payload,
							 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(cart->id))));
	}
	commerce_json_end_object(&payload);
	commerce_emit("order.placed", order, commerce_json_finish(&payload));
}

/* Writes the rows of an order; returns its number. */
static int64
store_rows(const pg_uuid_t *order, const QuoteRequest *request, const Quote *quote, Jsonb *ship_to,
		   const CartOrigin *cart)
{
	int64 number = store_head(order, request, quote, ship_to, cart);

	store_lines(order, quote);
	store_discounts(order, quote);
	store_taxes(order, quote);
	return number;
}

/* Writes a priced order with all that belongs to it. */
void
commerce_store_order(const pg_uuid_t *order, const QuoteRequest *request, const Quote *quote, Jsonb *ship_to,
					 const CartOrigin *cart)
{
	char *name = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(order)));
	volatile int64 number = 0;

	commerce_check_quote_sums(quote);
	commerce_set_storing(true);
	PG_TRY();
	{
		number = store_rows(order, request, quote, ship_to, cart);
	}
	PG_FINALLY();
	{
		commerce_set_storing(false);
	}
	PG_END_TRY();
	(void) commerce_run(
		&write_history, PLAN_WRITES,
		(Datum[]){CStringGetTextDatum(name), CStringGetTextDatum(GetUserNameFromId(GetOuterUserId(), false))},
		NULL);
	emit_placed(name, number, quote, cart);
}
