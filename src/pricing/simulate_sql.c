/*
 * simulate_sql.c: promotion_effect() and promotion_asks(), which simulate_promotion() is made of.
 *
 * Both are functions of their arguments alone, so that parallel workers can call them. The promotion is compiled at the
 * first call of a statement and kept with the call site for as long as it stays the same.
 */
#include "base/pg.h"

#include "base/json.h"
#include "money/amount.h"
#include "pricing/trial.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/typcache.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_promotion_effect);
PG_FUNCTION_INFO_V1(commerce_promotion_asks);

/* What a call site keeps. */
typedef struct CallSite
{
	MemoryContext memory; /* of all below */
	Jsonb *promotion;     /* that the set was compiled from */
	const PromotionSet *set;
	Oid line_type;
	TupleDesc line; /* of commerce.sold_line */
	TupleDesc result;
} CallSite;

/* Keys of a promotion that say when and how often it runs: a trial asks what it would do if it ran. */
static const char *const left_out[] = {"status", "during", "codes"};
static const char *const limits[] = {"uses_left", "spend_left"};

/* The arguments of promotion_effect(). */
enum
{
	ARG_PROMOTION,
	ARG_PRICING,
	ARG_AT,
	ARG_CHANNEL,
	ARG_SHIP_TO,
	ARG_SHIPPING_METHOD,
	ARG_SHIPPING,
	ARG_DISCOUNT,
	ARG_SHIPPING_GIVEN,
	ARG_INCLUDED_TAX,
	ARG_CUSTOMER,
	ARG_CUSTOMER_GROUP,
	ARG_CUSTOMER_ORDERS,
	ARG_CUSTOMER_ATTRIBUTES,
	ARG_CODES,
	ARG_LINES,
};

/* The columns of commerce.sold_line. */
enum
{
	SOLD_SKU,
	SOLD_QUANTITY,
	SOLD_UNIT_PRICE,
	SOLD_PER_QUANTITY,
	SOLD_SUBTOTAL,
	SOLD_DISCOUNT,
	SOLD_GIVEN,
	SOLD_INCLUDED_TAX,
	SOLD_GIFT,
	SOLD_ON_SALE,
	SOLD_TAX_CLASS,
	SOLD_PRODUCT,
	SOLD_BRAND,
	SOLD_CATEGORY,
	SOLD_TAGS,
	SOLD_ATTRIBUTES,
	SOLD_DISCOUNTABLE,
	SOLD_MINIMUM_PRICE,
	SOLD_COST,
	SOLD_COLUMNS,
};

/* The result of promotion_effect(). */
enum
{
	EFFECT_UNITS,
	EFFECT_REVENUE,
	EFFECT_DISCOUNT,
	EFFECT_SHIPPING_DISCOUNT,
	EFFECT_REVENUE_AFTER,
	EFFECT_COST,
	EFFECT_UNITS_WITHOUT_COST,
	EFFECT_MARGIN_AFTER,
	EFFECT_GIFT_SKUS,
	EFFECT_GIFT_QUANTITIES,
	EFFECT_COLUMNS,
};

/* Makes an array of one promotion, without what says when it runs. */
static Jsonb *
as_given(Jsonb *promotion)
{
	JsonbParseState *state = NULL;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(promotion))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a promotion must be a JSON object"),
						errhint("For example {\"benefit\": \"20%% off order\"}.")));
	for (size_t i = 0; i < lengthof(limits); i++)
		if (commerce_json_find(&promotion->root, limits[i], &value))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("\"%s\" cannot be tried: each order is looked at by itself", limits[i]),
							errhint("Leave it out.")));
	for (size_t i = 0; i < lengthof(left_out); i++)
		promotion = DatumGetJsonbP(
			DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(promotion), CStringGetTextDatum(left_out[i])));
	JsonbToJsonbValue(promotion, &value);
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	(void) pushJsonbValue(&state, WJB_ELEM, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/* Compiles a promotion into the memory of the call site; names in the statement that does so are the server's own. */
static void
compile(CallSite *site, Jsonb *promotion)
{
	Jsonb *given = as_given(promotion);
	int level = NewGUCNestLevel();
	MemoryContext caller;

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	caller = MemoryContextSwitchTo(site->memory);
	/* Only limits are in the currency of the cart, and there are none. */
	site->set = commerce_given_promotions(given, 0);
	site->promotion = palloc(VARSIZE(promotion));
	memcpy(site->promotion, promotion, VARSIZE(promotion));
	MemoryContextSwitchTo(caller);
	SPI_finish();
	AtEOXact_GUC(true, level);
}

/* Returns what this call site keeps, with the promotion that is the first argument compiled. */
static CallSite *
call_site(FunctionCallInfo fcinfo)
{
	Jsonb *promotion = PG_GETARG_JSONB_P(0);
	CallSite *site = fcinfo->flinfo->fn_extra;
	MemoryContext memory;

	if (site && site->promotion && VARSIZE(promotion) == VARSIZE(site->promotion) &&
		memcmp(promotion, site->promotion, VARSIZE(promotion)) == 0)
		return site;
	if (site)
	{
		fcinfo->flinfo->fn_extra = NULL;
		MemoryContextDelete(site->memory);
	}
	memory =
		AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "commerce promotion on trial", ALLOCSET_SMALL_SIZES);
	site = MemoryContextAllocZero(memory, sizeof(CallSite));
	site->memory = memory;
	compile(site, promotion);
	fcinfo->flinfo->fn_extra = site;
	return site;
}

