/*
 * row_condition.c: conditions, the language of promotions, asked of a row.
 *
 * A row is to a condition what a line of a cart is, with nothing but attributes: attributes.total is the column total,
 * attributes.options.size what the jsonb column options has there. Numbers are numbers, booleans booleans, NULL is
 * absent, dates and times are as ISO 8601 writes them (2026-11-25T18:05:00), and everything else is its text. Money is a number of its main unit (12.5), because attributes have no
 * currency; which currency that is, attributes.total.currency tells.
 */
#include "order/change.h"

#include <math.h>

#include "money/amount.h"
#include "money/currency.h"
#include "rule/cart_json.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#pragma GCC diagnostic pop

typedef struct Row
{
	HeapTuple tuple;
	TupleDesc desc;
} Row;

static const RuleValue absent = {.kind = RULE_VALUE_ABSENT};

/* Makes a number of a value. */
static RuleValue
number_value(double number)
{
	return (RuleValue){.kind = RULE_VALUE_NUMBER, .number = number};
}

/* Makes a text of a value. */
static RuleValue
text_value(const char *text)
{
	return (RuleValue){.kind = RULE_VALUE_TEXT, .text = text};
}

/* Reads what a path finds in an amount: nothing more, its currency, or its minor units. */
static RuleValue
money_value(Amount amount, const char *path)
{
	const Currency *currency = commerce_currency_by_number(commerce_amount_currency(amount));
	double power = 1;

	if (path != NULL && strcmp(path, "currency") == 0)
		return text_value(commerce_currency_code(commerce_amount_currency(amount)));
	if (path != NULL && strcmp(path, "minor") == 0)
		return number_value((double) commerce_amount_minor(amount));
	if (path != NULL)
		return absent;
	for (int i = 0; currency != NULL && i < currency->digits; i++)
		power *= 10;
	/* Both are exact, so the quotient is the double nearest to the amount, as that of a literal is to the literal. */
	return number_value((double) commerce_amount_minor(amount) / power);
}

/* Reads what a path finds in a jsonb document. */
static RuleValue
json_value(Datum datum, const char *path)
{
	Jsonb *json = DatumGetJsonbP(datum);

	return path ? commerce_jsonb_attribute(&json->root, path) : absent;
}

/* Reads a value of any type but those that have parts. */
static RuleValue
plain_value(Datum datum, Oid type)
{
	char moment[MAXDATELEN + 1];
	Oid output;
	bool varlena;

	switch (type)
	{
		case BOOLOID: return (RuleValue){.kind = RULE_VALUE_BOOL, .truth = DatumGetBool(datum)};
		case INT2OID: return number_value(DatumGetInt16(datum));
		case INT4OID: return number_value(DatumGetInt32(datum));
		case INT8OID: return number_value((double) DatumGetInt64(datum));
		case FLOAT4OID: return number_value(DatumGetFloat4(datum));
		case FLOAT8OID: return number_value(DatumGetFloat8(datum));
		case NUMERICOID:
			return number_value(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, datum)));
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID: return text_value(pstrdup(JsonEncodeDateTime(moment, datum, type, NULL)));
		default: break;
	}
	getTypeOutputInfo(type, &output, &varlena);
	return text_value(OidOutputFunctionCall(output, datum));
}

/* Finds a column by the first label of a path, and in it what the rest of the path says. */
static RuleValue
row_attribute(const void *attributes, const char *path)
{
	const Row *row = attributes;
	const char *dot = strchr(path, '.');
	size_t length = dot ? (size_t) (dot - path) : strlen(path);

	for (int a = 0; a < row->desc->natts; a++)
	{
		Form_pg_attribute column = TupleDescAttr(row->desc, a);
		bool isnull;
		Oid type;
		Datum datum;

		if (column->attisdropped || strncmp(NameStr(column->attname), path, length) != 0 ||
			NameStr(column->attname)[length] != '\0')
			continue;
		datum = heap_getattr(row->tuple, a + 1, row->desc, &isnull);
		/* What is generated will be so after the last trigger; until then there is what was. */
		if (isnull || column->attgenerated)
			return absent;
		type = getBaseType(column->atttypid);
		if (type == JSONBOID)
			return json_value(datum, dot ? dot + 1 : NULL);
		if (type == commerce_amount_type())
			return money_value(DatumGetAmount(datum), dot ? dot + 1 : NULL);
		return dot ? absent : plain_value(datum, type);
	}
	return absent;
}

/* Tells whether the condition holds for a row; without a condition it does. */
bool
commerce_condition_holds_for_row(const RuleNode *condition, HeapTuple tuple, TupleDesc desc)
{
	Row row = {.tuple = tuple, .desc = desc};
	RuleLine line = {.quantity = 1, .attributes = &row};
	RuleCart cart = {.lines = &line, .line_count = 1, .attribute = row_attribute};

	return condition == NULL || commerce_condition_holds(condition, &cart);
}
