/*
 * amount.c: packing, parsing and printing money inside the server, and the refusals that go with it.
 */
#include "money/amount.h"

#include "base/errors.h"
#include "money/currency.h"
#include "money/decimal.h"

StaticAssertDecl(AMOUNT_MAX_MINOR == MONEY_MAX_MINOR,
				 "the packed and the parsed range of money must be the same");

/* Refuses a value no amount can hold. */
static void
refuse_range(int currency)
{
	JsonWriter detail = JSON_WRITER_INIT;
	char limit[MONEY_TEXT_SIZE];

	commerce_money_print(MONEY_MAX_MINOR, commerce_currency_by_number(currency), limit);
	commerce_json_object(&detail);
	commerce_json_key(&detail, "limit");
	commerce_json_string(&detail, limit);
	commerce_json_end_object(&detail);
	ereport(ERROR,
			(errcode(ERRCODE_AMOUNT_OUT_OF_RANGE), errmsg("amount out of range"), commerce_errdetail(&detail),
			 errhint("Split the sum, or keep numbers of this size as numeric.")));
}

/* Refuses a code that is no active currency. */
static void
refuse_currency(const char *code)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown currency \"%s\"", code),
					errhint("Use three capital letters of ISO 4217; commerce.currencies() lists them.")));
}

/* Packs minor units of a currency number. */
Amount
commerce_amount_make_wide(wide minor, int currency)
{
	if (minor > MONEY_MAX_MINOR || minor < -MONEY_MAX_MINOR)
		refuse_range(currency);
	return (Amount) ((uint64) minor << 10 | (uint64) currency);
}

/* Packs minor units of a currency number. */
Amount
commerce_amount_make(int64 minor, int currency)
{
	return commerce_amount_make_wide(minor, currency);
}

/* Refuses a text that does not hold one exact sum of the currency. */
static void
refuse_syntax(MoneySyntax syntax, const char *text, const char *code, const Currency *currency)
{
	switch (syntax)
	{
		case MONEY_OK: break;
		case MONEY_MALFORMED:
			ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
							errmsg("invalid input syntax for type commerce.amount: \"%s\"", text),
							errhint("Write a decimal number and a currency: 12.50 EUR.")));
			break;
		case MONEY_NO_CURRENCY:
			ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
							errmsg("an amount needs a currency: \"%s\"", text),
							errhint("Write a decimal number and a currency: 12.50 EUR.")));
			break;
		case MONEY_UNKNOWN_CURRENCY: refuse_currency(code); break;
		case MONEY_TOO_PRECISE:
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("too many decimals in \"%s\"", text),
				 errdetail("%s has %d decimals.", currency->code, currency->digits),
				 errhint("Round first, as with commerce.amount(12.345, '%s', 'half_up').", currency->code)));
			break;
		case MONEY_OUT_OF_RANGE: refuse_range(currency->number); break;
	}
}

/* Parses "12.50 EUR" or "EUR 12.50". */
Amount
commerce_amount_parse(const char *text)
{
	MoneyText money;
	MoneySyntax syntax = commerce_money_parse(text, &money);

	if (syntax != MONEY_OK)
		refuse_syntax(syntax, text, money.code, money.currency);
	return commerce_amount_make(money.minor, money.currency->number);
}

/* Prints "12.50 EUR". */
char *
commerce_amount_print(Amount amount)
{
	char *text = palloc(MONEY_TEXT_SIZE);

	commerce_money_print(commerce_amount_minor(amount),
						 commerce_currency_by_number(commerce_amount_currency(amount)), text);
	return text;
}

/* Returns the ISO 4217 number of a code. */
int
commerce_currency_number(const char *code)
{
	const Currency *currency = commerce_currency_by_code(code, strlen(code));

	if (currency == NULL)
		refuse_currency(code);
	return currency->number;
}

/* Returns the three letters of an ISO 4217 number. */
const char *
commerce_currency_code(int number)
{
	return commerce_currency_by_number(number)->code;
}

/* Returns the decimals of a currency's minor unit. */
int
commerce_currency_digits(int number)
{
	return commerce_currency_by_number(number)->digits;
}

/* Refuses two different currencies with CM020. */
void
commerce_require_same_currency(int first, int second)
{
	JsonWriter detail = JSON_WRITER_INIT;

	if (first == second)
		return;
	commerce_json_object(&detail);
	commerce_json_key(&detail, "currencies");
	commerce_json_array(&detail);
	commerce_json_string(&detail, commerce_currency_code(first));
	commerce_json_string(&detail, commerce_currency_code(second));
	commerce_json_end_array(&detail);
	commerce_json_end_object(&detail);
	ereport(ERROR, (errcode(ERRCODE_CURRENCY_MISMATCH),
					errmsg("amounts of different currencies: %s and %s", commerce_currency_code(first),
						   commerce_currency_code(second)),
					commerce_errdetail(&detail),
					errhint("Convert to one currency first, or group by commerce.currency().")));
}

