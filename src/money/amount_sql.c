/*
 * amount_sql.c: the type commerce.amount: text and binary form, order, and arithmetic that stays whole.
 *
 * Order is total, so that amounts can be sorted, indexed and grouped whatever their currencies: first by ISO number,
 * then by minor units. It says nothing about value across currencies; arithmetic across them is refused.
 */
#include "money/amount.h"

#include "money/currency.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/fmgrprotos.h"
#include "utils/sortsupport.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_amount_in);
PG_FUNCTION_INFO_V1(commerce_amount_out);
PG_FUNCTION_INFO_V1(commerce_amount_recv);
PG_FUNCTION_INFO_V1(commerce_amount_send);
PG_FUNCTION_INFO_V1(commerce_amount_eq);
PG_FUNCTION_INFO_V1(commerce_amount_ne);
PG_FUNCTION_INFO_V1(commerce_amount_lt);
PG_FUNCTION_INFO_V1(commerce_amount_le);
PG_FUNCTION_INFO_V1(commerce_amount_gt);
PG_FUNCTION_INFO_V1(commerce_amount_ge);
PG_FUNCTION_INFO_V1(commerce_amount_cmp);
PG_FUNCTION_INFO_V1(commerce_amount_sortsupport);
PG_FUNCTION_INFO_V1(commerce_amount_hash);
PG_FUNCTION_INFO_V1(commerce_amount_hash_extended);
PG_FUNCTION_INFO_V1(commerce_amount_add);
PG_FUNCTION_INFO_V1(commerce_amount_subtract);
PG_FUNCTION_INFO_V1(commerce_amount_negate);
PG_FUNCTION_INFO_V1(commerce_amount_abs);
PG_FUNCTION_INFO_V1(commerce_amount_code);
PG_FUNCTION_INFO_V1(commerce_amount_minor_units);
PG_FUNCTION_INFO_V1(commerce_amount_from_minor);
PG_FUNCTION_INFO_V1(commerce_minor_digits);
PG_FUNCTION_INFO_V1(commerce_currencies);
PG_FUNCTION_INFO_V1(commerce_amount_jsonb);
PG_FUNCTION_INFO_V1(commerce_amount_json);
PG_FUNCTION_INFO_V1(commerce_jsonb_amount);

/* Parses the text form; also the JSON object, because json_populate_record hands objects to a type's input. */
Datum
commerce_amount_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);

	if (text[strspn(text, " \t\n\r")] == '{')
		PG_RETURN_AMOUNT(
			commerce_jsonb_money(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)))));
	PG_RETURN_AMOUNT(commerce_amount_parse(text));
}

/* Prints the text form. */
Datum
commerce_amount_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(commerce_amount_print(PG_GETARG_AMOUNT(0)));
}

/* Reads the binary form, minor units as int64 and the ISO number as int16, and trusts neither. */
Datum
commerce_amount_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int64 minor = pq_getmsgint64(message);
	int number = (int16) pq_getmsgint(message, 2);

	if (commerce_currency_by_number(number) == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("unknown currency number %d in external commerce.amount", number)));
	PG_RETURN_AMOUNT(commerce_amount_make(minor, number));
}

/* Writes the binary form. */
Datum
commerce_amount_send(PG_FUNCTION_ARGS)
{
	Amount amount = PG_GETARG_AMOUNT(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, commerce_amount_minor(amount));
	pq_sendint16(&message, (uint16) commerce_amount_currency(amount));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Compares by currency number, then by minor units. */
static int
compare(Amount first, Amount second)
{
	int first_currency = commerce_amount_currency(first);
	int second_currency = commerce_amount_currency(second);

	if (first_currency != second_currency)
		return first_currency < second_currency ? -1 : 1;
	return (first > second) - (first < second);
}

/* Is the first equal to the second? */
Datum
commerce_amount_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_AMOUNT(0) == PG_GETARG_AMOUNT(1));
}

/* Is the first different from the second? */
Datum
commerce_amount_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_AMOUNT(0) != PG_GETARG_AMOUNT(1));
}

/* Does the first come before the second? */
Datum
commerce_amount_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(PG_GETARG_AMOUNT(0), PG_GETARG_AMOUNT(1)) < 0);
}

/* Is the first not after the second? */
Datum
commerce_amount_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(PG_GETARG_AMOUNT(0), PG_GETARG_AMOUNT(1)) <= 0);
}

/* Does the first come after the second? */
Datum
commerce_amount_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(PG_GETARG_AMOUNT(0), PG_GETARG_AMOUNT(1)) > 0);
}

/* Is the first not before the second? */
Datum
commerce_amount_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(PG_GETARG_AMOUNT(0), PG_GETARG_AMOUNT(1)) >= 0);
}

/* Returns -1, 0 or 1 for B-trees. */
Datum
commerce_amount_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(PG_GETARG_AMOUNT(0), PG_GETARG_AMOUNT(1)));
}

/* Compares two datums without a function call's overhead. */
static int
compare_datums(Datum first, Datum second, SortSupport support)
{
	(void) support;
	return compare(DatumGetAmount(first), DatumGetAmount(second));
}

