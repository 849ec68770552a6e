/*
 * store.c: writing an order.
 *
 * What is written is the quote, number by number: nothing is computed here. Of the destination only what prices depend
 * on is kept in the clear; the whole of it is sealed, for the customer or, where a guest buys, for the order.
 */
#include "order/store.h"

#include "audit/audit.h"
#include "base/due.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"
#include "money/amount.h"
#include "order/guest.h"
#include "order/history.h"
#include "order/order_tables.h"
#include "order/sums.h"
#include "outbox/outbox.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

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
bool
commerce_is_private(Jsonb *ship_to)
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
	if (ship_to == NULL || !commerce_is_private(ship_to))
		return (Datum) 0;
	return sealed_destination(ship_to, request->customer ? request->customer : order);
}

/* Returns the next number of the channel. */
static Datum
next_number(const Quote *quote)
{
	Datum sequence = DirectFunctionCall1(text_regclass, CStringGetTextDatum(quote->order_sequence));

	return DirectFunctionCall1(nextval_oid, sequence);
}

/* Returns the codes that were entered. */
static Datum
entered_codes(const QuoteRequest *request)
{
	Datum *codes = palloc(sizeof(Datum) * Max(request->code_count, 1));

	for (int i = 0; i < request->code_count; i++)
		codes[i] = CStringGetTextDatum(request->codes[i]);
	return PointerGetDatum(construct_array(codes, request->code_count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Writes the order itself and returns its number; plainly: without a statement. */
static int64
store_head(const pg_uuid_t *order, const QuoteRequest *request, const Quote *quote, Jsonb *ship_to,
		   const CartOrigin *cart, bool *plainly)
{
	Datum values[ORDER_COLUMNS] = {
		[ORDER_ID] = UUIDPGetDatum(order),
		[ORDER_CHANNEL] = CStringGetTextDatum(quote->channel),
		[ORDER_CUSTOMER] = UUIDPGetDatum(request->customer),
		[ORDER_SHIP_TO] = ship_to ? public_destination(ship_to) : (Datum) 0,
		[ORDER_SHIP_ADDRESS] = private_destination(order, request, ship_to, cart),
		[ORDER_SHIPPING_METHOD] =
			quote->shipping_method ? CStringGetTextDatum(quote->shipping_method) : (Datum) 0,
		[ORDER_CODES] = entered_codes(request),
		[ORDER_TAX_LEVEL] = CStringGetTextDatum(commerce_tax_level_name(quote->tax_level)),
		[ORDER_SUBTOTAL] = money(quote->subtotal, quote),
		[ORDER_DISCOUNT] = money(quote->discount, quote),
		[ORDER_SHIPPING] = money(quote->shipping.subtotal, quote),
		[ORDER_TAX] = money(quote->tax, quote),
		[ORDER_INCLUDED_TAX] = money(quote->included_tax, quote),
		[ORDER_TOTAL] = money(quote->total, quote),
		[ORDER_PLACED_AT] = TimestampTzGetDatum(request->at),
		[ORDER_ROUNDING] = money(quote->rounding, quote),
		[ORDER_TAX_TREATMENT] = CStringGetTextDatum(commerce_tax_treatment_name(quote->tax_treatment)),
		[ORDER_NUMBER] = next_number(quote),
		[ORDER_EXPIRES_AT] = TimestampTzGetDatum(quote->expires_at),
		[ORDER_VERSION] = Int32GetDatum(1),
		[ORDER_CASH_INCREMENT] = money(quote->cash_increment, quote),
	};
	bool nulls[ORDER_COLUMNS] = {
		[ORDER_CUSTOMER] = request->customer == NULL,
		[ORDER_SHIP_TO] = ship_to == NULL,
		[ORDER_SHIP_ADDRESS] = values[ORDER_SHIP_ADDRESS] == (Datum) 0,
		[ORDER_SHIPPING_METHOD] = quote->shipping_method == NULL,
		[ORDER_EXPIRES_AT] = quote->expires_at == DT_NOEND,
		[ORDER_CASH_INCREMENT] = quote->cash_increment == 0,
	};

	commerce_chores_due(quote->expires_at);
	if (request->customer == NULL && !nulls[ORDER_SHIP_ADDRESS])
		commerce_store_guest(order, values[ORDER_SHIP_ADDRESS], cart ? NULL : ship_to);
	return commerce_write_order(values, nulls, plainly);
}

/* Writes the lines. */
static void
store_lines(const pg_uuid_t *order, const Quote *quote, bool *plainly)
{
	Columns columns;

	commerce_columns_init(&columns, 18, quote->line_count);
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
									   UUIDPGetDatum(promotion), BoolGetDatum(line->requires_shipping),
									   Int64GetDatum(0), Int32GetDatum(1)});
		commerce_columns_null(&columns, 13, line->list_price < 0);
		commerce_columns_null(&columns, 14, promotion == NULL);
	}
	commerce_write_order_part(ORDER_LINES, order, &columns, plainly);
}

