/*
 * claims.c: reading the claims of a token without believing any of it yet.
 *
 * A reader of its own, and not the server's, because it runs before anything is verified, must never raise an error
 * that quotes the token, and is tested under sanitizers with every text that somebody may send. It checks the grammar
 * of RFC 8259 whole, so that there is nothing in an accepted token that two readers could take for two things.
 */
#include "privacy/claims.h"

#include <string.h>

#define MAX_DEPTH 16
#define MAX_SECOND_DIGITS 14

typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static bool read_value(Reader *reader, int depth, Claim *value);

static void
skip_blanks(Reader *reader)
{
	while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL && *reader->at != '\0')
		reader->at++;
}

/* Passes this character where it comes next. */
static bool
take(Reader *reader, char wanted)
{
	if (reader->at == reader->end || *reader->at != wanted)
		return false;
	reader->at++;
	return true;
}

static bool
take_word(Reader *reader, const char *word)
{
	size_t length = strlen(word);

	if ((size_t) (reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Passes what follows a backslash. */
static bool
read_escape(Reader *reader)
{
	if (reader->at == reader->end)
		return false;
	if (*reader->at == 'u')
	{
		reader->at++;
		for (int i = 0; i < 4; i++)
			if (reader->at == reader->end || !is_hex(*reader->at++))
				return false;
		return true;
	}
	return *reader->at != '\0' && strchr("\"\\/bfnrt", *reader->at++) != NULL;
}

/* Passes a string. */
static bool
read_string(Reader *reader, Claim *value)
{
	if (!take(reader, '"'))
		return false;
	value->kind = CLAIM_STRING;
	value->at = reader->at;
	while (reader->at < reader->end && *reader->at != '"')
	{
		if ((unsigned char) *reader->at < ' ')
			return false;
		if (*reader->at++ == '\\' && !read_escape(reader))
			return false;
	}
	value->length = (size_t) (reader->at - value->at);
	return take(reader, '"');
}

/* Passes digits and returns how many. */
static size_t
read_digits(Reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return (size_t) (reader->at - start);
}

/* Passes a number. */
static bool
read_number(Reader *reader, Claim *value)
{
	value->kind = CLAIM_NUMBER;
	value->at = reader->at;
	(void) take(reader, '-');
	if (!take(reader, '0') && read_digits(reader) == 0)
		return false;
	if (take(reader, '.') && read_digits(reader) == 0)
		return false;
	if (take(reader, 'e') || take(reader, 'E'))
	{
		if (!take(reader, '+'))
			(void) take(reader, '-');
		if (read_digits(reader) == 0)
			return false;
	}
	value->length = (size_t) (reader->at - value->at);
	return true;
}

/* Passes an array. */
static bool
read_array(Reader *reader, int depth, Claim *value)
{
	Claim element;

	value->kind = CLAIM_ARRAY;
	value->at = reader->at;
	if (!take(reader, '['))
		return false;
	skip_blanks(reader);
	if (!take(reader, ']'))
	{
		do
			if (!read_value(reader, depth + 1, &element))
				return false;
		while (take(reader, ','));
		if (!take(reader, ']'))
			return false;
	}
	value->length = (size_t) (reader->at - value->at);
	return true;
}

/* Passes an object; at depth 0, where the wanted member is looked for, its value is noted and names are checked. */
static bool
read_object(Reader *reader, int depth, const char *wanted, Claim *found)
{
	if (!take(reader, '{'))
		return false;
	skip_blanks(reader);
	if (take(reader, '}'))
		return true;
	do
	{
		Claim name, value;

		skip_blanks(reader);
		if (!read_string(reader, &name))
			return false;
		skip_blanks(reader);
		if (!take(reader, ':') || !read_value(reader, depth + 1, &value))
			return false;
		if (wanted == NULL)
			continue;
		if (memchr(name.at, '\\', name.length) != NULL)
			return false;
		if (commerce_claim_is(&name, wanted))
		{
			if (found->kind != CLAIM_ABSENT)
				return false;
			*found = value;
		}
	} while (take(reader, ','));
	return take(reader, '}');
}

/* Passes any value and the blanks around it. */
static bool
read_value(Reader *reader, int depth, Claim *value)
{
	bool good;

	skip_blanks(reader);
	if (depth > MAX_DEPTH || reader->at == reader->end)
		return false;
	value->kind = CLAIM_OTHER;
	value->at = reader->at;
	switch (*reader->at)
	{
		case '"': good = read_string(reader, value); break;
		case '[': good = read_array(reader, depth, value); break;
		case '{': good = read_object(reader, depth, NULL, value); break;
		case 't': good = take_word(reader, "true"); break;
		case 'f': good = take_word(reader, "false"); break;
		case 'n': good = take_word(reader, "null"); break;
		default: good = read_number(reader, value);
	}
	if (value->kind == CLAIM_OTHER)
		value->length = (size_t) (reader->at - value->at);
	skip_blanks(reader);
	return good;
}

/* Finds a member of a JSON object. */
bool
commerce_claim_find(const char *json, size_t length, const char *name, Claim *claim)
{
	Reader reader = {json, json + length};

	*claim = (Claim){CLAIM_ABSENT, NULL, 0};
	skip_blanks(&reader);
	if (!read_object(&reader, 0, name, claim))
		return false;
	skip_blanks(&reader);
	return reader.at == reader.end;
}

/* Compares a string. */
bool
commerce_claim_is(const Claim *claim, const char *value)
{
	return claim->kind == CLAIM_STRING && claim->length == strlen(value) &&
		   memcmp(claim->at, value, claim->length) == 0;
}

/* Looks for a string, also in an array. */
bool
commerce_claim_includes(const Claim *claim, const char *value)
{
	Reader reader;
	Claim element;

	if (claim->kind != CLAIM_ARRAY)
		return commerce_claim_is(claim, value);
	/* It was read before, so it is well formed. */
	reader = (Reader){claim->at + 1, claim->at + claim->length - 1};
	do
		if (read_value(&reader, 1, &element) && commerce_claim_is(&element, value))
			return true;
	while (take(&reader, ','));
	return false;
}

/* Reads a time. */
bool
commerce_claim_seconds(const Claim *claim, int64_t *seconds)
{
	size_t digits = 0;

	*seconds = 0;
	if (claim->kind != CLAIM_NUMBER)
		return false;
	for (; digits < claim->length && claim->at[digits] >= '0' && claim->at[digits] <= '9'; digits++)
	{
		if (digits == MAX_SECOND_DIGITS)
			return false;
		*seconds = *seconds * 10 + (claim->at[digits] - '0');
	}
	if (digits == 0 || memchr(claim->at, 'e', claim->length) || memchr(claim->at, 'E', claim->length))
		return false;
	return digits == claim->length || claim->at[digits] == '.';
}

/* Returns what a hexadecimal digit stands for. */
static uint8_t
hex_value(char c)
{
	return (uint8_t) (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Reads a UUID. */
bool
commerce_claim_uuid(const Claim *claim, uint8_t uuid[16])
{
	int digits = 0;

	if (claim->kind != CLAIM_STRING || claim->length != 36)
		return false;
	memset(uuid, 0, 16);
	for (int i = 0; i < 36; i++)
	{
		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (claim->at[i] != '-')
				return false;
			continue;
		}
		if (!is_hex(claim->at[i]))
			return false;
		uuid[digits / 2] = (uint8_t) (uuid[digits / 2] << 4 | hex_value(claim->at[i]));
		digits++;
	}
	return true;
}
