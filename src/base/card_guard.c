/*
 * card_guard.c: keeping payment card numbers out of the database.
 *
 * Whoever stores one has all of the card schemes' rules (PCI DSS) to follow, with every backup and every replica, and a
 * shop stores free text from strangers. So each way in asks here: what arrives at a high rate where it enters, all else
 * by a trigger on the table it ends in.
 */
#include "base/card_guard.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/luhn.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* So many digits a card number has at least: shorter texts are not looked at. */
#define SHORTEST 13

/* Refuses bytes that hold a card number. */
static void
refuse_in(const char *field, const char *bytes, size_t length)
{
	if (length < SHORTEST || !commerce_holds_card_number(bytes, length))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CARD_NUMBER_REFUSED), errmsg("%s holds a payment card number", field),
			 commerce_errfacts("field", field, NULL),
			 errhint("Card numbers belong to the payment provider; store the token that it gives for one.")));
}

/* Refuses a text. */
void
commerce_refuse_card_number(const char *field, const char *text)
{
	if (text != NULL)
		refuse_in(field, text, strlen(text));
}

/* Refuses a document for any of its keys, strings and numbers. */
static void
refuse_in_json(const char *field, Jsonb *document)
{
	JsonbIterator *iterator = JsonbIteratorInit(&document->root);
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		if (token != WJB_KEY && token != WJB_VALUE && token != WJB_ELEM)
			continue;
		if (value.type == jbvString)
			refuse_in(field, value.val.string.val, value.val.string.len);
		else if (value.type == jbvNumeric)
		{
			char *number =
				DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));

			refuse_in(field, number, strlen(number));
			pfree(number);
		}
	}
}

/* Refuses an array for any of its texts. */
static void
refuse_in_array(const char *field, ArrayType *array)
{
	Datum *values;
	bool *nulls;
	int count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			commerce_refuse_card_value(field, values[i], TEXTOID);
}

/* Says which types are looked into. */
bool
commerce_is_free_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == JSONOID ||
		   type == JSONBOID || type == TEXTARRAYOID || type == VARCHARARRAYOID;
}

/* Refuses a value by its type; JSON as text is text. */
void
commerce_refuse_card_value(const char *field, Datum value, Oid type)
{
	if (type == JSONBOID)
		refuse_in_json(field, DatumGetJsonbP(value));
	else if (type == TEXTARRAYOID || type == VARCHARARRAYOID)
		refuse_in_array(field, DatumGetArrayTypeP(value));
	else if (commerce_is_free_text(type))
	{
		text *bytes = DatumGetTextPP(value);

		refuse_in(field, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	}
}
