/*
 * to_json_sql.c: a condition as JSON, so that a form can show it. from_json_sql.c reads the same form back.
 *
 *     {"and": [{"attribute": "subtotal", "op": ">=", "value": {"amount": "100.00", "currency": "EUR", "minor": 10000}},
 *              {"aggregate": "quantity", "where": {"attribute": "tag", "op": "=", "value": "socks"}, "op": ">=", "value": 2}]}
 */
#include "rule/rule_sql.h"

#include "base/json.h"
#include "money/amount.h"
#include "rule/tree.h"

PG_FUNCTION_INFO_V1(commerce_condition_to_jsonb);

static void write_node(JsonWriter *writer, const RuleNode *node);

/* Writes a literal. */
static void
write_literal(JsonWriter *writer, const RuleLiteral *literal)
{
	switch (literal->type)
	{
		case RULE_MONEY: commerce_json_money(writer, literal->minor, literal->currency); break;
		case RULE_NUMBER:
			commerce_json_numeric(
				writer, int64_div_fast_to_numeric(literal->number.coefficient, literal->number.scale));
			break;
		case RULE_TEXT:
		case RULE_CLOCK: commerce_json_string(writer, literal->text); break;
		case RULE_BOOL: commerce_json_bool(writer, literal->truth); break;
		case RULE_ANY: break; /* no literal is of unknown type */
	}
}

/* Writes what a test looks at, into the open object. */
static void
write_operand(JsonWriter *writer, const RuleOperand *operand)
{
	const RuleAttributeInfo *info = commerce_rule_attribute(operand->attribute);

	commerce_json_key(writer, info->scope == SCOPE_AGGREGATE ? "aggregate" : "attribute");
	commerce_json_string(writer, operand->path ? psprintf("%s%s", info->name, operand->path) : info->name);
	if (operand->where)
	{
		commerce_json_key(writer, "where");
		write_node(writer, operand->where);
	}
}

/* Writes a test, into the open object. */
static void
write_test(JsonWriter *writer, const RuleNode *node)
{
	write_operand(writer, &node->operand);
	if (node->kind == RULE_TRUTH)
		return;
	commerce_json_key(writer, "op");
	switch (node->kind)
	{
		case RULE_MEMBER: commerce_json_string(writer, node->negated ? "not in" : "in"); break;
		case RULE_IS_ABSENT: commerce_json_string(writer, node->negated ? "is not null" : "is null"); return;
		case RULE_BELOW: commerce_json_string(writer, "<@"); break;
		default: commerce_json_string(writer, commerce_rule_operators[node->op]); break;
	}
	commerce_json_key(writer, "value");
	if (node->kind != RULE_MEMBER)
	{
		write_literal(writer, node->literals);
		return;
	}
	commerce_json_array(writer);
	for (const RuleLiteral *literal = node->literals; literal; literal = literal->next)
		write_literal(writer, literal);
	commerce_json_end_array(writer);
}

/* Writes a tree. */
static void
write_node(JsonWriter *writer, const RuleNode *node)
{
	commerce_json_object(writer);
	switch (node->kind)
	{
		case RULE_OR:
		case RULE_AND:
			commerce_json_key(writer, node->kind == RULE_OR ? "or" : "and");
			commerce_json_array(writer);
			for (const RuleNode *child = node->first; child; child = child->next)
				write_node(writer, child);
			commerce_json_end_array(writer);
			break;
		case RULE_NOT:
			commerce_json_key(writer, "not");
			write_node(writer, node->first);
			break;
		case RULE_CONSTANT:
			commerce_json_key(writer, "value");
			commerce_json_bool(writer, node->truth);
			break;
		default: write_test(writer, node); break;
	}
	commerce_json_end_object(writer);
}

/* condition::jsonb */
Datum
commerce_condition_to_jsonb(PG_FUNCTION_ARGS)
{
	JsonWriter writer = JSON_WRITER_INIT;

	write_node(&writer, commerce_condition_read(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	PG_RETURN_JSONB_P(commerce_json_finish(&writer));
}

/* Writes a condition into an open document. */
void
commerce_condition_write_json(JsonWriter *writer, const RuleNode *condition)
{
	write_node(writer, condition);
}
