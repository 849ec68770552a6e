/*
 * print.c: the canonical text of a tree: one space between words, keywords in lower case, and parentheses only where
 * the tree needs them. Reading it gives an equal tree, which test/unit/rule_trees.c holds it to.
 */
#include <string.h>

#include "money/currency.h"
#include "rule/tree.h"

const char *const commerce_rule_operators[] = {"=", "<>", "<", "<=", ">", ">="};

/* Appends bytes; a full buffer is replaced by one of twice the size. */
static void
put_bytes(RulePrinter *printer, const char *bytes, size_t count)
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
void
commerce_rule_put(RulePrinter *printer, const char *string)
{
	put_bytes(printer, string, strlen(string));
}

/* Appends a text in single quotes, its own doubled. */
void
commerce_rule_put_quoted(RulePrinter *printer, const char *text)
{
	const char *quote;

	commerce_rule_put(printer, "'");
	while ((quote = strchr(text, '\'')) != NULL)
	{
		put_bytes(printer, text, (size_t) (quote - text));
		commerce_rule_put(printer, "''");
		text = quote + 1;
	}
	commerce_rule_put(printer, text);
	commerce_rule_put(printer, "'");
}

/* Appends coefficient / 10^scale with exactly scale decimals. */
void
commerce_rule_put_decimal(RulePrinter *printer, int64_t coefficient, int scale)
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
void
commerce_rule_put_money(RulePrinter *printer, int64_t minor, int number)
{
	const Currency *currency = commerce_currency_by_number(number);
	int64_t unit = 1;

	for (int i = 0; i < currency->digits; i++)
		unit *= 10;
	if (minor % unit == 0)
		commerce_rule_put_decimal(printer, minor / unit, 0);
	else
		commerce_rule_put_decimal(printer, minor, currency->digits);
	commerce_rule_put(printer, " ");
	commerce_rule_put(printer, currency->code);
}

/* Appends a literal. */
static void
put_literal(RulePrinter *printer, const RuleLiteral *literal)
{
	switch (literal->type)
	{
		case RULE_MONEY: commerce_rule_put_money(printer, literal->minor, literal->currency); break;
		case RULE_NUMBER:
			commerce_rule_put_decimal(printer, literal->number.coefficient, literal->number.scale);
			break;
		case RULE_TEXT:
		case RULE_CLOCK: commerce_rule_put_quoted(printer, literal->text); break;
		case RULE_BOOL: commerce_rule_put(printer, literal->truth ? "true" : "false"); break;
		case RULE_ANY: break; /* no literal is of unknown type */
	}
}

static void put_node(RulePrinter *printer, const RuleNode *node, RuleKind parent);

/* Appends what a test looks at. */
static void
put_operand(RulePrinter *printer, const RuleOperand *operand)
{
	const RuleAttributeInfo *info = commerce_rule_attribute(operand->attribute);

	commerce_rule_put(printer, info->name);
	if (operand->path)
		commerce_rule_put(printer, operand->path);
	if (info->scope == SCOPE_AGGREGATE)
	{
		commerce_rule_put(printer, "(");
		if (operand->where)
			put_node(printer, operand->where, RULE_OR);
		commerce_rule_put(printer, ")");
	}
}

/* Appends children with a word between them. */
static void
put_list(RulePrinter *printer, const RuleNode *node, const char *word)
{
	for (const RuleNode *child = node->first; child; child = child->next)
	{
		if (child != node->first)
			commerce_rule_put(printer, word);
		put_node(printer, child, node->kind);
	}
}

/* Appends a node, in parentheses where it binds less than what stands around it. */
static void
put_node(RulePrinter *printer, const RuleNode *node, RuleKind parent)
{
	bool parentheses =
		(node->kind == RULE_OR && parent != RULE_OR) || (node->kind == RULE_AND && parent == RULE_NOT);

	if (parentheses)
		commerce_rule_put(printer, "(");
	switch (node->kind)
	{
		case RULE_OR: put_list(printer, node, " or "); break;
		case RULE_AND: put_list(printer, node, " and "); break;
		case RULE_NOT:
			commerce_rule_put(printer, "not ");
			put_node(printer, node->first, RULE_NOT);
			break;
		case RULE_CONSTANT: commerce_rule_put(printer, node->truth ? "true" : "false"); break;
		case RULE_TRUTH: put_operand(printer, &node->operand); break;
		case RULE_COMPARE:
			put_operand(printer, &node->operand);
			commerce_rule_put(printer, " ");
			commerce_rule_put(printer, commerce_rule_operators[node->op]);
			commerce_rule_put(printer, " ");
			put_literal(printer, node->literals);
			break;
		case RULE_MEMBER:
			put_operand(printer, &node->operand);
			commerce_rule_put(printer, node->negated ? " not in (" : " in (");
			for (const RuleLiteral *literal = node->literals; literal; literal = literal->next)
			{
				if (literal != node->literals)
					commerce_rule_put(printer, ", ");
				put_literal(printer, literal);
			}
			commerce_rule_put(printer, ")");
			break;
		case RULE_BELOW:
			put_operand(printer, &node->operand);
			commerce_rule_put(printer, " <@ ");
			put_literal(printer, node->literals);
			break;
		case RULE_IS_ABSENT:
			put_operand(printer, &node->operand);
			commerce_rule_put(printer, node->negated ? " is not null" : " is null");
			break;
	}
	if (parentheses)
		commerce_rule_put(printer, ")");
}

/* Prints a condition. */
char *
commerce_condition_print(const RuleNode *condition, const RuleMemory *memory)
{
	RulePrinter printer = {.memory = memory};

	put_node(&printer, condition, RULE_OR);
	return printer.text;
}

/* Appends which lines: nothing where it is all. */
void
commerce_rule_put_where(RulePrinter *printer, const RuleNode *where)
{
	if (where == NULL)
		return;
	commerce_rule_put(printer, " where ");
	put_node(printer, where, RULE_OR);
}
