/*
 * lines.c: reading the lines of a cart.
 */
#include "inventory/lines.h"

#include "base/errors.h"
#include "base/json.h"
#include "inventory/kits.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* What a line may say; all but the first three matter to quote() and checkout() only, which take the same lines. */
static const char *const line_keys[] = {"sku",          "quantity",  "location",   "unit_price",
										"per_quantity", "title",     "brand",      "category",
										"tags",         "tax_class", "attributes", NULL};

/* Refuses a line, saying which and what is wrong with it. */
static void
refuse_line(int number, int code, const char *wrong)
{
	JsonWriter detail = JSON_WRITER_INIT;

	commerce_json_object(&detail);
	commerce_json_key(&detail, "line");
	commerce_json_int(&detail, number);
	commerce_json_end_object(&detail);
	ereport(ERROR, (errcode(code), errmsg("line %d %s", number, wrong), commerce_errdetail(&detail),
					errhint("A line is {\"sku\": \"A\", \"quantity\": 2}.")));
}

/* Refuses a key that no line has: a typing mistake must not become a silent default. */
static void
refuse_unknown_keys(JsonbContainer *object, int number)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		int i = 0;

		if (token != WJB_KEY)
			continue;
		while (line_keys[i] && (strlen(line_keys[i]) != (size_t) value.val.string.len ||
								memcmp(line_keys[i], value.val.string.val, value.val.string.len) != 0))
			i++;
		if (line_keys[i] == NULL)
			refuse_line(
				number, ERRCODE_INVALID_PARAMETER_VALUE,
				psprintf("has an unknown key \"%s\"", pnstrdup(value.val.string.val, value.val.string.len)));
	}
}

/* Returns the text under a key, or NULL. */
static char *
read_text(JsonbContainer *object, const char *key, int number)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value))
		return NULL;
	if (value.type != jbvString || value.val.string.len == 0)
		refuse_line(number, ERRCODE_INVALID_PARAMETER_VALUE,
					psprintf("has a %s that is no text or empty", key));
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* Returns whether the number is whole. */
static bool
is_whole(Numeric number)
{
	return !numeric_is_nan(number) && !numeric_is_inf(number) &&
		   DatumGetBool(DirectFunctionCall2(
			   numeric_eq, NumericGetDatum(number),
			   DirectFunctionCall2(numeric_trunc, NumericGetDatum(number), Int32GetDatum(0))));
}

/* Compares a number with a whole one. */
static int
compare(Numeric number, int64 with)
{
	return DatumGetInt32(
		DirectFunctionCall2(numeric_cmp, NumericGetDatum(number), NumericGetDatum(int64_to_numeric(with))));
}

/* Returns the quantity of a line; a number may be written as a string. */
static int64
read_quantity(JsonbContainer *object, int number)
{
	JsonbValue value;
	Numeric quantity = NULL;

	if (commerce_json_find(object, "quantity", &value) && value.type == jbvNumeric)
		quantity = value.val.numeric;
	else if (commerce_json_find(object, "quantity", &value) && value.type == jbvString &&
			 value.val.string.len > 0 && value.val.string.len <= 40 &&
			 strspn(pnstrdup(value.val.string.val, value.val.string.len), "0123456789") ==
				 (size_t) value.val.string.len)
		quantity = DatumGetNumeric(DirectFunctionCall3(
			numeric_in, CStringGetDatum(pnstrdup(value.val.string.val, value.val.string.len)),
			ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	if (quantity == NULL || !is_whole(quantity) || compare(quantity, 0) <= 0)
		refuse_line(number, ERRCODE_INVALID_PARAMETER_VALUE,
					"needs a quantity that is a whole number greater than zero");
	if (compare(quantity, MAX_UNITS) > 0)
		refuse_line(number, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "has a quantity that is out of range");
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(quantity)));
}

/* Reads the lines. */
int
commerce_read_stock_lines(Jsonb *lines, const char *location, StockNeed **needs)
{
	JsonbContainer **objects;
	int count = commerce_json_objects(lines, "lines", &objects);

	if (count > MAX_STOCK_LINES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there are %d lines", count),
						errhint("At most %d lines are taken at once.", MAX_STOCK_LINES)));
	*needs = palloc_extended(sizeof(StockNeed) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		char *sku = read_text(objects[i], "sku", i + 1);
		char *own_location = read_text(objects[i], "location", i + 1);

		CHECK_FOR_INTERRUPTS();
		refuse_unknown_keys(objects[i], i + 1);
		if (sku == NULL)
			refuse_line(i + 1, ERRCODE_INVALID_PARAMETER_VALUE, "has no sku");
		(*needs)[i] = (StockNeed){
			.sku = sku,
			.location = own_location ? own_location : location,
			.quantity = read_quantity(objects[i], i + 1),
			.line = i + 1,
		};
	}
	return count;
}
