/*
 * parse.c: reading a rule, and saying precisely why it cannot be read.
 */
#include <stdio.h>
#include <string.h>

#include "rule/rule_gram.h"

#define FOUND_BYTES 40 /* how much of a long token an error shows */

/* Allocates from the caller's memory. */
void *
commerce_rule_allocate(const RuleMemory *memory, size_t size)
{
	return memory->allocate(memory->context, size);
}

/* Tells whether a byte continues a character of UTF-8. */
static bool
continues(char c)
{
	return ((unsigned char) c & 0xC0) == 0x80;
}

/* Starts the report of the first error; false where there was one already. */
static bool
report(RuleParser *parser, RuleSpan span)
{
	if (parser->failed)
		return false;
	parser->failed = true;
	memset(parser->error, 0, sizeof(RuleError));
	parser->error->position = 1;
	for (int i = 0; i < span.first; i++)
		if (!continues(parser->text[i + 1]))
			parser->error->position++;
	return true;
}

/* Copies the refused token, cut between two characters where it is long. */
static void
copy_found(const RuleParser *parser, RuleSpan span, char *found)
{
	int length = span.last - span.first;

	if (length > FOUND_BYTES)
	{
		length = FOUND_BYTES;
		while (length > 0 && continues(parser->text[span.first + length]))
			length--;
	}
	memcpy(found, parser->text + span.first, (size_t) length);
	found[length] = '\0';
	if (length < span.last - span.first)
		strcat(found, "...");
}

/* Reports that something else was expected in place of a token. */
void
commerce_rule_expected(RuleParser *parser, RuleSpan span, const char *expected)
{
	RuleError *error = parser->error;
	const char *quote;

	if (!report(parser, span))
		return;
	snprintf(error->expected, sizeof(error->expected), "%s", expected);
	copy_found(parser, span, error->found);
	quote = error->found[0] == '\'' ? "" : "\"";
	if (error->found[0])
		snprintf(error->message, sizeof(error->message), "expected %s, found %s%s%s", error->expected, quote,
				 error->found, quote);
	else
		snprintf(error->message, sizeof(error->message), "expected %s, found the end", error->expected);
}

/* Reports what is wrong with a token in other words. */
void
commerce_rule_refuse(RuleParser *parser, RuleSpan span, const char *message)
{
	if (report(parser, span))
		snprintf(parser->error->message, sizeof(parser->error->message), "%s", message);
}

/* Reads the text in the language that starts with this token; false with the error reported. */
static bool
parse(RuleParser *parser, const char *text, const RuleMemory *memory, RuleError *error, int start,
	  bool stored)
{
	size_t length = strlen(text);

	memset(parser, 0, sizeof(RuleParser));
	parser->text = text;
	parser->memory = memory;
	parser->error = error;
	parser->start = start;
	parser->stored = stored;
	parser->line_scope = start == RULE_START_BENEFIT;
	if (length > RULE_MAX_TEXT)
		commerce_rule_refuse(parser, (RuleSpan){0, 0}, "longer than 64 KiB");
	else
		commerce_rule_run(parser, length);
	return !parser->failed;
}

/* Reads a condition on a cart; NULL with the error filled in where it is not one. */
RuleNode *
commerce_condition_parse(const char *text, const RuleMemory *memory, RuleError *error)
{
	RuleParser parser;

	return parse(&parser, text, memory, error, RULE_START_CONDITION, false) ? parser.condition : NULL;
}

/* Reads a benefit; NULL with the error filled in where it is not one. */
Benefit *
commerce_benefit_parse(const char *text, const RuleMemory *memory, RuleError *error)
{
	RuleParser parser;

	return parse(&parser, text, memory, error, RULE_START_BENEFIT, false) ? parser.benefit : NULL;
}

/* Reads a condition that is stored; NULL with the error filled in where it is not one. */
RuleNode *
commerce_stored_condition_parse(const char *text, const RuleMemory *memory, RuleError *error)
{
	RuleParser parser;

	return parse(&parser, text, memory, error, RULE_START_CONDITION, true) ? parser.condition : NULL;
}

/* Reads a benefit that is stored; NULL with the error filled in where it is not one. */
Benefit *
commerce_stored_benefit_parse(const char *text, const RuleMemory *memory, RuleError *error)
{
	RuleParser parser;

	return parse(&parser, text, memory, error, RULE_START_BENEFIT, true) ? parser.benefit : NULL;
}
