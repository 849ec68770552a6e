/*
 * catalogue.c: what the tables say of the lines. One statement for all lines, never one for each.
 */
#include "pricing/evaluation.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "money/amount.h"
#include "money/rounding.h"

/* What shop and channel say, and of whose order it is: group, whether there is one, exempt, VAT country, attributes. */
#define READ_CONTEXT(group, known, exempt, vat_country, attributes, people)                                  \
	"SELECT coalesce($3, c.currency, s.currency), c.code IS NOT NULL, coalesce($4, s.tax_level), " group     \
	", " known ", " exempt ", " vat_country ", c.cash_increment, s.pricing, c.pricing, " attributes          \
	", c.order_sequence, now() + c.unpaid_ttl"                                                               \
	" FROM commerce.shop s LEFT JOIN commerce.channels c ON c.code = $1" people

static SavedPlan read_context = {
	.sql = READ_CONTEXT("u.customer_group", "u.id IS NOT NULL",
						"u.tax_exempt OR coalesce(g.tax_exempt, false)", "u.vat_country", "u.attributes",
						" LEFT JOIN commerce.customers u ON u.id = $2 AND u.erased_at IS NULL"
						" LEFT JOIN commerce.customer_groups g ON g.code = u.customer_group"),
	.args = "text; uuid; text; text"};

/* Nothing is looked up of a guest; $2 is there so that the arguments are the same. */
static SavedPlan read_guest_context = {
	.sql = READ_CONTEXT("NULL::text", "$2 IS NULL", "NULL::bool", "NULL::text", "NULL::jsonb", ""),
	.args = "text; uuid; text; text"};

/*
 * Of the prices that apply the most specific wins, then the one that is lowest for one unit; a quotient of two integers
 * as numeric is exact enough to tell them apart. "prices" is what comes after FROM: price rows x with their lists l.
 */
#define READ_CATALOGUE(prices)                                                                               \
	"SELECT asked.line, v.product_id::text, coalesce(nullif(v.title, ''), p.title, ''), p.brand, "           \
	"p.category::text,"                                                                                      \
	" p.tags, p.tax_class, p.attributes, coalesce(p.discountable, true), v.track_stock, v.minimum_price,"    \
	" chosen.price, chosen.per_quantity, chosen.on_sale, v.requires_shipping"                                \
	" FROM unnest($1, $2) WITH ORDINALITY AS asked (sku, quantity, line)"                                    \
	" JOIN commerce.variants v ON v.sku = asked.sku"                                                         \
	" LEFT JOIN commerce.products p ON p.id = v.product_id"                                                  \
	" LEFT JOIN LATERAL (SELECT x.price, x.per_quantity, coalesce(l.kind = 'sale', false) AS on_sale"        \
	"  FROM " prices "  WHERE x.sku = asked.sku AND commerce.currency(x.price) = $3"                         \
	"  AND x.min_quantity <= asked.quantity"                                                                 \
	"  AND (x.channel IS NULL OR x.channel = $4) AND (x.customer_group IS NULL OR x.customer_group = $5)"    \
	"  AND (x.price_list IS NULL OR l.active) AND x.valid @> $6"                                             \
	"  ORDER BY l.priority DESC NULLS LAST, x.customer_group IS NULL, x.channel IS NULL,"                    \
	"  commerce.minor_units(x.price)::numeric / x.per_quantity, x.id LIMIT 1) chosen ON true"

static SavedPlan read_catalogue = {
	.sql = READ_CATALOGUE("commerce.prices x LEFT JOIN commerce.price_lists l ON l.code = x.price_list"),
	.args = "text[]; int8[]; text; text; text; timestamptz"};

/*
 * The rows as they were then. Before a sku's first price was written there is nothing to go by but the rows it began
 * with: they stand in, where their validity says that they applied already, for a shop that brings its past along.
 */
static SavedPlan read_past_catalogue = {
	.sql = READ_CATALOGUE(
		"(SELECT greatest($6, min(lower(f.during))) AS seen FROM commerce.price_history f"
		"  WHERE f.sku = asked.sku) known"
		" JOIN commerce.price_history x ON x.during @> known.seen AND upper(x.during) > known.seen"
		" LEFT JOIN commerce.price_list_history l"
		"  ON l.code = x.price_list AND l.during @> known.seen"),
	.args = "text[]; int8[]; text; text; text; timestamptz"};

