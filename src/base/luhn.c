/*
 * luhn.c: finding payment card numbers in free text.
 *
 * A card number is 13 to 19 digits, in one piece or in groups with blanks or dashes between them, that begin as the
 * card schemes' numbers do, have the length the scheme uses, and pass the Luhn check. All three together, because one
 * in ten of all numbers passes the check and shops hold many numbers: of articles, parcels, accounts and telephones.
 * Digits count in every script, for who types a number does not choose what his keyboard sends.
 *
 * Let pass is what is surely something else: a number with a leading + and at most 15 digits is a telephone number
 * (E.164); 13 digits whose last is right for an article number (GTIN-13, the barcode of every article in a shop) are
 * one, because cards of 13 digits have not been issued for decades; 32 hexadecimal digits or more of which some are
 * letters are an id or a hash, whatever the digits between the letters add up to; and so is, with letters or without,
 * what is written as a UUID is.
 *
 * Groups are tried from each to each, so that "order 12: 4111 1111 1111 1111" is found and a number that is
 * only part of a longer piece of digits is not.
 */
#include "base/luhn.h"

#define MIN_DIGITS 13
#define MAX_DIGITS 19
#define MAX_PHONE_DIGITS 15
#define MAX_SEPARATORS 3
#define GTIN_DIGITS 13
#define ID_DIGITS 32
#define ID_LETTERS 4

/* What a character is, where it is no digit 0 to 9. */
#define OTHER (-1)
#define SEPARATOR (-2)

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

/* Where the ten digits of a script begin (Unicode category Nd), and what else shows ten digits in a row. */
static const unsigned zeros[] = {
	0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,  0x0C66,  0x0CE6,
	0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,  0x17E0,  0x1810,  0x1946,  0x19D0,
	0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0x2080,  0xA620,  0xA8D0,  0xA900,  0xA9D0,
	0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450,
	0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16B50, 0x1D7CE,
	0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
};

/* Is this an ASCII digit? */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is this a letter that is a hexadecimal digit? */
static bool
is_hex_letter(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Is this part of a word? */
static bool
is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char) c >= 0x80;
}

/* Reads a character of UTF-8 and how many bytes it has; what is none has one byte and is no character of note. */
static unsigned
decode(const char *at, const char *end, int *bytes)
{
	const unsigned char *u = (const unsigned char *) at;
	int more = u[0] >= 0xF0 ? 3 : u[0] >= 0xE0 ? 2 : u[0] >= 0xC0 ? 1 : 0;
	unsigned value = more == 3 ? u[0] & 0x07u : more == 2 ? u[0] & 0x0Fu : u[0] & 0x1Fu;

	*bytes = 1;
	if (more == 0 || end - at <= more)
		return 0;
	for (int i = 1; i <= more; i++)
	{
		if ((u[i] & 0xC0) != 0x80)
			return 0;
		value = value << 6 | (u[i] & 0x3Fu);
	}
	*bytes = more + 1;
	return value;
}

/* Says what a character outside of ASCII is. */
static int
classify_wide(unsigned c)
{
	if (c == 0xA0 || (c >= 0x2000 && c <= 0x2015) || c == 0x202F || c == 0x205F || c == 0x2060 ||
		c == 0x2212 || c == 0x3000 || c == 0xFEFF || c == 0xFF0D || c == 0xAD)
		return SEPARATOR;
	if (c == 0xB2 || c == 0xB3)
		return (int) (c - 0xB0);
	if (c == 0xB9)
		return 1;
	if (c == 0x2070 || c == 0x24EA)
		return 0;
	if (c >= 0x2074 && c <= 0x2079)
		return (int) (c - 0x2070);
	if (c >= 0x2460 && c <= 0x2468)
		return (int) (c - 0x245F);
	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		if (c >= zeros[i] && c < zeros[i] + 10)
			return (int) (c - zeros[i]);
	return OTHER;
}

/* Says what stands here, a digit, a separator or other text, and in how many bytes. */
static int
classify(const char *at, const char *end, int *bytes)
{
	unsigned wide;

	*bytes = 1;
	if (is_digit(*at))
		return *at - '0';
	if ((unsigned char) *at < 0x80)
		return *at == ' ' || *at == '-' || *at == '\t' ? SEPARATOR : OTHER;
	wide = decode(at, end, bytes);
	return wide == 0 ? OTHER : classify_wide(wide);
}

