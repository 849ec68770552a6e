/*
 * amount.h: money as one 64-bit integer.
 *
 * The high 54 bits hold signed minor units (cents), the low 10 the ISO 4217 number, so an amount is passed by value
 * and never a float. Arithmetic beyond packing is in rounding.h and allocate.h, on plain integers of one currency.
 */
#ifndef COMMERCE_MONEY_AMOUNT_H
#define COMMERCE_MONEY_AMOUNT_H

#include "base/json.h"
#include "base/pg.h"
#include "money/rounding.h"

typedef int64 Amount;

#define DatumGetAmount(datum) ((Amount) DatumGetInt64(datum))
#define AmountGetDatum(amount) Int64GetDatum(amount)
#define PG_GETARG_AMOUNT(n) DatumGetAmount(PG_GETARG_DATUM(n))
#define PG_RETURN_AMOUNT(amount) return AmountGetDatum(amount)

#define AMOUNT_MAX_MINOR INT64CONST(9007199254740991)

/* Returns the signed minor units, e.g. 1250 for 12.50 EUR. */
static inline int64
commerce_amount_minor(Amount amount)
{
	return amount >> 10;
}

/* Returns the ISO 4217 number, e.g. 978 for EUR. */
static inline int
commerce_amount_currency(Amount amount)
{
	return (int) (amount & 0x3ff);
}

/* Packs minor units of a currency number; CM023 beyond ±9,007,199,254,740,991 minor units. */
extern Amount commerce_amount_make(int64 minor, int currency);

/* The same from a wide sum or product. */
extern Amount commerce_amount_make_wide(wide minor, int currency);

/* Parses "12.50 EUR" or "EUR 12.50". */
extern Amount commerce_amount_parse(const char *text);

/* Prints "12.50 EUR". */
extern char *commerce_amount_print(Amount amount);

/* Returns the ISO 4217 number of a code; refuses an unknown one with 22023. */
extern int commerce_currency_number(const char *code);

/* Returns the three letters of an ISO 4217 number. */
extern const char *commerce_currency_code(int number);

/* Refuses two different currencies with CM020. */
extern void commerce_require_same_currency(int first, int second);

/* Returns the decimals of a currency's minor unit, e.g. 2 for EUR. */
extern int commerce_currency_digits(int number);

/* Finds a rounding mode by its name; refuses an unknown one with 22023, listing the known. */
extern RoundingMode commerce_rounding_named(const char *name);

/* Writes {"amount": "12.50", "currency": "EUR", "minor": 1250}. */
extern void commerce_json_money(JsonWriter *writer, int64 minor, int currency);

/* Reads money from JSON in any of its forms: that object, the text "12.50 EUR", or a number or numeric string of the
 * given currency (0: refuse a bare number). Returns false where the key is absent. */
extern bool commerce_json_get_money(JsonbContainer *object, const char *key, int currency, Amount *amount);

/* Reads money from one JSON value in the same forms; "key" is for messages only. */
extern Amount commerce_json_value_money(const JsonbValue *value, const char *key, int currency);

/* Reads a whole document that is money with its own currency. */
extern Amount commerce_jsonb_money(Jsonb *document);

#endif