static SavedPlan read_shipping = {
	.sql =
		"SELECT m.tax_class, m.name, (SELECT p.price FROM commerce.shipping_prices p WHERE p.method = m.code"
		" AND commerce.currency(p.price) = $2 AND (p.countries = '{}' OR $3 = ANY (p.countries))"
		" AND (p.min_subtotal IS NULL OR commerce.minor_units(p.min_subtotal) <= $4)"
		" ORDER BY p.countries = '{}', commerce.minor_units(p.min_subtotal) DESC NULLS LAST,"
		" commerce.minor_units(p.price) LIMIT 1) FROM commerce.shipping_methods m WHERE m.code = $1",
	.args = "text; text; text; int8"};

/* Finds a tax level by its name. */
static TaxLevel
tax_level_named(const char *name)
{
	for (TaxLevel level = TAX_PER_LINE; level < TAX_LEVELS; level++)
		if (strcmp(name, commerce_tax_level_name(level)) == 0)
			return level;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown tax level \"%s\"", name),
					errhint("The levels are line, unit, rate, order and order_delta.")));
}

/* Returns the name of a tax level. */
const char *
commerce_tax_level_name(TaxLevel level)
{
	static const char *const names[] = {"line", "unit", "rate", "order", "order_delta"};

	return names[level];
}

/* Returns what a total paid in cash is a multiple of: the caller's word, or the channel's in its own currency. */
static int64
cash_increment(const QuoteRequest *request, int currency)
{
	bool isnull;
	Datum value = commerce_value(0, 8, &isnull);

	if (request->cash_increment != 0)
	{
		commerce_require_same_currency(currency, commerce_amount_currency(request->cash_increment));
		return commerce_amount_minor(request->cash_increment);
	}
	if (isnull || commerce_amount_currency(DatumGetAmount(value)) != currency)
		return 0;
	return commerce_amount_minor(DatumGetAmount(value));
}

/* Settles how discounts are computed: as the shop says, then the channel, then the caller. */
static void
settle_options(const QuoteRequest *request, Quote *quote)
{
	quote->options = commerce_pricing_defaults;
	for (int column = 9; column <= 10; column++)
	{
		bool isnull;
		Datum value = commerce_value(0, column, &isnull);

		if (!isnull)
			commerce_pricing_options(&DatumGetJsonbPCopy(value)->root, &quote->options);
	}
	if (request->options)
		commerce_pricing_options(request->options, &quote->options);
}

/* Settles currency, channel, customer group and what discounts and taxes depend on. */
void
commerce_settle_context(const QuoteRequest *request, Quote *quote)
{
	Datum values[] = {CStringGetTextDatum(request->channel), UUIDPGetDatum(request->customer),
					  request->currency ? CStringGetTextDatum(request->currency) : (Datum) 0,
					  request->tax_level ? CStringGetTextDatum(request->tax_level) : (Datum) 0};
	char nulls[] = {' ', request->customer ? ' ' : 'n', request->currency ? ' ' : 'n',
					request->tax_level ? ' ' : 'n'};
	bool isnull;
	Datum attributes;

	if (commerce_run(request->customer ? &read_context : &read_guest_context, PLAN_READS, values, nulls) != 1)
		ereport(ERROR, (errcode(ERRCODE_NOT_READY), errmsg("commerce.shop has no row"),
						errhint("Run SELECT commerce.create_shop(currency => 'EUR').")));
	if (!DatumGetBool(commerce_value(0, 2, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no channel \"%s\"", request->channel),
						errhint("Insert it into commerce.channels.")));
	if (!DatumGetBool(commerce_value(0, 5, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no such customer"),
						errhint("commerce.find_customer(email) returns the id of one, "
								"commerce.create_customer() makes one.")));
	quote->currency = commerce_currency_number(commerce_text(0, 1));
	quote->tax_level = tax_level_named(commerce_text(0, 3));
	quote->channel = request->channel;
	quote->order_sequence = commerce_text(0, 12);
	quote->expires_at = DatumGetTimestampTz(commerce_value_or(0, 13, TimestampTzGetDatum(DT_NOEND)));
	quote->customer_group = commerce_text(0, 4);
	quote->customer_exempt = DatumGetBool(commerce_value(0, 6, &isnull)) && !isnull;
	quote->vat_country = request->vat_country ? request->vat_country : commerce_text(0, 7);
	quote->cash_increment = cash_increment(request, quote->currency);
	settle_options(request, quote);
	attributes = commerce_value(0, 11, &isnull);
	if (!isnull)
		quote->customer_attributes = &DatumGetJsonbPCopy(attributes)->root;
	if (request->customer)
		quote->customer = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(request->customer)));
}

