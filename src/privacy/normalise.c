/*
 * normalise.c: the one form of a value that a blind index looks for.
 *
 * Two spellings that mean one thing must come out alike, for ever and on every server; two that may mean different
 * things must not. So:
 *
 *   email   NFKC, trimmed, case folded, the domain's labels in ASCII (punycode). Dots and plus signs before the @
 *           stay: whether they matter is the receiving server's affair.
 *   phone   digits with the country's code and a + before them (phone.c); digits alone where no country is known.
 *   text    NFKC, trimmed.
 *
 * Unicode promises that normalisation and case folding of assigned characters never change, so an upgrade of the
 * server leaves the index good. NFKC runs again after folding, because folding can undo it. All of that leaves ASCII as it
 * is but for A to Z, so where there is nothing else, as nearly always, none of it runs.
 *
 * The server's NFKC takes time with the square of how many accents are heaped on one letter, and nothing interrupts it:
 * minutes for a page of them. Addresses and numbers come from anybody, before a password is asked for, so what is longer
 * than any of them can be written is none.
 */
#include "privacy/normalise.h"

#include "base/settings.h"
#include "privacy/casefold.h"
#include "privacy/phone.h"
#include "privacy/punycode.h"
#include "privacy/utf8.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "common/unicode_norm.h"
#pragma GCC diagnostic pop

#define MAX_LABEL_BYTES 63
#define MAX_SPELLING_BYTES 2048
#define ACE_PREFIX "xn--"

/* Returns the code points of a text, ended by 0. */
static pg_wchar *
decode(const char *text)
{
	pg_wchar *points = palloc((strlen(text) + 1) * sizeof(pg_wchar));
	size_t count = 0;

	for (; *text != '\0'; text += commerce_utf8_length((unsigned char) *text))
		points[count++] = commerce_utf8_decode(text);
	points[count] = 0;
	return points;
}

/* Returns the text of code points that are ended by 0. */
static char *
encode(const pg_wchar *points)
{
	size_t count = 0;
	char *text;
	char *at;

	while (points[count] != 0)
		count++;
	text = at = palloc(4 * count + 1);
	for (size_t i = 0; i < count; i++)
		at += commerce_utf8_encode(points[i], at);
	*at = '\0';
	return text;
}

/* Is this ASCII throughout? */
static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text >= 0x80)
			return false;
	return true;
}

/* Returns the compatibility form of a text. */
char *
commerce_nfkc(const char *text)
{
	if (is_ascii(text))
		return pstrdup(text);
	return encode(unicode_normalize(UNICODE_NFKC, decode(text)));
}

/* Is this white space? Most of Unicode's blanks are plain ones after NFKC; these are left. */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cuts white space off both ends, in place. */
static char *
trim(char *text)
{
	size_t length;

	while (is_space(*text))
		text++;
	length = strlen(text);
	while (length > 0 && is_space(text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* Folds the case of ASCII, in place. */
static char *
fold_ascii(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		*c = pg_ascii_tolower((unsigned char) *c);
	return text;
}

/* Folds the case of a text. */
static char *
fold(const char *text)
{
	pg_wchar *points = decode(text);

	for (pg_wchar *point = points; *point != 0; point++)
		*point = commerce_casefold(*point);
	return encode(points);
}

/* Appends one label of a domain, in ASCII where it fits into a label and unchanged where it does not. */
static void
append_label(StringInfo domain, const char *label, size_t length)
{
	char *copy = pnstrdup(label, length);
	pg_wchar *points = decode(copy);
	char ascii[MAX_LABEL_BYTES];
	size_t count = 0;
	size_t written;
	bool foreign = false;

	for (; points[count] != 0; count++)
		foreign = foreign || points[count] >= 0x80;
	if (foreign && commerce_punycode(ascii, MAX_LABEL_BYTES - strlen(ACE_PREFIX), &written, points, count))
	{
		appendStringInfoString(domain, ACE_PREFIX);
		appendBinaryStringInfo(domain, ascii, (int) written);
	}
	else
		appendStringInfoString(domain, copy);
	pfree(copy);
	pfree(points);
}

/* Returns an e-mail address with its domain in ASCII. */
static char *
with_ascii_domain(const char *address)
{
	const char *at = strrchr(address, '@');
	StringInfoData result;

	if (at == NULL)
		return pstrdup(address);
	initStringInfo(&result);
	appendBinaryStringInfo(&result, address, (int) (at + 1 - address));
	for (at++;;)
	{
		size_t length = strcspn(at, ".");

		append_label(&result, at, length);
		at += length;
		if (*at == '\0')
			return result.data;
		appendStringInfoChar(&result, *at++);
	}
}

/* Returns the one form of a telephone number. */
static char *
phone(const char *text, const char *country)
{
	char *number = palloc(strlen(text) + 8);

	if (country == NULL)
		country = commerce_phone_country;
	if (country != NULL && country[0] != '\0' && !commerce_phone_knows(country))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown country of telephone numbers"),
				 errhint("Give two capital letters of ISO 3166-1, for instance 'DE'.")));
	commerce_phone_normalise(number, text, country);
	return number;
}

/* Returns the normaliser that a name stands for, -1 for none. */
static int
find_normaliser(const char *name)
{
	return strcmp(name, "email") == 0   ? NORMALISE_EMAIL
		   : strcmp(name, "phone") == 0 ? NORMALISE_PHONE
		   : strcmp(name, "text") == 0  ? NORMALISE_TEXT
										: -1;
}

/* Returns the normaliser of this name. */
Normaliser
commerce_normaliser(const char *name)
{
	int found = find_normaliser(name);

	if (found < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown normaliser"),
						errhint("There are email, phone and text.")));
	return (Normaliser) found;
}

/* Returns the normaliser that goes with a field. */
Normaliser
commerce_normaliser_of(const char *field)
{
	int found = find_normaliser(field);

	return found < 0 ? NORMALISE_TEXT : (Normaliser) found;
}

/* Returns the normal form of a text. */
char *
commerce_normalise_as(const char *text, Normaliser normaliser, const char *country)
{
	char *normal = trim(pstrdup(text));

	if (normaliser != NORMALISE_TEXT && strlen(normal) > MAX_SPELLING_BYTES)
		return pstrdup("");
	normal = trim(commerce_nfkc(normal));
	switch (normaliser)
	{
		case NORMALISE_EMAIL:
			return is_ascii(normal) ? fold_ascii(normal) : with_ascii_domain(commerce_nfkc(fold(normal)));
		case NORMALISE_PHONE: return phone(normal, country);
		case NORMALISE_TEXT: break;
	}
	return normal;
}

/* Returns the normal form of a text of a field. */
char *
commerce_normalise(const char *text, const char *field)
{
	return commerce_normalise_as(text, commerce_normaliser_of(field), NULL);
}