/* Returns a text argument, or NULL. */
static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Returns the minor units of an amount argument; 0 for NULL. */
static int64
minor_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? 0 : commerce_amount_minor(PG_GETARG_AMOUNT(n));
}

/* Returns the texts of an array. */
static const char **
texts(Datum array, int *count)
{
	Datum *elements;
	bool *nulls;
	const char **result;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
	if (*count == 0)
		return NULL;
	result = palloc(sizeof(char *) * *count);
	for (int i = 0; i < *count; i++)
		result[i] = nulls[i] ? "" : TextDatumGetCString(elements[i]);
	return result;
}

/* Fills what a trial has to know of the order beside its lines. */
static void
read_order(FunctionCallInfo fcinfo, Trial *trial)
{
	QuoteRequest *request = &trial->request;
	Quote *quote = &trial->quote;
	Amount shipping;

	if (PG_ARGISNULL(ARG_SHIPPING) || PG_ARGISNULL(ARG_AT))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("neither at nor shipping may be null"),
				 errhint("Shipping says the currency of the order: 0.00 EUR.")));
	shipping = PG_GETARG_AMOUNT(ARG_SHIPPING);
	*trial = (Trial){.request = {.prices_include_tax = -1, .at = PG_GETARG_TIMESTAMPTZ(ARG_AT)},
					 .quote = {.currency = commerce_amount_currency(shipping),
							   .options = commerce_pricing_defaults,
							   .channel = text_argument(fcinfo, ARG_CHANNEL),
							   .customer_group = text_argument(fcinfo, ARG_CUSTOMER_GROUP)}};
	if (!PG_ARGISNULL(ARG_PRICING))
		commerce_pricing_options(&PG_GETARG_JSONB_P(ARG_PRICING)->root, &quote->options);
	if (!PG_ARGISNULL(ARG_SHIP_TO))
	{
		JsonbContainer *place = &PG_GETARG_JSONB_P(ARG_SHIP_TO)->root;

		request->country = commerce_json_get_string(place, "country");
		request->region = commerce_json_get_string(place, "region");
		request->postal_code = commerce_json_get_string(place, "postal_code");
	}
	request->shipping_method = text_argument(fcinfo, ARG_SHIPPING_METHOD);
	if (!PG_ARGISNULL(ARG_CODES))
		request->codes = texts(PG_GETARG_DATUM(ARG_CODES), &request->code_count);
	if (!PG_ARGISNULL(ARG_CUSTOMER))
		quote->customer = DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(ARG_CUSTOMER)));
	trial->orders_before = PG_ARGISNULL(ARG_CUSTOMER_ORDERS) ? 0 : PG_GETARG_INT64(ARG_CUSTOMER_ORDERS);
	if (!PG_ARGISNULL(ARG_CUSTOMER_ATTRIBUTES))
		quote->customer_attributes = &PG_GETARG_JSONB_P(ARG_CUSTOMER_ATTRIBUTES)->root;
	quote->shipping_method = request->shipping_method;
	quote->shipping = (QuoteLine){.quantity = 1,
								  .per_quantity = 1,
								  .discountable = true,
								  .list_price = -1,
								  .gift_of = -1,
								  .unit_price = commerce_amount_minor(shipping),
								  .subtotal = commerce_amount_minor(shipping)};
	trial->shipping = (SoldLine){.subtotal = commerce_amount_minor(shipping),
								 .discount = minor_argument(fcinfo, ARG_DISCOUNT),
								 .given = minor_argument(fcinfo, ARG_SHIPPING_GIVEN),
								 .included_tax = minor_argument(fcinfo, ARG_INCLUDED_TAX)};
}

/* Reads a column of a line. */
#define TEXT(column) (nulls[column] ? NULL : TextDatumGetCString(values[column]))
#define MINOR(column) (nulls[column] ? 0 : commerce_amount_minor(DatumGetAmount(values[column])))
#define TRUTH(column) (!nulls[column] && DatumGetBool(values[column]))