/* Orders line numbers by sku. */
static int
compare_by_sku(const void *a, const void *b, void *lines)
{
	return strcmp(((QuoteLine *) lines)[*(const int *) a].sku, ((QuoteLine *) lines)[*(const int *) b].sku);
}

/* Returns, for each line, how many units of its sku the whole cart has: what quantity tiers look at. */
static Datum
quantities_by_sku(QuoteLine *lines, int count)
{
	int *order = palloc_extended(sizeof(int) * count, MCXT_ALLOC_HUGE);
	Datum *sums = palloc_extended(sizeof(Datum) * count, MCXT_ALLOC_HUGE);

	for (int i = 0; i < count; i++)
		order[i] = i;
	qsort_arg(order, count, sizeof(int), compare_by_sku, lines);
	for (int begin = 0, end; begin < count; begin = end)
	{
		int64 sum = 0;

		for (end = begin; end < count && compare_by_sku(&order[begin], &order[end], lines) == 0; end++)
			if (__builtin_add_overflow(sum, lines[order[end]].quantity, &sum))
				sum = PG_INT64_MAX;
		for (int i = begin; i < end; i++)
			sums[order[i]] = Int64GetDatum(sum);
	}
	return PointerGetDatum(construct_array(sums, count, INT8OID, 8, true, TYPALIGN_DOUBLE));
}