/* Returns line number n of the quote, where 0 is shipping. */
static const QuoteLine *
numbered_line(const Quote *quote, int n)
{
	return n == 0 ? &quote->shipping : &quote->lines[n - 1];
}

/* Writes what each promotion took off each line, and what was taken off by hand; nothing where nothing was taken. */
static void
store_discounts(const pg_uuid_t *order, const Quote *quote, bool *plainly)
{
	Columns columns;

	commerce_columns_init(&columns, 6, quote->line_count);
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
	if (columns.count > 0)
		commerce_write_order_part(ORDER_DISCOUNTS, order, &columns, plainly);
}

/* Returns the rate of a tax as it is stored. */
static Datum
stored_rate(int64 rate)
{
	return DirectFunctionCall2(numeric, NumericGetDatum(int64_div_fast_to_numeric(rate, 6)),
							   Int32GetDatum(TAX_RATE_TYPMOD));
}

/* Writes the taxes of each line; nothing where none is due. */
static void
store_taxes(const pg_uuid_t *order, const Quote *quote, bool *plainly)
{
	Columns columns;

	commerce_columns_init(&columns, 7, quote->line_count);
	for (int n = quote->shipping_method ? 0 : 1; n <= quote->line_count; n++)
	{
		const QuoteLine *line = numbered_line(quote, n);

		for (int t = 0; t < line->tax_count; t++)
			commerce_columns_add(
				&columns,
				(Datum[]){Int32GetDatum(n), CStringGetTextDatum(line->taxes[t].rate->tax_class),
						  CStringGetTextDatum(line->taxes[t].rate->name),
						  stored_rate(line->taxes[t].rate->rate), BoolGetDatum(line->taxes[t].rate->included),
						  BoolGetDatum(line->taxes[t].rate->compound), money(line->taxes[t].minor, quote)});
	}
	if (columns.count > 0)
		commerce_write_order_part(ORDER_TAXES, order, &columns, plainly);
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

/* Notes for the audit log that the order was placed, as its trigger would: what of the row nobody can look up later. */
static void
note_placed(const char *order, int64 number, const Quote *quote)
{
	JsonWriter detail = JSON_WRITER_INIT;

	if (!commerce_audit_changes)
		return;
	commerce_json_object(&detail);
	commerce_json_key(&detail, "new");
	commerce_json_object(&detail);
	commerce_json_key(&detail, "state");
	commerce_json_string(&detail, "placed");
	commerce_json_key(&detail, "number");
	commerce_json_string(&detail, psprintf(INT64_FORMAT, number));
	commerce_json_key(&detail, "channel");
	commerce_json_string(&detail, quote->channel);
	if (quote->customer != NULL)
	{
		commerce_json_key(&detail, "customer_id");
		commerce_json_string(&detail, quote->customer);
	}
	commerce_json_key(&detail, "total");
	commerce_json_string(&detail, commerce_amount_print(commerce_amount_make(quote->total, quote->currency)));
	commerce_json_end_object(&detail);
	commerce_json_end_object(&detail);
	commerce_audit(&(AuditFacts){.kind = "insert",
								 .relation = "commerce.orders",
								 .subject = order,
								 .detail = commerce_json_finish(&detail)});
}

/* Writes the rows of an order; returns its number. */
static int64
store_rows(const pg_uuid_t *order, const QuoteRequest *request, const Quote *quote, Jsonb *ship_to,
		   const CartOrigin *cart)
{
	bool plainly;
	int64 number = store_head(order, request, quote, ship_to, cart, &plainly);

	store_lines(order, quote, &plainly);
	store_discounts(order, quote, &plainly);
	store_taxes(order, quote, &plainly);
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
	commerce_record_placing(name);
	note_placed(name, number, quote);
	emit_placed(name, number, quote, cart);
}
