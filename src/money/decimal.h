/*
 * decimal.h: money as text, "12.50 EUR". Pure: no server needed.
 */
#ifndef COMMERCE_MONEY_DECIMAL_H
#define COMMERCE_MONEY_DECIMAL_H

#include <stdint.h>

#include "money/currency.h"

#define MONEY_MAX_MINOR INT64_C(9007199254740991) /* 54 signed bits, the same to either side of zero */
#define MONEY_TEXT_SIZE 32                        /* longest: "-9007199254740991 JPY", with its end */

typedef enum MoneySyntax
{
	MONEY_OK,
	MONEY_MALFORMED,
	MONEY_NO_CURRENCY,
	MONEY_UNKNOWN_CURRENCY,
	MONEY_TOO_PRECISE, /* more decimals than the currency has */
	MONEY_OUT_OF_RANGE,
} MoneySyntax;

typedef struct MoneyText
{
	int64_t minor;
	const Currency *currency;            /* set from MONEY_TOO_PRECISE on */
	char code[CURRENCY_CODE_LENGTH + 1]; /* as written; set from MONEY_UNKNOWN_CURRENCY on */
} MoneyText;

extern MoneySyntax commerce_money_parse(const char *text, MoneyText *money);

/* Parses a bare number, "12.50", of a currency that is known already; sets no code. */
extern MoneySyntax commerce_decimal_parse(const char *text, size_t length, const Currency *currency,
										  int64_t *minor);

/* Print into a buffer of MONEY_TEXT_SIZE: "12.50", "12.50 EUR". */
extern void commerce_decimal_print(int64_t minor, int digits, char *buffer);
extern void commerce_money_print(int64_t minor, const Currency *currency, char *buffer);

#endif
