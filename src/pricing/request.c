/*
 * request.c: reading what a caller wants priced.
 *
 * Keys and options that are not known are refused: a typing mistake must not silently become a default.
 */
#include "pricing/evaluation.h"

#include "base/errors.h"
#include "base/json.h"
#include "money/amount.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/pg_collation.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* More than anybody enters, few enough to compare each with each. */
#define MAX_CODES 100

/* More than anybody buys, few enough for exact arithmetic in 128 bits. */
#define MAX_QUANTITY INT64CONST(1000000000000)

static const char *const option_keys[] = {
	"tax_level",    "prices_include_tax", "holder",           "strategy",
	"keep",         "vat_country",        "cash_increment",   "promotions",
	"discounts",    "rounding",           "remainder",        "percentages",
	"limited_pool", "partial_get",        "budget_exceeded",  "exclusive_rule",
	"tax_on",       "catalog_rounding",   "catalog_stacking", NULL};
static const char *const line_keys[] = {
	"sku",      "quantity", "unit_price", "per_quantity", "title",      "location",  "brand",
	"category", "tags",     "tax_class",  "attributes",   "tax_exempt", "discounts", NULL};

/* Returns a text argument, or NULL. */
static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Reads the entered codes: trimmed, upper case (of the letters A to Z, as the rules compare them), each once. */
static void
read_codes(FunctionCallInfo fcinfo, int n, QuoteRequest *request)
{
	Datum *elements;
	bool *nulls;
	int count;

	if (PG_ARGISNULL(n))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count > MAX_CODES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("at most %d codes can be entered", MAX_CODES)));
	request->codes = palloc(sizeof(char *) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		char *code;
		int seen = 0;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a code must not be null")));
		code = TextDatumGetCString(
			DirectFunctionCall1Coll(upper, C_COLLATION_OID, DirectFunctionCall1(btrim1, elements[i])));
		while (seen < request->code_count && strcmp(request->codes[seen], code) != 0)
			seen++;
		if (seen == request->code_count)
			request->codes[request->code_count++] = code;
	}
}

/* Reads the part of a destination that prices depend on. */
static void
read_destination(Jsonb *ship_to, QuoteRequest *request)
{
	if (!JB_ROOT_IS_OBJECT(ship_to))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("ship_to must be a JSON object"),
						errhint("For example {\"country\": \"DE\", \"postal_code\": \"10115\"}.")));
	request->country = commerce_json_get_string(&ship_to->root, "country");
	request->region = commerce_json_get_string(&ship_to->root, "region");
	request->postal_code = commerce_json_get_string(&ship_to->root, "postal_code");
}

/* Reads the options that taxes depend on. */
static void
read_tax_options(JsonbContainer *root, QuoteRequest *request)
{
	JsonbValue value;

	request->tax_level = commerce_json_get_string(root, "tax_level");
	if (commerce_json_find(root, "prices_include_tax", &value))
		request->prices_include_tax = commerce_json_get_bool(root, "prices_include_tax", false);
	request->keep = commerce_json_get_string(root, "keep");
	if (request->keep != NULL && strcmp(request->keep, "gross") != 0 && strcmp(request->keep, "net") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"keep\" must be gross or net")));
	request->vat_country = commerce_json_get_string(root, "vat_country");
	if (commerce_json_get_money(root, "cash_increment", 0, &request->cash_increment) &&
		commerce_amount_minor(request->cash_increment) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"cash_increment\" must be greater than zero")));
}

/* Returns the array under a key of the options; NULL where it is absent. */
static Jsonb *
read_array(JsonbContainer *root, const char *key)
{
	JsonbValue value;

	if (!commerce_json_find(root, key, &value))
		return NULL;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" must be an array of objects", key)));
	return JsonbValueToJsonb(&value);
}

/* Reads the options. */
static void
read_options(Jsonb *options, QuoteRequest *request)
{
	JsonbContainer *root = &options->root;

	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object")));
	commerce_refuse_unknown_keys(root, option_keys, "options");
	read_tax_options(root, request);
	request->options = root;
	request->promotions = read_array(root, "promotions");
	request->discounts = read_array(root, "discounts");
}

/* Tells whether the request says how, or by what, prices are reduced. */
bool
commerce_request_sets_discounts(const QuoteRequest *request)
{
	return request->promotions || request->discounts ||
		   (request->options && commerce_says_pricing_options(request->options));
}