/* Does the last digit fit the others (Luhn, 1960)? */
static bool
passes_luhn(const char *digits, int count)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
	{
		int digit = digits[count - 1 - i];

		if (i % 2 == 1)
			digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
		sum += digit;
	}
	return sum % 10 == 0;
}

/* Is this an article number? */
static bool
is_gtin(const char *digits, int count)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
		sum += (i % 2 == 1 ? 3 : 1) * digits[i];
	return count == GTIN_DIGITS && sum % 10 == 0;
}

/* Is this the number of a card? */
static bool
is_card(const char *digits, int count)
{
	int prefix = 0;

	if (count < MIN_DIGITS || count > MAX_DIGITS)
		return false;
	for (int i = 0; i < 4; i++)
		prefix = prefix * 10 + digits[i];
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (prefix >= schemes[i].first && prefix <= schemes[i].last && count >= schemes[i].min_digits &&
			count <= schemes[i].max_digits)
			return passes_luhn(digits, count) && !is_gtin(digits, count);
	return false;
}

/* Reads a group of digits; returns where it ends, NULL where there are more than a card number has left. */
static const char *
read_group(const char *at, const char *end, char *digits, int *count)
{
	int bytes;

	for (; at < end; at += bytes)
	{
		int digit = classify(at, end, &bytes);

		if (digit < 0)
			break;
		if (*count == MAX_DIGITS)
			return NULL;
		digits[(*count)++] = (char) digit;
	}
	return at;
}

/* Returns where the group of digits that begins here ends. */
static const char *
group_end(const char *at, const char *end)
{
	int bytes;

	while (at < end && classify(at, end, &bytes) >= 0)
		at += bytes;
	return at;
}

/* Returns where the next group begins, NULL where other text or too many separators come between. */
static const char *
next_group(const char *at, const char *end)
{
	int separators = 0;
	int bytes;

	while (at < end && separators < MAX_SEPARATORS && classify(at, end, &bytes) == SEPARATOR)
	{
		at += bytes;
		separators++;
	}
	return separators > 0 && at < end && classify(at, end, &bytes) >= 0 ? at : NULL;
}

/* Does a card number begin with the group that begins here? A leading + makes up to 15 digits a telephone number. */
static bool
card_begins(const char *at, const char *end, bool plus)
{
	char digits[MAX_DIGITS];
	int count = 0;

	while (at != NULL)
	{
		at = read_group(at, end, digits, &count);
		if (at == NULL)
			return false;
		if (is_card(digits, count) && !(plus && count <= MAX_PHONE_DIGITS))
			return true;
		at = next_group(at, end);
	}
	return false;
}

/* Is this written as a UUID is: 8, 4, 4, 4 and 12 hexadecimal digits? */
static bool
is_uuid(const char *at, const char *end)
{
	static const char shape[] = "00000000-0000-0000-0000-000000000000";

	if (end - at != (ptrdiff_t) sizeof(shape) - 1)
		return false;
	for (const char *s = shape; *s != '\0'; s++, at++)
		if (*s == '-' ? *at != '-' : !is_digit(*at) && !is_hex_letter(*at))
			return false;
	return true;
}

/* Returns where the id or hash ends that begins here, NULL where none does. */
static const char *
id_end(const char *at, const char *end)
{
	const char *begin = at;
	int letters = 0;
	int digits = 0;

	for (; at < end; at++)
	{
		letters += is_hex_letter(*at);
		digits += is_digit(*at) || is_hex_letter(*at);
		if (!is_digit(*at) && !is_hex_letter(*at) && *at != '-')
			break;
	}
	if (at < end && is_word(*at))
		return NULL;
	return (digits >= ID_DIGITS && letters >= ID_LETTERS) || is_uuid(begin, at) ? at : NULL;
}

/* Says whether a card number stands anywhere in the text. */
bool
commerce_holds_card_number(const char *text, size_t length)
{
	const char *end = text + length;
	const char *at = text;
	int bytes;

	while (at < end)
	{
		const char *id = NULL;
		bool inside = at > text && is_word(at[-1]);

		if (!inside && (is_digit(*at) || is_hex_letter(*at)))
			id = id_end(at, end);
		if (id != NULL)
			at = id;
		else if (classify(at, end, &bytes) < 0)
			at += bytes;
		else if (card_begins(at, end, at > text && at[-1] == '+'))
			return true;
		else
			at = group_end(at, end);
	}
	return false;
}
