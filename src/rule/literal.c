/*
 * literal.c: names, numbers, money and texts as they stand in a rule.
 */
#include "rule/tree.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "money/decimal.h"

#define OWN_PREFIX "attributes."
#define CUSTOMER_OWN_PREFIX "customer.attributes."

/* Reads "12.50" as 125 / 10^1; false beyond 18 digits. */
bool
commerce_rule_decimal(const char *digits, int length, RuleDecimal *decimal)
{
	const char *point = memchr(digits, '.', (size_t) length);
	int significant = 0;

	if (point)
		while (digits[length - 1] == '0' || digits[length - 1] == '.')
			if (digits[--length] == '.')
				break;
	decimal->coefficient = 0;
	decimal->scale = point && digits + length > point ? (int) (digits + length - point) - 1 : 0;
	for (int i = 0; i < length; i++)
	{
		if (digits[i] == '.')
			continue;
		if (significant > 0 || digits[i] != '0')
			significant++;
		if (significant > 18)
			return false;
		decimal->coefficient = decimal->coefficient * 10 + (digits[i] - '0');
	}
	return decimal->scale <= 18;
}

/* Resolves a name outside parentheses in the scope it stands in, then in the other. */
bool
commerce_rule_operand(RuleParser *parser, const char *name, RuleSpan span, RuleOperand *operand)
{
	RuleScope near = parser->line_scope ? SCOPE_LINE : SCOPE_CART;
	RuleScope far = parser->line_scope ? SCOPE_CART : SCOPE_LINE;

	memset(operand, 0, sizeof(RuleOperand));
	operand->span = span;
	if (strncasecmp(name, OWN_PREFIX, strlen(OWN_PREFIX)) == 0)
	{
		operand->attribute = ATTRIBUTE_OWN;
		operand->path = name + strlen(OWN_PREFIX);
		return true;
	}
	if (strncasecmp(name, CUSTOMER_OWN_PREFIX, strlen(CUSTOMER_OWN_PREFIX)) == 0)
	{
		operand->attribute = ATTRIBUTE_CUSTOMER_OWN;
		operand->path = name + strlen(CUSTOMER_OWN_PREFIX);
		return true;
	}
	if (commerce_rule_find(name, near, &operand->attribute) ||
		commerce_rule_find(name, far, &operand->attribute))
		return true;
	commerce_rule_expected(parser, span, "an attribute such as subtotal, sku or customer.group");
	return false;
}

/* Begins what stands in the parentheses of an aggregate; names in there are a line's. */
bool
commerce_rule_enter_aggregate(RuleParser *parser, const char *name, RuleSpan span, RuleAttribute *attribute)
{
	if (!commerce_rule_find(name, SCOPE_AGGREGATE, attribute))
	{
		commerce_rule_expected(parser, span, "quantity, subtotal or lines before a parenthesis");
		return false;
	}
	if (parser->line_scope)
	{
		char message[120];

		snprintf(message, sizeof(message),
				 "%s(...) counts over the cart and cannot stand in a condition on a line",
				 commerce_rule_attribute(*attribute)->name);
		commerce_rule_refuse(parser, span, message);
		return false;
	}
	parser->line_scope = true;
	return true;
}

/* Makes a literal of a type. */
static RuleLiteral *
make_literal(RuleParser *parser, RuleType type, RuleSpan span)
{
	RuleLiteral *literal = commerce_rule_allocate(parser->memory, sizeof(RuleLiteral));

	memset(literal, 0, sizeof(RuleLiteral));
	literal->type = type;
	literal->span = span;
	return literal;
}

/* Makes a number. */
RuleLiteral *
commerce_rule_number(RuleParser *parser, RuleDecimal number, bool minus, RuleSpan span)
{
	RuleLiteral *literal = make_literal(parser, RULE_NUMBER, span);
	int64_t limit = 1;

	for (int i = 0; i < RULE_MAX_DIGITS; i++)
		limit *= 10;
	if (number.coefficient >= limit || number.scale > RULE_MAX_DIGITS)
	{
		commerce_rule_expected(parser, span, "a number of at most 15 digits");
		return NULL;
	}
	literal->number = number;
	if (minus)
		literal->number.coefficient = -number.coefficient;
	return literal;
}

/* Makes an amount of money; refuses an unknown currency and more decimals than the currency has. */
RuleLiteral *
commerce_rule_money(RuleParser *parser, RuleDecimal number, bool minus, const char *currency, RuleSpan span,
					RuleSpan currency_span)
{
	RuleLiteral *literal = make_literal(parser, RULE_MONEY, span);
	char code[4] = "";
	const Currency *known;
	__int128 minor = number.coefficient;
	char expected[100];

	if (strlen(currency) == 3)
		for (int i = 0; i < 3; i++)
			code[i] =
				currency[i] >= 'a' && currency[i] <= 'z' ? (char) (currency[i] - 'a' + 'A') : currency[i];
	known = commerce_currency_by_code(code, strlen(code));
	if (known == NULL)
	{
		commerce_rule_expected(parser, currency_span, "a currency such as EUR");
		return NULL;
	}
	if (number.scale > known->digits)
	{
		snprintf(expected, sizeof(expected), "at most %d decimals for %s", known->digits, known->code);
		commerce_rule_expected(parser, span, expected);
		return NULL;
	}
	for (int i = number.scale; i < known->digits; i++)
		minor *= 10;
	if (minor > MONEY_MAX_MINOR)
	{
		commerce_rule_expected(parser, span, "an amount of at most 9007199254740991 minor units");
		return NULL;
	}
	literal->minor = minus ? -(int64_t) minor : (int64_t) minor;
	literal->currency = known->number;
	return literal;
}

/* Makes a text. */
RuleLiteral *
commerce_rule_text(RuleParser *parser, const char *text, RuleSpan span)
{
	RuleLiteral *literal = make_literal(parser, RULE_TEXT, span);

	literal->text = text;
	return literal;
}

/* Makes a truth value. */
RuleLiteral *
commerce_rule_bool(RuleParser *parser, bool truth, RuleSpan span)
{
	RuleLiteral *literal = make_literal(parser, RULE_BOOL, span);

	literal->truth = truth;
	return literal;
}