/* Reads money of the order's currency from a column; the fallback where there is none. */
static int64
minor_here(const Trial *trial, const Datum *values, const bool *nulls, int column, int64 fallback)
{
	if (nulls[column] || commerce_amount_currency(DatumGetAmount(values[column])) != trial->quote.currency)
		return fallback;
	return commerce_amount_minor(DatumGetAmount(values[column]));
}

/* Reads one line: counts it, and lets rules see it where it is no gift. */
static void
read_line(Trial *trial, const Datum *values, const bool *nulls)
{
	Quote *quote = &trial->quote;
	QuoteLine *line = &quote->lines[quote->line_count];
	SoldLine sold = {.subtotal = MINOR(SOLD_SUBTOTAL),
					 .discount = MINOR(SOLD_DISCOUNT),
					 .given = MINOR(SOLD_GIVEN),
					 .included_tax = MINOR(SOLD_INCLUDED_TAX),
					 .cost = minor_here(trial, values, nulls, SOLD_COST, -1)};
	wide floor;

	if (nulls[SOLD_SKU] || nulls[SOLD_QUANTITY] || nulls[SOLD_SUBTOTAL])
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("sku, quantity and subtotal of a sold line must not be null")));
	sold.given = Min(sold.given, sold.discount);
	trial->shipping.discount -= sold.discount;
	trial->shipping.included_tax -= sold.included_tax;
	/* A gift of the tried promotion itself would not have been given without it. */
	if (TRUTH(SOLD_GIFT) && !nulls[SOLD_GIVEN])
		return;
	*line = (QuoteLine){.sku = TEXT(SOLD_SKU),
						.quantity = DatumGetInt64(values[SOLD_QUANTITY]),
						.unit_price = MINOR(SOLD_UNIT_PRICE),
						.per_quantity =
							nulls[SOLD_PER_QUANTITY] ? 1 : Max(DatumGetInt32(values[SOLD_PER_QUANTITY]), 1),
						.subtotal = sold.subtotal,
						.discount = sold.discount - sold.given,
						.on_sale = TRUTH(SOLD_ON_SALE),
						.discountable = nulls[SOLD_DISCOUNTABLE] || DatumGetBool(values[SOLD_DISCOUNTABLE]),
						.tax_class = TEXT(SOLD_TAX_CLASS),
						.product = TEXT(SOLD_PRODUCT),
						.brand = TEXT(SOLD_BRAND),
						.category = TEXT(SOLD_CATEGORY),
						.list_price = -1,
						.gift_of = -1};
	commerce_trial_count(trial, &sold, line->quantity);
	if (TRUTH(SOLD_GIFT))
		return;
	if (!nulls[SOLD_TAGS])
		line->tags = texts(values[SOLD_TAGS], &line->tag_count);
	if (!nulls[SOLD_ATTRIBUTES])
		line->attributes = &DatumGetJsonbP(values[SOLD_ATTRIBUTES])->root;
	floor = (wide) minor_here(trial, values, nulls, SOLD_MINIMUM_PRICE, 0) * line->quantity;
	line->floor = (int64) Min(floor, (wide) line->subtotal);
	trial->sold[quote->line_count++] = sold;
}

/* Reads the lines of the order. */
static void
read_lines(FunctionCallInfo fcinfo, CallSite *site, Trial *trial)
{
	ArrayType *array;
	Datum *elements;
	bool *absent;
	int count;

	if (PG_ARGISNULL(ARG_LINES))
		return;
	array = PG_GETARG_ARRAYTYPE_P(ARG_LINES);
	if (site->line == NULL || site->line_type != ARR_ELEMTYPE(array))
	{
		MemoryContext caller = MemoryContextSwitchTo(site->memory);

		site->line = lookup_rowtype_tupdesc_copy(ARR_ELEMTYPE(array), -1);
		site->line_type = ARR_ELEMTYPE(array);
		MemoryContextSwitchTo(caller);
		if (site->line->natts != SOLD_COLUMNS)
			elog(ERROR, "commerce.sold_line has %d columns", site->line->natts);
	}
	deconstruct_array(array, site->line_type, -1, false, TYPALIGN_DOUBLE, &elements, &absent, &count);
	trial->quote.lines = palloc_extended(sizeof(QuoteLine) * Max(count, 1), MCXT_ALLOC_HUGE);
	trial->sold = palloc_extended(sizeof(SoldLine) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		Datum values[SOLD_COLUMNS];
		bool nulls[SOLD_COLUMNS];
		HeapTupleHeader row;
		HeapTupleData tuple;

		CHECK_FOR_INTERRUPTS();
		if (absent[i])
			continue;
		row = DatumGetHeapTupleHeader(elements[i]);
		tuple = (HeapTupleData){.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
		heap_deform_tuple(&tuple, site->line, values, nulls);
		read_line(trial, values, nulls);
	}
}

/* Writes the gifts that the promotion would have given. */
static void
write_gifts(const Trial *trial, Datum *values, bool *nulls)
{
	int count = trial->outcome.gift_count;
	Datum *skus = palloc(sizeof(Datum) * Max(count, 1));
	Datum *quantities = palloc(sizeof(Datum) * Max(count, 1));

	nulls[EFFECT_GIFT_SKUS] = nulls[EFFECT_GIFT_QUANTITIES] = count == 0;
	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		skus[i] = CStringGetTextDatum(trial->outcome.gifts[i].sku);
		quantities[i] = Int64GetDatum(trial->outcome.gifts[i].quantity);
	}
	values[EFFECT_GIFT_SKUS] =
		PointerGetDatum(construct_array(skus, count, TEXTOID, -1, false, TYPALIGN_INT));
	values[EFFECT_GIFT_QUANTITIES] =
		PointerGetDatum(construct_array(quantities, count, INT8OID, 8, true, TYPALIGN_DOUBLE));
}