/* Fills what the caller left open from one row of the catalogue. */
static void
complete_line(QuoteLine *line, uint64 row, int currency)
{
	bool isnull;
	Datum value;

	line->in_catalogue = true;
	line->product = commerce_text(row, 2);
	line->title = line->title ? line->title : commerce_text(row, 3);
	line->brand = line->brand ? line->brand : commerce_text(row, 4);
	line->category = line->category ? line->category : commerce_text(row, 5);
	line->tax_class = line->tax_class ? line->tax_class : commerce_text(row, 7);
	value = commerce_value(row, 6, &isnull);
	if (!isnull && line->tags == NULL)
	{
		Datum *elements;

		deconstruct_array(DatumGetArrayTypePCopy(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
						  &line->tag_count);
		line->tags = palloc(sizeof(char *) * Max(line->tag_count, 1));
		for (int i = 0; i < line->tag_count; i++)
			line->tags[i] = TextDatumGetCString(elements[i]);
	}
	value = commerce_value(row, 8, &isnull);
	if (!isnull && line->attributes == NULL)
		line->attributes = &DatumGetJsonbPCopy(value)->root;
	line->discountable = DatumGetBool(commerce_value(row, 9, &isnull));
	line->track_stock = DatumGetBool(commerce_value(row, 10, &isnull));
	line->requires_shipping = DatumGetBool(commerce_value(row, 15, &isnull));
	value = commerce_value(row, 11, &isnull);
	if (!isnull && commerce_amount_currency(DatumGetAmount(value)) == currency)
		line->floor = commerce_amount_minor(DatumGetAmount(value));
	value = commerce_value(row, 12, &isnull);
	if (isnull || line->priced_by_caller)
		return;
	line->unit_price = commerce_amount_minor(DatumGetAmount(value));
	line->per_quantity = DatumGetInt32(commerce_value(row, 13, &isnull));
	line->on_sale = DatumGetBool(commerce_value(row, 14, &isnull));
}

/* Refuses a line that has no price: CM002 where there is no such sku, CM021 where it has none that applies. */
static void
refuse_unpriced(const Quote *quote, const QuoteLine *line)
{
	if (!line->in_catalogue)
		ereport(ERROR,
				(errcode(ERRCODE_UNKNOWN_SKU), errmsg("there is no sku \"%s\"", line->sku),
				 commerce_errfacts("sku", line->sku, "currency", commerce_currency_code(quote->currency),
								   "channel", quote->channel, NULL),
				 errhint("Insert it into commerce.variants, or give the line a unit_price.")));
	ereport(ERROR, (errcode(ERRCODE_NO_PRICE),
					errmsg("\"%s\" has no price in %s", line->sku, commerce_currency_code(quote->currency)),
					commerce_errfacts("sku", line->sku, "currency", commerce_currency_code(quote->currency),
									  "channel", quote->channel, NULL),
					errhint("Insert one into commerce.prices.")));
}

/* Works out what a line costs before discounts. */
static void
subtotal_line(QuoteLine *line, int currency)
{
	wide subtotal =
		commerce_round_ratio((wide) line->unit_price * line->quantity, line->per_quantity, ROUND_HALF_UP);
	wide floor = (wide) line->floor * line->quantity;

	line->subtotal = commerce_amount_minor(commerce_amount_make_wide(subtotal, currency));
	line->floor = (int64) Min(floor, (wide) line->subtotal);
	if (line->tax_class == NULL)
		line->tax_class = "standard";
	if (line->title == NULL)
		line->title = "";
}

/* Completes some lines by the catalogue; priced tells which of them have a price there. */
static void
read_lines(const QuoteRequest *request, const Quote *quote, QuoteLine *lines, int count, bool *priced)
{
	Datum *skus = palloc_extended(sizeof(Datum) * count, MCXT_ALLOC_HUGE);
	bool past = request->at < GetCurrentTransactionStartTimestamp();
	Datum values[6];
	uint64 rows;
	bool isnull;

	for (int i = 0; i < count; i++)
		skus[i] = CStringGetTextDatum(lines[i].sku);
	values[0] = PointerGetDatum(construct_array(skus, count, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = quantities_by_sku(lines, count);
	values[2] = CStringGetTextDatum(commerce_currency_code(quote->currency));
	values[3] = CStringGetTextDatum(quote->channel);
	values[4] = quote->customer_group ? CStringGetTextDatum(quote->customer_group) : (Datum) 0;
	values[5] = TimestampTzGetDatum(request->at);
	rows = commerce_run(past ? &read_past_catalogue : &read_catalogue, PLAN_READS, values,
						quote->customer_group ? NULL : "    n ");
	for (uint64 row = 0; row < rows; row++)
	{
		int line = (int) DatumGetInt64(commerce_value(row, 1, &isnull)) - 1;

		complete_line(&lines[line], row, quote->currency);
		(void) commerce_value(row, 12, &isnull);
		priced[line] = !isnull;
	}
}

/* Completes and prices the lines. */
void
commerce_price_lines(const QuoteRequest *request, Quote *quote)
{
	bool *priced = palloc_extended(sizeof(bool) * quote->line_count, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	read_lines(request, quote, quote->lines, quote->line_count, priced);
	for (int i = 0; i < quote->line_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!priced[i] && !quote->lines[i].priced_by_caller)
			refuse_unpriced(quote, &quote->lines[i]);
		subtotal_line(&quote->lines[i], quote->currency);
	}
}

/* Completes and prices the lines of gifts; what has no price costs nothing. */
void
commerce_price_gifts(const QuoteRequest *request, Quote *quote, QuoteLine *lines, int count)
{
	bool *priced = palloc0(sizeof(bool) * count);

	read_lines(request, quote, lines, count, priced);
	for (int i = 0; i < count; i++)
		subtotal_line(&lines[i], quote->currency);
}

/* Prices shipping. A cart without a method has shipping of zero. */
void
commerce_price_shipping(const QuoteRequest *request, Quote *quote)
{
	wide subtotal = 0;
	Datum values[4];
	Datum price;
	bool isnull;

	quote->shipping = (QuoteLine){.tax_class = "standard",
								  .title = "",
								  .quantity = 1,
								  .per_quantity = 1,
								  .list_price = -1,
								  .gift_of = -1};
	if (request->shipping_method == NULL)
		return;
	for (int i = 0; i < quote->line_count; i++)
		subtotal += quote->lines[i].subtotal;
	values[0] = CStringGetTextDatum(request->shipping_method);
	values[1] = CStringGetTextDatum(commerce_currency_code(quote->currency));
	values[2] = request->country ? CStringGetTextDatum(request->country) : (Datum) 0;
	values[3] = Int64GetDatum(commerce_amount_minor(commerce_amount_make_wide(subtotal, quote->currency)));
	if (commerce_run(&read_shipping, PLAN_READS, values, request->country ? NULL : "  n ") == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no shipping method \"%s\"", request->shipping_method),
						errhint("Insert it into commerce.shipping_methods.")));
	price = commerce_value(0, 3, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NO_PRICE),
				 errmsg("shipping method \"%s\" has no price for this destination and currency",
						request->shipping_method),
				 commerce_errfacts("shipping_method", request->shipping_method, "country", request->country,
								   "currency", commerce_currency_code(quote->currency), NULL),
				 errhint("Insert one into commerce.shipping_prices.")));
	quote->shipping_method = request->shipping_method;
	quote->shipping.tax_class = commerce_text(0, 1);
	quote->shipping.title = commerce_text(0, 2);
	quote->shipping.unit_price = quote->shipping.subtotal = commerce_amount_minor(DatumGetAmount(price));
	quote->shipping.discountable = true;
}
