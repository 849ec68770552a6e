/*
 * decimal.c: reading and printing money without losing or inventing a digit.
 */
#include "money/decimal.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Returns whether a character is a digit, in every locale the same. */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Returns whether a character is an ASCII letter. */
static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Returns whether a character may stand around and between the parts. */
static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Parses [+-]digits[.digits] into minor units; every digit must fit the currency. */
MoneySyntax
commerce_decimal_parse(const char *text, size_t length, const Currency *currency, int64_t *minor)
{
	const char *end = text + length;
	bool negative = false;
	bool point = false;
	bool too_large = false;
	bool too_precise = false;
	int digits = 0;
	int decimals = 0;
	int64_t value = 0;

	if (text < end && (*text == '-' || *text == '+'))
		negative = *text++ == '-';
	for (; text < end; text++)
	{
		if (*text == '.' && !point)
		{
			point = true;
			continue;
		}
		if (!is_digit(*text))
			return MONEY_MALFORMED;
		digits = 1;
		if (point && ++decimals > currency->digits)
		{
			too_precise = true;
			decimals = currency->digits;
			continue;
		}
		if (!too_large)
			value = value * 10 + (*text - '0');
		too_large = too_large || value > MONEY_MAX_MINOR;
	}
	if (digits == 0)
		return MONEY_MALFORMED;
	if (too_precise)
		return MONEY_TOO_PRECISE;
	for (; decimals < currency->digits && !too_large; decimals++)
	{
		value *= 10;
		too_large = value > MONEY_MAX_MINOR;
	}
	if (too_large)
		return MONEY_OUT_OF_RANGE;
	*minor = negative ? -value : value;
	return MONEY_OK;
}

/* Moves both ends of a text inwards over blanks. */
static void
trim(const char **start, const char **end)
{
	while (*start < *end && is_blank(**start))
		(*start)++;
	while (*end > *start && is_blank((*end)[-1]))
		(*end)--;
}

/* Parses "12.50 EUR" or "EUR 12.50", blanks between the two and around them optional. */
MoneySyntax
commerce_money_parse(const char *text, MoneyText *money)
{
	const char *start = text;
	const char *end = text + strlen(text);
	const char *code;
	const char *code_end;

	trim(&start, &end);
	if (start == end)
		return MONEY_MALFORMED;
	if (is_letter(*start))
	{
		code = code_end = start;
		while (code_end < end && is_letter(*code_end))
			code_end++;
		start = code_end;
	}
	else
	{
		code = code_end = end;
		while (code > start && is_letter(code[-1]))
			code--;
		end = code;
	}
	trim(&start, &end);
	if (code == code_end)
		return MONEY_NO_CURRENCY;
	if (code_end - code != CURRENCY_CODE_LENGTH)
		return MONEY_MALFORMED;
	memcpy(money->code, code, CURRENCY_CODE_LENGTH);
	money->code[CURRENCY_CODE_LENGTH] = '\0';
	money->currency = commerce_currency_by_code(code, CURRENCY_CODE_LENGTH);
	if (money->currency == NULL)
		return MONEY_UNKNOWN_CURRENCY;
	return commerce_decimal_parse(start, (size_t) (end - start), money->currency, &money->minor);
}

/* Prints minor units as a decimal with that many digits after the point. */
void
commerce_decimal_print(int64_t minor, int digits, char *buffer)
{
	uint64_t magnitude = minor < 0 ? -(uint64_t) minor : (uint64_t) minor;
	uint64_t scale = 1;
	const char *sign = minor < 0 ? "-" : "";

	for (int i = 0; i < digits; i++)
		scale *= 10;
	if (digits == 0)
		snprintf(buffer, MONEY_TEXT_SIZE, "%s%llu", sign, (unsigned long long) magnitude);
	else
		snprintf(buffer, MONEY_TEXT_SIZE, "%s%llu.%0*llu", sign, (unsigned long long) (magnitude / scale),
				 digits, (unsigned long long) (magnitude % scale));
}

/* Prints "12.50 EUR". */
void
commerce_money_print(int64_t minor, const Currency *currency, char *buffer)
{
	size_t length;

	commerce_decimal_print(minor, currency->digits, buffer);
	length = strlen(buffer);
	snprintf(buffer + length, MONEY_TEXT_SIZE - length, " %s", currency->code);
}
