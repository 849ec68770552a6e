/*
 * cart_json.c: reading a cart from JSON.
 *
 *     {"currency": "EUR", "shipping": 5, "country": "DE", "codes": ["SUMMER"],
 *      "lines": [{"sku": "A", "quantity": 2, "unit_price": "10.00", "tags": ["socks"], "attributes": {"size": 42}}]}
 *
 * A line's subtotal is quantity times unit price, and the cart's the sum of its lines', where none is given. Keys that
 * are not known are refused: a misspelled one would make a condition fail for a reason nobody sees.
 */
#include "rule/cart_json.h"

#include "base/errors.h"
#include "base/json.h"
#include "money/amount.h"
#include "rule/rule_sql.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "common/int.h"
#include "utils/datetime.h"
#include "utils/formatting.h"
#pragma GCC diagnostic pop

/* Refuses a cart that is not of the form described above. */
static void
refuse(const char *message, const char *key)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg(message, key)));
}

/* Collects an array of strings. */
static const char **
read_strings(JsonbContainer *object, const char *key, int *count)
{
	JsonbValue value;
	JsonbIterator *iterator;
	const char **strings;

	*count = 0;
	if (!commerce_json_find(object, key, &value))
		return NULL;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		refuse("\"%s\" must be an array of strings", key);
	strings = palloc(sizeof(char *) * (JsonContainerSize(value.val.binary.data) + 1));
	iterator = JsonbIteratorInit(value.val.binary.data);
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
	{
		if (value.type != jbvString)
			refuse("\"%s\" must be an array of strings", key);
		strings[(*count)++] = pnstrdup(value.val.string.val, value.val.string.len);
	}
	return strings;
}

/* Reads money of the cart's currency; false where the key is absent. */
static bool
read_money(JsonbContainer *object, const char *key, const RuleCart *cart, int64 *minor)
{
	Amount amount;

	if (!commerce_json_get_money(object, key, cart->currency, &amount))
		return false;
	commerce_require_same_currency(commerce_amount_currency(amount), cart->currency);
	*minor = commerce_amount_minor(amount);
	return true;
}

/* Raises where minor units leave the range of an amount. */
static int64
in_range(bool overflow, int64 minor, int currency)
{
	if (overflow)
		minor = PG_INT64_MAX;
	return commerce_amount_minor(commerce_amount_make(minor, currency));
}

/* Finds a value by its dotted path. */
RuleValue
commerce_jsonb_attribute(const void *container, const char *path)
{
	JsonbContainer *object = unconstify(void *, container);
	RuleValue found = {.kind = RULE_VALUE_ABSENT};
	JsonbValue value;

	for (;;)
	{
		const char *dot = strchr(path, '.');
		int length = dot ? (int) (dot - path) : (int) strlen(path);

		if (object == NULL || !JsonContainerIsObject(object) ||
			getKeyJsonValueFromContainer(object, path, length, &value) == NULL)
			return found;
		if (dot == NULL)
			break;
		object = value.type == jbvBinary ? value.val.binary.data : NULL;
		path = dot + 1;
	}
	if (value.type == jbvString)
	{
		found.kind = RULE_VALUE_TEXT;
		found.text = pnstrdup(value.val.string.val, value.val.string.len);
	}
	else if (value.type == jbvNumeric)
	{
		found.kind = RULE_VALUE_NUMBER;
		found.number = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value.val.numeric)));
	}
	else if (value.type == jbvBool)
	{
		found.kind = RULE_VALUE_BOOL;
		found.truth = value.val.boolean;
	}
	return found;
}

/* Reads attributes of the shop's own; NULL where the key is absent. */
static const void *
read_attributes(JsonbContainer *object, const char *key)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value))
		return NULL;
	if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
		refuse("\"%s\" must be an object", key);
	return value.val.binary.data;
}

/* Writes a time as clocks and calendars show it. */
static void
set_clock(RuleClock *clock, int year, int month, int day, int hour, int minute)
{
	static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

	snprintf(clock->time, sizeof(clock->time), "%02u:%02u", (unsigned) hour % 100, (unsigned) minute % 100);
	snprintf(clock->date, sizeof(clock->date), "%04u-%02u-%02u", (unsigned) year % 10000,
			 (unsigned) month % 100, (unsigned) day % 100);
	strcpy(clock->weekday, weekdays[j2day(date2j(year, month, day))]);
}

/* Reads a time off a clock and a calendar; false for one that is on none. */
bool
commerce_rule_clock(Timestamp local, RuleClock *clock)
{
	struct pg_tm tm;
	fsec_t fraction;

	if (TIMESTAMP_NOT_FINITE(local) || timestamp2tm(local, NULL, &tm, &fraction, NULL, NULL) != 0)
		return false;
	set_clock(clock, tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min);
	return true;
}

