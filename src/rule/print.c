/*
 * print.c: the canonical text of a tree: one space between words, keywords in lower case, and parentheses only where
 * the tree needs them. Reading it gives an equal tree, which test/unit/rule_trees.c holds it to.
 */
#include <string.h>

#include "money/currency.h"
#include "rule/tree.h"

const char *const commerce_rule_operators[] = {"=", "<>", "<", "<=", ">", ">="};
const char *const commerce_rule_targets[] = {"units", "lines", "order", "shipping"};

typedef struct Printer
{
	const RuleMemory *memory;
	char *text;
	size_t length;
	size_t size;
} Printer;

/* Appends bytes; a full buffer is replaced by one of twice the size. */
static void
put_bytes(Printer *printer, const char *bytes, size_t count)
{
	if (printer->length + count + 1 > printer->size)
	{
		size_t size = 2 * (printer->length + count + 1);
		char *text = commerce_rule_allocate(printer->memory, size);

		if (printer->length > 0)
			memcpy(text, printer->text, printer->length);
		printer->text = text;
		printer->size = size;
	}
	memcpy(printer->text + printer->length, bytes, count);
	printer->length += count;
	printer->text[printer->length] = '\0';
}

/* Appends a string. */
static void
put(Printer *printer, const char *string)
{
	put_bytes(printer, string, strlen(string));
}

/* Appends a text in single quotes, its own doubled. */
static void
put_quoted(Printer *printer, const char *text)
{
	const char *quote;

	put(printer, "'");
	while ((quote = strchr(text, '\'')) != NULL)
	{
		put_bytes(printer, text, (size_t) (quote - text));
		put(printer, "''");
		text = quote + 1;
	}
	put(printer, text);
	put(printer, "'");
}

/* Appends coefficient / 10^scale with exactly scale decimals. */
static void
put_decimal(Printer *printer, int64_t coefficient, int scale)
{
	char digits[48];
	size_t start = sizeof(digits);
	uint64_t rest = coefficient < 0 ? -(uint64_t) coefficient : (uint64_t) coefficient;

	for (int written = 0; rest > 0 || written <= scale; written++)
	{
		if (written == scale && scale > 0)
			digits[--start] = '.';
		digits[--start] = (char) ('0' + rest % 10);
		rest /= 10;
	}
	if (coefficient < 0)
		digits[--start] = '-';
	put_bytes(printer, digits + start, sizeof(digits) - start);
}

/* Appends an amount of money, without decimals where it is whole. */
static void
put_money(Printer *printer, int64_t minor, int number)
{
	const Currency *currency = commerce_currency_by_number(number);
	int64_t unit = 1;

	for (int i = 0; i < currency->digits; i++)
		unit *= 10;
	if (minor % unit == 0)
		put_decimal(printer, minor / unit, 0);
	else
		put_decimal(printer, minor, currency->digits);
	put(printer, " ");
	put(printer, currency->code);
}

/* Appends a literal. */
static void
put_literal(Printer *printer, const RuleLiteral *literal)
{
	switch (literal->type)
	{
		case RULE_MONEY: put_money(printer, literal->minor, literal->currency); break;
		case RULE_NUMBER: put_decimal(printer, literal->number.coefficient, literal->number.scale); break;
		case RULE_TEXT: put_quoted(printer, literal->text); break;
		case RULE_BOOL: put(printer, literal->truth ? "true" : "false"); break;
		case RULE_ANY: break; /* no literal is of unknown type */
	}
}

static void put_node(Printer *printer, const RuleNode *node, RuleKind parent);

/* Appends what a test looks at. */
static void
put_operand(Printer *printer, const RuleOperand *operand)
{
	const RuleAttributeInfo *info = commerce_rule_attribute(operand->attribute);

	put(printer, info->name);
	if (operand->path)
		put(printer, operand->path);
	if (info->scope == SCOPE_AGGREGATE)
	{
		put(printer, "(");
		if (operand->where)
			put_node(printer, operand->where, RULE_OR);
		put(printer, ")");
	}
}

/* Appends children with a word between them. */
static void
put_list(Printer *printer, const RuleNode *node, const char *word)
{
	for (const RuleNode *child = node->first; child; child = child->next)
	{
		if (child != node->first)
			put(printer, word);
		put_node(printer, child, node->kind);
	}
}

/* Appends a node, in parentheses where it binds less than what stands around it. */
static void
put_node(Printer *printer, const RuleNode *node, RuleKind parent)
{
	bool parentheses =
		(node->kind == RULE_OR && parent != RULE_OR) || (node->kind == RULE_AND && parent == RULE_NOT);

	if (parentheses)
		put(printer, "(");
	switch (node->kind)
	{
		case RULE_OR: put_list(printer, node, " or "); break;
		case RULE_AND: put_list(printer, node, " and "); break;
		case RULE_NOT:
			put(printer, "not ");
			put_node(printer, node->first, RULE_NOT);
			break;
		case RULE_CONSTANT: put(printer, node->truth ? "true" : "false"); break;
		case RULE_TRUTH: put_operand(printer, &node->operand); break;
		case RULE_COMPARE:
			put_operand(printer, &node->operand);
			put(printer, " ");
			put(printer, commerce_rule_operators[node->op]);
			put(printer, " ");
			put_literal(printer, node->literals);
			break;
		case RULE_MEMBER:
			put_operand(printer, &node->operand);
			put(printer, node->negated ? " not in (" : " in (");
			for (const RuleLiteral *literal = node->literals; literal; literal = literal->next)
			{
				if (literal != node->literals)
					put(printer, ", ");
				put_literal(printer, literal);
			}
			put(printer, ")");
			break;
		case RULE_BELOW:
			put_operand(printer, &node->operand);
			put(printer, " <@ ");
			put_literal(printer, node->literals);
			break;
		case RULE_IS_ABSENT:
			put_operand(printer, &node->operand);
			put(printer, node->negated ? " is not null" : " is null");
			break;
	}
	if (parentheses)
		put(printer, ")");
}

/* Prints a condition. */
char *
commerce_condition_print(const RuleNode *condition, const RuleMemory *memory)
{
	Printer printer = {.memory = memory};

	put_node(&printer, condition, RULE_OR);
	return printer.text;
}

/* Prints a benefit. */
char *
commerce_benefit_print(const Benefit *benefit, const RuleMemory *memory)
{
	Printer printer = {.memory = memory};

	if (benefit->kind == BENEFIT_PERCENT && benefit->target == BENEFIT_SHIPPING &&
		benefit->percent == 100 * PERCENT_SCALE)
	{
		put(&printer, "free shipping");
		return printer.text;
	}
	if (benefit->kind == BENEFIT_PERCENT)
	{
		int64_t percent = benefit->percent;
		int scale = 6;

		for (; scale > 0 && percent % 10 == 0; scale--)
			percent /= 10;
		put_decimal(&printer, percent, scale);
		put(&printer, "%");
	}
	else
		put_money(&printer, benefit->minor, benefit->currency);
	put(&printer, " off ");
	put(&printer, commerce_rule_targets[benefit->target]);
	if (benefit->where)
	{
		put(&printer, " where ");
		put_node(&printer, benefit->where, RULE_OR);
	}
	return printer.text;
}