/* Fills a request from the arguments of quote() and checkout(). */
void
commerce_quote_request(FunctionCallInfo fcinfo, int first, QuoteRequest *request)
{
	*request = (QuoteRequest){.prices_include_tax = -1};
	if (PG_ARGISNULL(first))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("lines must not be null")));
	request->lines = PG_GETARG_JSONB_P(first);
	read_codes(fcinfo, first + 1, request);
	request->customer = PG_ARGISNULL(first + 2) ? NULL : PG_GETARG_UUID_P(first + 2);
	request->channel = text_argument(fcinfo, first + 3);
	request->currency = text_argument(fcinfo, first + 4);
	if (!PG_ARGISNULL(first + 5))
		read_destination(PG_GETARG_JSONB_P(first + 5), request);
	request->shipping_method = text_argument(fcinfo, first + 6);
	request->at =
		PG_ARGISNULL(first + 7) ? GetCurrentTransactionStartTimestamp() : PG_GETARG_TIMESTAMPTZ(first + 7);
	request->priced_at = !PG_ARGISNULL(first + 7);
	if (!PG_ARGISNULL(first + 8))
		read_options(PG_GETARG_JSONB_P(first + 8), request);
	if (request->channel == NULL)
		request->channel = "default";
}

/* Reads the tags of a line. */
static void
read_tags(JsonbContainer *object, QuoteLine *line)
{
	JsonbValue value;
	JsonbIterator *iterator;

	if (!commerce_json_find(object, "tags", &value))
		return;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"tags\" must be an array of strings")));
	line->tags = palloc(sizeof(char *) * Max(JsonContainerSize(value.val.binary.data), 1));
	iterator = JsonbIteratorInit(value.val.binary.data);
	while (true)
	{
		JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);

		if (token == WJB_DONE)
			break;
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvString)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("\"tags\" must be an array of strings")));
		line->tags[line->tag_count++] = pnstrdup(value.val.string.val, value.val.string.len);
	}
}

/* Reads what a caller says of one line. */
static void
read_line(JsonbContainer *object, int number, int currency, QuoteLine *line)
{
	Amount price;
	int64 per_quantity = 1;
	JsonbValue attributes;

	commerce_refuse_unknown_keys(object, line_keys, "a line");
	line->sku = commerce_json_get_string(object, "sku");
	if (line->sku == NULL || line->sku[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("line %d has no sku", number),
						errhint("A line is {\"sku\": \"A\", \"quantity\": 2}.")));
	if (!commerce_json_get_int(object, "quantity", &line->quantity) || line->quantity <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("line %d needs a quantity greater than zero", number),
						errhint("A line is {\"sku\": \"A\", \"quantity\": 2}.")));
	if (line->quantity > MAX_QUANTITY)
		ereport(ERROR, (errcode(ERRCODE_AMOUNT_OUT_OF_RANGE),
						errmsg("line %d has more than " INT64_FORMAT " units", number, MAX_QUANTITY)));
	line->title = commerce_json_get_string(object, "title");
	line->brand = commerce_json_get_string(object, "brand");
	line->category = commerce_json_get_string(object, "category");
	line->tax_class = commerce_json_get_string(object, "tax_class");
	read_tags(object, line);
	if (commerce_json_find(object, "attributes", &attributes))
	{
		if (attributes.type != jbvBinary || !JsonContainerIsObject(attributes.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"attributes\" must be an object")));
		line->attributes = attributes.val.binary.data;
	}
	line->tax_exempt = commerce_json_get_bool(object, "tax_exempt", false);
	line->manual = commerce_read_manual(object, currency, &line->manual_count);
	line->described_by_caller = line->manual_count > 0 || line->tax_exempt || line->brand || line->category ||
								line->tax_class || line->tags || line->attributes;
	line->priced_by_caller = commerce_json_get_money(object, "unit_price", currency, &price);
	(void) commerce_json_get_int(object, "per_quantity", &per_quantity);
	if (per_quantity < 1 || per_quantity > PG_INT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"per_quantity\" must be from 1 to %d", PG_INT32_MAX)));
	line->per_quantity = (int) per_quantity;
	line->discountable = true;
	line->track_stock = true;
	line->requires_shipping = true;
	line->list_price = -1;
	line->gift_of = -1;
	if (!line->priced_by_caller)
		return;
	commerce_require_same_currency(currency, commerce_amount_currency(price));
	line->unit_price = commerce_amount_minor(price);
	if (line->unit_price < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"unit_price\" must not be negative")));
}

/* Reads the lines as the caller gave them. */
void
commerce_read_lines(const QuoteRequest *request, Quote *quote)
{
	JsonbContainer **objects;

	quote->line_count = commerce_json_objects(request->lines, "lines", &objects);
	if (quote->line_count == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lines must not be empty"),
						errhint("A line is {\"sku\": \"A\", \"quantity\": 2}.")));
	quote->lines = palloc_extended(sizeof(QuoteLine) * quote->line_count, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < quote->line_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_line(objects[i], i + 1, quote->currency, &quote->lines[i]);
	}
}