/* Reads a time written as in "2026-11-27 18:30", whatever the session's DateStyle; NULL where the key is absent. */
static const RuleClock *
read_clock(JsonbContainer *object)
{
	char *text = commerce_json_get_string(object, "local_time");
	RuleClock *clock;
	int year, month, day, hour, minute;
	int length = 0;
	int same[3];

	if (text == NULL)
		return NULL;
	if (sscanf(text, "%4d-%2d-%2d %2d:%2d%n", &year, &month, &day, &hour, &minute, &length) != 5 ||
		text[length] != '\0' || year < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59)
		refuse("\"%s\" must be a time such as \"2026-11-27 18:30\"", "local_time");
	if (month < 1 || month > 12 || day < 1 || day > 31)
		refuse("\"%s\" must be a day that there is", "local_time");
	j2date(date2j(year, month, day), &same[0], &same[1], &same[2]);
	if (same[1] != month || same[2] != day)
		refuse("\"%s\" must be a day that there is", "local_time");
	clock = palloc(sizeof(RuleClock));
	set_clock(clock, year, month, day, hour, minute);
	return clock;
}

/* Reads one line. */
static void
read_line(JsonbContainer *object, const RuleCart *cart, RuleLine *line)
{
	static const char *const known[] = {"sku",      "product",    "brand",    "category", "tax_class", "tags",
										"quantity", "unit_price", "subtotal", "on_sale",  "attributes"};
	int64 subtotal;

	commerce_rule_require_keys(object, known, lengthof(known), "a line of the cart");
	memset(line, 0, sizeof(RuleLine));
	line->sku = commerce_json_get_string(object, "sku");
	line->product = commerce_json_get_string(object, "product");
	line->brand = commerce_json_get_string(object, "brand");
	line->category = commerce_json_get_string(object, "category");
	line->tax_class = commerce_json_get_string(object, "tax_class");
	line->tags = read_strings(object, "tags", &line->tag_count);
	line->quantity = 1;
	(void) commerce_json_get_int(object, "quantity", &line->quantity);
	(void) read_money(object, "unit_price", cart, &line->unit_price);
	if (!read_money(object, "subtotal", cart, &line->subtotal))
	{
		bool overflow = pg_mul_s64_overflow(line->quantity, line->unit_price, &subtotal);

		line->subtotal = in_range(overflow, subtotal, cart->currency);
	}
	line->on_sale = commerce_json_get_bool(object, "on_sale", false);
	line->attributes = read_attributes(object, "attributes");
}

/* Reads the lines of a cart; returns the sum of their subtotals. */
static int64
read_lines(JsonbContainer *object, RuleCart *cart)
{
	JsonbValue value;
	JsonbContainer **objects;
	RuleLine *lines;
	int64 sum = 0;

	if (!commerce_json_find(object, "lines", &value))
		return 0;
	if (value.type != jbvBinary)
		refuse("\"%s\" must be an array of objects", "lines");
	cart->line_count = commerce_json_objects(JsonbValueToJsonb(&value), "\"lines\"", &objects);
	lines = palloc_extended(sizeof(RuleLine) * ((Size) cart->line_count + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < cart->line_count; i++)
	{
		bool overflow;

		CHECK_FOR_INTERRUPTS();
		read_line(objects[i], cart, &lines[i]);
		overflow = pg_add_s64_overflow(sum, lines[i].subtotal, &sum);
		sum = in_range(overflow, sum, cart->currency);
	}
	cart->lines = lines;
	return sum;
}

/* Reads a cart. */
void
commerce_cart_from_json(Jsonb *json, RuleCart *cart)
{
	static const char *const known[] = {"currency",        "subtotal",        "shipping",
										"lines",           "channel",         "customer",
										"customer_group",  "customer_orders", "customer_attributes",
										"country",         "region",          "postal_code",
										"shipping_method", "local_time",      "codes"};
	JsonbContainer *object = &json->root;
	char *currency;
	const char **codes;
	int64 sum;

	if (!JsonContainerIsObject(object))
		refuse("%s must be a JSON object", "a cart");
	commerce_rule_require_keys(object, known, lengthof(known), "the cart");
	memset(cart, 0, sizeof(RuleCart));
	currency = commerce_json_get_string(object, "currency");
	if (currency == NULL)
		refuse("a cart needs \"%s\"", "currency");
	cart->currency = commerce_currency_number(currency);
	cart->currency_code = commerce_currency_code(cart->currency);
	cart->attribute = commerce_jsonb_attribute;
	cart->breathe = commerce_rule_breathe;
	sum = read_lines(object, cart);
	if (!read_money(object, "subtotal", cart, &cart->subtotal))
		cart->subtotal = sum;
	(void) read_money(object, "shipping", cart, &cart->shipping);
	cart->channel = commerce_json_get_string(object, "channel");
	cart->customer = commerce_json_get_string(object, "customer");
	cart->customer_group = commerce_json_get_string(object, "customer_group");
	(void) commerce_json_get_int(object, "customer_orders", &cart->customer_orders);
	cart->customer_attributes = read_attributes(object, "customer_attributes");
	cart->clock = read_clock(object);
	cart->country = commerce_json_get_string(object, "country");
	cart->region = commerce_json_get_string(object, "region");
	cart->postal_code = commerce_json_get_string(object, "postal_code");
	cart->shipping_method = commerce_json_get_string(object, "shipping_method");
	codes = read_strings(object, "codes", &cart->code_count);
	for (int i = 0; i < cart->code_count; i++)
		codes[i] = asc_toupper(codes[i], strlen(codes[i]));
	cart->codes = codes;
}