/* Hands the comparison to sorts. */
Datum
commerce_amount_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport support = (SortSupport) PG_GETARG_POINTER(0);

	support->comparator = compare_datums;
	PG_RETURN_VOID();
}

/* Hashes an amount to 32 bits. */
Datum
commerce_amount_hash(PG_FUNCTION_ARGS)
{
	Amount amount = PG_GETARG_AMOUNT(0);

	return hash_any((unsigned char *) &amount, sizeof(amount));
}

/* Hashes an amount to 64 bits with a seed. */
Datum
commerce_amount_hash_extended(PG_FUNCTION_ARGS)
{
	Amount amount = PG_GETARG_AMOUNT(0);

	return hash_any_extended((unsigned char *) &amount, sizeof(amount), (uint64) PG_GETARG_INT64(1));
}

/* Adds two amounts of one currency. */
Datum
commerce_amount_add(PG_FUNCTION_ARGS)
{
	Amount first = PG_GETARG_AMOUNT(0);
	Amount second = PG_GETARG_AMOUNT(1);

	commerce_require_same_currency(commerce_amount_currency(first), commerce_amount_currency(second));
	PG_RETURN_AMOUNT(commerce_amount_make(commerce_amount_minor(first) + commerce_amount_minor(second),
										  commerce_amount_currency(first)));
}

/* Subtracts an amount from another of the same currency. */
Datum
commerce_amount_subtract(PG_FUNCTION_ARGS)
{
	Amount first = PG_GETARG_AMOUNT(0);
	Amount second = PG_GETARG_AMOUNT(1);

	commerce_require_same_currency(commerce_amount_currency(first), commerce_amount_currency(second));
	PG_RETURN_AMOUNT(commerce_amount_make(commerce_amount_minor(first) - commerce_amount_minor(second),
										  commerce_amount_currency(first)));
}

/* Changes the sign; the range is symmetrical, so this never fails. */
Datum
commerce_amount_negate(PG_FUNCTION_ARGS)
{
	Amount amount = PG_GETARG_AMOUNT(0);

	PG_RETURN_AMOUNT(commerce_amount_make(-commerce_amount_minor(amount), commerce_amount_currency(amount)));
}

/* Drops the sign. */
Datum
commerce_amount_abs(PG_FUNCTION_ARGS)
{
	Amount amount = PG_GETARG_AMOUNT(0);
	int64 minor = commerce_amount_minor(amount);

	PG_RETURN_AMOUNT(commerce_amount_make(minor < 0 ? -minor : minor, commerce_amount_currency(amount)));
}

/* currency(amount) returns the three letters. */
Datum
commerce_amount_code(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(commerce_currency_code(commerce_amount_currency(PG_GETARG_AMOUNT(0)))));
}

/* minor_units(amount) returns the whole number of cents. */
Datum
commerce_amount_minor_units(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(commerce_amount_minor(PG_GETARG_AMOUNT(0)));
}

/* from_minor(minor, currency) makes an amount of a whole number of cents. */
Datum
commerce_amount_from_minor(PG_FUNCTION_ARGS)
{
	int number = commerce_currency_number(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_AMOUNT(commerce_amount_make(PG_GETARG_INT64(0), number));
}

/* minor_digits(currency) returns how many decimals a currency has, NULL for an unknown one. */
Datum
commerce_minor_digits(PG_FUNCTION_ARGS)
{
	text *code = PG_GETARG_TEXT_PP(0);
	const Currency *currency = commerce_currency_by_code(VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code));

	if (currency == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(currency->digits);
}

/* currencies() lists what commerce.amount knows, in order of codes. */
Datum
commerce_currencies(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < commerce_currency_count(); i++)
	{
		const Currency *currency = commerce_currency_at(i);

		tuplestore_putvalues(result->setResult, result->setDesc,
							 (Datum[]){CStringGetTextDatum(currency->code), Int32GetDatum(currency->number),
									   Int32GetDatum(currency->digits), CStringGetTextDatum(currency->name)},
							 (bool[]){false, false, false, false});
	}
	return (Datum) 0;
}

/* Returns an amount as a JSON document. */
static Jsonb *
document(Amount amount)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_money(&writer, commerce_amount_minor(amount), commerce_amount_currency(amount));
	return commerce_json_finish(&writer);
}

/* amount::jsonb */
Datum
commerce_amount_jsonb(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(document(PG_GETARG_AMOUNT(0)));
}

/* amount::json, which is also what to_json, to_jsonb and row_to_json look for. */
Datum
commerce_amount_json(PG_FUNCTION_ARGS)
{
	Jsonb *json = document(PG_GETARG_AMOUNT(0));

	PG_RETURN_TEXT_P(cstring_to_text(JsonbToCString(NULL, &json->root, VARSIZE(json))));
}

/* jsonb::amount */
Datum
commerce_jsonb_amount(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(commerce_jsonb_money(PG_GETARG_JSONB_P(0)));
}