/* Writes the result. */
static Datum
write_effect(FunctionCallInfo fcinfo, CallSite *site, const Trial *trial)
{
	wide revenue_after = trial->revenue - trial->lost_revenue;
	Datum values[EFFECT_COLUMNS];
	bool nulls[EFFECT_COLUMNS] = {false};

	if (site->result == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(site->memory);
		TupleDesc result;

		if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE ||
			result->natts != EFFECT_COLUMNS)
			elog(ERROR, "promotion_effect() is declared otherwise");
		site->result = BlessTupleDesc(result);
		MemoryContextSwitchTo(caller);
	}
#define MONEY(minor) AmountGetDatum(commerce_amount_make_wide(minor, trial->quote.currency))
	values[EFFECT_UNITS] = Int64GetDatum((int64) Min(trial->units_affected, PG_INT64_MAX));
	values[EFFECT_REVENUE] = MONEY(trial->revenue);
	values[EFFECT_DISCOUNT] = MONEY(trial->discount);
	values[EFFECT_SHIPPING_DISCOUNT] = MONEY(trial->shipping_discount);
	values[EFFECT_REVENUE_AFTER] = MONEY(revenue_after);
	values[EFFECT_COST] = MONEY(trial->cost);
	values[EFFECT_UNITS_WITHOUT_COST] = Int64GetDatum((int64) Min(trial->units_without_cost, PG_INT64_MAX));
	values[EFFECT_MARGIN_AFTER] = MONEY(revenue_after - trial->lost_shipping - trial->cost);
#undef MONEY
	write_gifts(trial, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls));
}

/* promotion_effect(promotion, pricing, at, channel, …, lines): what a promotion would have made of an order. */
Datum
commerce_promotion_effect(PG_FUNCTION_ARGS)
{
	CallSite *site;
	Trial trial;

	if (PG_ARGISNULL(ARG_PROMOTION))
		PG_RETURN_NULL();
	site = call_site(fcinfo);
	read_order(fcinfo, &trial);
	read_lines(fcinfo, site, &trial);
	trial.shipping.given = Min(trial.shipping.given, trial.shipping.discount);
	trial.quote.shipping.discount = trial.shipping.discount - trial.shipping.given;
	commerce_trial_run(&trial, site->set);
	return write_effect(fcinfo, site, &trial);
}

/* Tells whether any of the conditions in a benefit has a property. */
static bool
any_where(const Benefit *benefit, bool (*asks)(const RuleNode *))
{
	for (; benefit; benefit = benefit->next)
	{
		if (asks(benefit->where))
			return true;
		for (const BenefitPart *part = benefit->buy; part; part = part->next)
			if (asks(part->where))
				return true;
		for (const BenefitPart *part = benefit->get; part; part = part->next)
			if (asks(part->where))
				return true;
	}
	return false;
}

/* promotion_asks(promotion, attribute): does it look at customer.orders, or at customer.attributes? */
Datum
commerce_promotion_asks(PG_FUNCTION_ARGS)
{
	const Promotion *promotion = call_site(fcinfo)->set->promotions;
	char *attribute = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool (*asks)(const RuleNode *) = NULL;

	if (strcmp(attribute, "customer.orders") == 0)
		asks = commerce_condition_asks_orders;
	else if (strcmp(attribute, "customer.attributes") == 0)
		asks = commerce_condition_asks_customer;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown attribute \"%s\"", attribute)));
	PG_RETURN_BOOL(asks(promotion->condition) || any_where(promotion->benefit, asks));
}
