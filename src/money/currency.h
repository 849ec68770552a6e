/*
 * currency.h: the currencies of ISO 4217. Pure: no server needed.
 */
#ifndef COMMERCE_MONEY_CURRENCY_H
#define COMMERCE_MONEY_CURRENCY_H

#include <stddef.h>

#define CURRENCY_CODE_LENGTH 3
#define CURRENCY_NUMBER_LIMIT 1024 /* an amount has ten bits for the number */

typedef struct Currency
{
	char code[CURRENCY_CODE_LENGTH + 1];
	short number;
	short digits; /* decimals of the minor unit: 2 for EUR, 0 for JPY */
	const char *name;
} Currency;

extern int commerce_currency_count(void);
extern const Currency *commerce_currency_at(int position);
extern const Currency *commerce_currency_by_code(const char *code, size_t length);
extern const Currency *commerce_currency_by_number(int number);

#endif