/* Finds a rounding mode by its name. */
RoundingMode
commerce_rounding_named(const char *name)
{
	RoundingMode mode = ROUND_HALF_UP;

	if (!commerce_rounding_mode(name, &mode))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown rounding \"%s\"", name),
			 errhint("Known are half_up, half_even, half_down, half_odd, half_ceiling, half_floor, up, down, "
					 "ceiling and floor.")));
	return mode;
}

/* Writes {"amount": "12.50", "currency": "EUR", "minor": 1250}. */
void
commerce_json_money(JsonWriter *writer, int64 minor, int currency)
{
	char text[MONEY_TEXT_SIZE];

	commerce_decimal_print(minor, commerce_currency_digits(currency), text);
	commerce_json_object(writer);
	commerce_json_key(writer, "amount");
	commerce_json_string(writer, text);
	commerce_json_key(writer, "currency");
	commerce_json_string(writer, commerce_currency_code(currency));
	commerce_json_key(writer, "minor");
	commerce_json_int(writer, minor);
	commerce_json_end_object(writer);
}

/* Reads a bare number, or one written as a string, as money of a currency. */
static Amount
decimal_money(const char *text, int currency)
{
	const Currency *known = commerce_currency_by_number(currency);
	int64 minor = 0;
	MoneySyntax syntax = commerce_decimal_parse(text, strlen(text), known, &minor);

	if (syntax != MONEY_OK)
		refuse_syntax(syntax, text, known->code, known);
	return commerce_amount_make(minor, currency);
}

/* Returns a JSON number or string as plain text without needless zeros; NULL for any other type. */
static char *
scalar_text(const JsonbValue *value)
{
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(
			numeric_out, DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value->val.numeric))));
	return NULL;
}

/* Refuses an object whose "amount" and "minor", or whose currency and the wanted one, tell different things. */
static void
refuse_disagreement(const char *key)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" contradicts itself", key),
					errdetail("\"amount\" and \"minor\" name different sums."),
					errhint("Give only one of the two, with \"currency\".")));
}

/* Reads {"amount", "currency"}, {"minor", "currency"} or all three in agreement. */
static Amount
object_money(JsonbContainer *object, const char *key, int currency)
{
	JsonbValue decimal;
	char *code = commerce_json_get_string(object, "currency");
	int64 minor = 0;
	bool has_minor = commerce_json_get_int(object, "minor", &minor);
	bool has_decimal = commerce_json_find(object, "amount", &decimal);
	Amount amount = 0;

	if (code != NULL)
		currency = commerce_currency_number(code);
	if (currency == 0 || (!has_minor && !has_decimal))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not money", key),
			 errhint(
				 "Write {\"amount\": \"12.50\", \"currency\": \"EUR\"} or {\"minor\": 1250, \"currency\": "
				 "\"EUR\"}.")));
	if (has_decimal)
	{
		char *text = scalar_text(&decimal);

		if (text == NULL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("\"%s\" must be %s", "amount", "a number or a string that holds one")));
		amount = decimal_money(text, currency);
		if (has_minor && commerce_amount_minor(amount) != minor)
			refuse_disagreement(key);
		return amount;
	}
	return commerce_amount_make(minor, currency);
}

/* Reads money from one JSON value: the object, "12.50 EUR", or a bare number of the given currency. */
Amount
commerce_json_value_money(const JsonbValue *value, const char *key, int currency)
{
	char *text;
	MoneyText money;

	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return object_money(value->val.binary.data, key, currency);
	text = scalar_text(value);
	if (text == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not money", key),
						errhint("Write \"12.50 EUR\" or {\"amount\": \"12.50\", \"currency\": \"EUR\"}.")));
	if (currency != 0 && commerce_money_parse(text, &money) == MONEY_NO_CURRENCY)
		return decimal_money(text, currency);
	return commerce_amount_parse(text);
}

/* Reads money under a key; false where the key is absent. */
bool
commerce_json_get_money(JsonbContainer *object, const char *key, int currency, Amount *amount)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value))
		return false;
	*amount = commerce_json_value_money(&value, key, currency);
	return true;
}

/* Reads a whole document that is money with its own currency. */
Amount
commerce_jsonb_money(Jsonb *document)
{
	JsonbValue value;

	if (!JB_ROOT_IS_SCALAR(document))
		value = (JsonbValue){.type = jbvBinary, .val.binary = {.data = &document->root}};
	else
		(void) JsonbExtractScalar(&document->root, &value);
	return commerce_json_value_money(&value, "amount", 0);
}
