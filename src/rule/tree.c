/*
 * tree.c: building a tree, with every type checked as it is built.
 *
 * The grammar knows the shape of the language, these functions know what makes sense in it. Each either returns a
 * node or has reported, with the place, what was expected there instead.
 */
#include "rule/tree.h"

#include <stdio.h>
#include <string.h>

/* Makes an empty node of depth one. */
static RuleNode *
make_node(RuleParser *parser, RuleKind kind)
{
	RuleNode *node = commerce_rule_allocate(parser->memory, sizeof(RuleNode));

	memset(node, 0, sizeof(RuleNode));
	node->kind = kind;
	node->depth = 1;
	return node;
}

/* Appends a child, or the children of a node of the same kind; false where the tree becomes too deep. */
static bool
append(RuleParser *parser, RuleNode *parent, RuleNode *child, RuleSpan span)
{
	bool splice = child->kind == parent->kind && parent->kind != RULE_NOT;
	RuleNode *first = splice ? child->first : child;
	RuleNode *last = splice ? child->last : child;
	int depth = splice ? child->depth : child->depth + 1;

	if (depth > RULE_MAX_DEPTH)
	{
		commerce_rule_refuse(parser, span, "nested more than 100 levels deep");
		return false;
	}
	if (depth > parent->depth)
		parent->depth = depth;
	if (parent->last)
		parent->last->next = first;
	else
		parent->first = first;
	parent->last = last;
	return true;
}

/* Joins two conditions by "and" or "or" into one flat list. */
RuleNode *
commerce_rule_join(RuleParser *parser, RuleKind kind, RuleNode *left, RuleNode *right, RuleSpan span)
{
	RuleNode *node = left;

	if (left->kind != kind)
	{
		node = make_node(parser, kind);
		if (!append(parser, node, left, span))
			return NULL;
	}
	return append(parser, node, right, span) ? node : NULL;
}

/* Negates a condition. */
RuleNode *
commerce_rule_not(RuleParser *parser, RuleNode *child, RuleSpan span)
{
	RuleNode *node = make_node(parser, RULE_NOT);

	return append(parser, node, child, span) ? node : NULL;
}

/* Makes "true" or "false". */
RuleNode *
commerce_rule_constant(RuleParser *parser, bool truth)
{
	RuleNode *node = make_node(parser, RULE_CONSTANT);

	node->truth = truth;
	return node;
}

/* Makes a test of an operand; false where the condition inside an aggregate makes it too deep. */
static RuleNode *
make_test(RuleParser *parser, RuleKind kind, const RuleOperand *operand)
{
	RuleNode *node = make_node(parser, kind);

	node->operand = *operand;
	if (operand->where)
		node->depth = operand->where->depth + 1;
	if (node->depth > RULE_MAX_DEPTH)
	{
		commerce_rule_refuse(parser, operand->span, "nested more than 100 levels deep");
		return NULL;
	}
	return node;
}

/* Says what a literal compared with an operand of this type must be. */
static const char *
literal_of_type(RuleType type)
{
	switch (type)
	{
		case RULE_MONEY: return "an amount of money such as 100 EUR";
		case RULE_NUMBER: return "a number";
		case RULE_TEXT: return "text in single quotes";
		case RULE_CLOCK: return "text in single quotes";
		case RULE_BOOL: return "true or false";
		case RULE_ANY: break;
	}
	return "text in single quotes, a number, true or false";
}

/* Tells whether a text has the form of a pattern: 0 stands for any digit, all else for itself. */
static bool
has_form(const char *text, const char *pattern)
{
	for (; *pattern; pattern++, text++)
		if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
			return false;
	return *text == '\0';
}

/* Reads two digits. */
static int
two_digits(const char *text)
{
	return (text[0] - '0') * 10 + (text[1] - '0');
}

/* Tells whether the calendar has a date written as in '2026-11-27'. */
static bool
exists(const char *date)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = two_digits(date) * 100 + two_digits(date + 2);
	int month = two_digits(date + 5);
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return year > 0 && two_digits(date + 8) <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Checks what a time, a date or a day of the week is compared with: another could never be met. */
static bool
check_clock(RuleParser *parser, RuleAttribute attribute, const RuleLiteral *literal)
{
	static const char weekdays[] = "mon tue wed thu fri sat sun";
	const char *text = literal->text;
	const char *expected;
	bool fits;

	switch (attribute)
	{
		case ATTRIBUTE_TIME:
			/* 24:00 is the end of the day: time < '24:00' */
			expected = "a time such as '18:30'";
			fits = has_form(text, "00:00") && two_digits(text + 3) < 60 && strcmp(text, "24:00") <= 0;
			break;
		case ATTRIBUTE_DATE:
			expected = "a date such as '2026-11-27'";
			fits = has_form(text, "0000-00-00") && two_digits(text + 5) >= 1 && two_digits(text + 5) <= 12 &&
				   two_digits(text + 8) >= 1 && two_digits(text + 8) <= 31;
			if (fits && !parser->stored && !exists(text))
			{
				expected = "a date that exists";
				fits = false;
			}
			break;
		case ATTRIBUTE_WEEKDAY:
			expected = "'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'";
			fits = strlen(text) == 3 && strchr(text, ' ') == NULL && strstr(weekdays, text) != NULL;
			break;
		default: return true;
	}
	if (!fits)
		commerce_rule_expected(parser, literal->span, expected);
	return fits;
}

