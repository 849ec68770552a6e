/*
 * luhn.c: finding payment card numbers in free text.
 *
 * A card number is 13 to 19 digits, in one piece or in groups with blanks or dashes between them, that begin as the
 * card schemes' numbers do, have the length the scheme uses, and pass the Luhn check. All three together, because one
 * in ten of all numbers passes the check and shops hold many numbers: of articles, parcels, accounts and telephones.
 * A number written with a leading + and at most 15 digits is a telephone number (E.164), whatever it adds up to.
 *
 * Groups are tried from each to each, so that "order 12: 4111 1111 1111 1111" is found and a number that is
 * only part of a longer piece of digits is not.
 */
#include "privacy/luhn.h"

#define MIN_DIGITS 13
#define MAX_DIGITS 19
#define MAX_PHONE_DIGITS 15
#define MAX_SEPARATORS 3

/* A scheme's numbers: the first four digits lie in a range, the length in another. */
typedef struct Scheme
{
	int first;
	int last;
	int min_digits;
	int max_digits;
} Scheme;

static const Scheme schemes[] = {
	{2200, 2204, 16, 19}, /* Mir */
	{2221, 2720, 16, 16}, /* Mastercard */
	{3000, 3059, 14, 19}, /* Diners Club */
	{3095, 3095, 14, 19}, /* Diners Club */
	{3400, 3499, 15, 15}, /* American Express */
	{3528, 3589, 16, 19}, /* JCB */
	{3600, 3699, 14, 19}, /* Diners Club */
	{3700, 3799, 15, 15}, /* American Express */
	{3800, 3999, 14, 19}, /* Diners Club */
	{4000, 4999, 13, 13}, /* Visa */
	{4000, 4999, 16, 19}, /* Visa */
	{5000, 5099, 13, 19}, /* Maestro */
	{5100, 5599, 16, 16}, /* Mastercard */
	{5600, 5899, 13, 19}, /* Maestro */
	{6000, 6999, 13, 19}, /* Discover, UnionPay, Maestro, RuPay */
};

/* Is this an ASCII digit? */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* May this stand between the groups of a number? */
static bool
is_separator(char c)
{
	return c == ' ' || c == '-';
}

/* Does the last digit fit the others (Luhn, 1960)? */
static bool
passes_luhn(const char *digits, int count)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
	{
		int digit = digits[count - 1 - i] - '0';

		if (i % 2 == 1)
			digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
		sum += digit;
	}
	return sum % 10 == 0;
}

/* Is this the number of a card? */
static bool
is_card(const char *digits, int count)
{
	int prefix = 0;

	if (count < MIN_DIGITS || count > MAX_DIGITS)
		return false;
	for (int i = 0; i < 4; i++)
		prefix = prefix * 10 + (digits[i] - '0');
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (prefix >= schemes[i].first && prefix <= schemes[i].last && count >= schemes[i].min_digits &&
			count <= schemes[i].max_digits)
			return passes_luhn(digits, count);
	return false;
}

/* Returns where the group of digits that begins here ends. */
static const char *
group_end(const char *at, const char *end)
{
	while (at < end && is_digit(*at))
		at++;
	return at;
}

/* Returns where the next group begins, NULL where other text or too many separators come between. */
static const char *
next_group(const char *at, const char *end)
{
	int separators = 0;

	while (at < end && is_separator(*at) && separators < MAX_SEPARATORS)
	{
		at++;
		separators++;
	}
	return separators > 0 && at < end && is_digit(*at) ? at : NULL;
}

/* Does a card number begin with the group that begins here? A leading + makes up to 15 digits a telephone number. */
static bool
card_begins(const char *at, const char *end, bool plus)
{
	char digits[MAX_DIGITS];
	int count = 0;

	while (at != NULL)
	{
		const char *stop = group_end(at, end);

		if (stop - at > MAX_DIGITS - count)
			return false;
		while (at < stop)
			digits[count++] = *at++;
		if (is_card(digits, count) && !(plus && count <= MAX_PHONE_DIGITS))
			return true;
		at = next_group(at, end);
	}
	return false;
}

/* Says whether a card number stands anywhere in the text. */
bool
commerce_holds_card_number(const char *text, size_t length)
{
	const char *end = text + length;
	const char *at = text;

	while (at < end)
	{
		if (!is_digit(*at))
		{
			at++;
			continue;
		}
		if (card_begins(at, end, at > text && at[-1] == '+'))
			return true;
		at = group_end(at, end);
	}
	return false;
}