/* Checks one literal against the operand, and folds the case of codes. */
static bool
check_literal(RuleParser *parser, const RuleOperand *operand, RuleLiteral *literal)
{
	RuleType type = commerce_rule_attribute(operand->attribute)->type;

	if (type == RULE_CLOCK)
		type = RULE_TEXT;
	if (type == RULE_ANY ? literal->type == RULE_MONEY : literal->type != type)
	{
		commerce_rule_expected(parser, literal->span, literal_of_type(type));
		return false;
	}
	if (!check_clock(parser, operand->attribute, literal))
		return false;
	if (operand->attribute == ATTRIBUTE_CODE)
	{
		size_t length = strlen(literal->text);
		char *upper = commerce_rule_allocate(parser->memory, length + 1);

		for (size_t i = 0; i <= length; i++)
		{
			char c = literal->text[i];

			upper[i] = c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
		}
		literal->text = upper;
	}
	return true;
}

/* Makes a test of a truth value that stands alone: "on_sale". */
RuleNode *
commerce_rule_truth(RuleParser *parser, const RuleOperand *operand)
{
	const RuleAttributeInfo *info = commerce_rule_attribute(operand->attribute);

	if (info->type != RULE_BOOL && info->type != RULE_ANY)
	{
		char expected[120];
		const char *example = info->type == RULE_MONEY    ? ">= 100 EUR"
							  : info->type == RULE_NUMBER ? ">= 2"
														  : "= '...'";
		bool aggregate = info->scope == SCOPE_AGGREGATE;

		snprintf(expected, sizeof(expected), "a comparison such as %s%s %s", info->name,
				 aggregate ? "()" : "", example);
		commerce_rule_expected(parser, operand->span, expected);
		return NULL;
	}
	return make_test(parser, RULE_TRUTH, operand);
}

/* Makes a comparison with one literal. */
RuleNode *
commerce_rule_compare(RuleParser *parser, const RuleOperand *operand, RuleOperator op, RuleSpan op_span,
					  RuleLiteral *literal)
{
	RuleNode *node;

	if (!check_literal(parser, operand, literal))
		return NULL;
	if ((literal->type == RULE_TEXT || literal->type == RULE_BOOL) && op != OPERATOR_EQ &&
		op != OPERATOR_NE && commerce_rule_attribute(operand->attribute)->type != RULE_CLOCK)
	{
		commerce_rule_expected(parser, op_span, literal->type == RULE_TEXT ? "=, <> or in" : "= or <>");
		return NULL;
	}
	node = make_test(parser, RULE_COMPARE, operand);
	if (node == NULL)
		return NULL;
	node->op = op;
	node->literals = literal;
	return node;
}

/* Makes a test for membership in a list. */
RuleNode *
commerce_rule_member(RuleParser *parser, const RuleOperand *operand, RuleLiteral *literals, bool negated)
{
	RuleNode *node;

	for (RuleLiteral *literal = literals; literal; literal = literal->next)
		if (!check_literal(parser, operand, literal))
			return NULL;
	node = make_test(parser, RULE_MEMBER, operand);
	if (node == NULL)
		return NULL;
	node->literals = literals;
	node->negated = negated;
	return node;
}

/* Tells whether a text is a path of labels as ltree has them: letters, digits, _ and -, separated by dots. */
static bool
is_label_path(const char *text)
{
	bool label = false;

	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if (*c == '.')
		{
			if (!label)
				return false;
			label = false;
			continue;
		}
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' ||
			  *c == '-' || *c >= 0x80))
			return false;
		label = true;
	}
	return label;
}

/* Makes a test for a category equal to or below another. */
RuleNode *
commerce_rule_below(RuleParser *parser, const RuleOperand *operand, RuleSpan op_span, RuleLiteral *literal)
{
	RuleNode *node;

	if (operand->attribute != ATTRIBUTE_CATEGORY)
	{
		commerce_rule_refuse(parser, op_span, "<@ compares a category: category <@ 'clothing.shoes'");
		return NULL;
	}
	if (literal->type != RULE_TEXT || !is_label_path(literal->text))
	{
		commerce_rule_expected(parser, literal->span, "a category such as 'clothing.shoes'");
		return NULL;
	}
	node = make_test(parser, RULE_BELOW, operand);
	if (node)
		node->literals = literal;
	return node;
}

/* Makes a test for an attribute that is not there. */
RuleNode *
commerce_rule_absent(RuleParser *parser, const RuleOperand *operand, RuleSpan op_span, bool negated)
{
	const RuleAttributeInfo *info = commerce_rule_attribute(operand->attribute);
	RuleNode *node;

	if (!info->nullable)
	{
		char message[100];

		snprintf(message, sizeof(message), "%s is never null", info->name);
		commerce_rule_refuse(parser, op_span, message);
		return NULL;
	}
	node = make_test(parser, RULE_IS_ABSENT, operand);
	if (node)
		node->negated = negated;
	return node;
}
