/*
 * rule_json.c: rules as JSON, so that a form can edit them.
 *
 *     {"and": [{"attribute": "subtotal", "op": ">=", "value": {"amount": "100.00", "currency": "EUR", "minor": 10000}},
 *              {"aggregate": "quantity", "where": {"attribute": "tag", "op": "=", "value": "socks"}, "op": ">=", "value": 2}]}
 *     {"percent": 20, "off": "lines", "where": {"not": {"attribute": "on_sale"}}}
 *
 * JSON becomes a rule by way of its text: what is written here is read by the one parser there is, so that both forms
 * refuse the same things. Only names and operators are pasted as they are, and they are checked first.
 */
#include "rule/rule_sql.h"

#include "base/json.h"
#include "money/amount.h"
#include "rule/tree.h"

static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
static const char *const targets[] = {"units", "lines", "order", "shipping"};

PG_FUNCTION_INFO_V1(commerce_condition_to_jsonb);
PG_FUNCTION_INFO_V1(commerce_condition_from_jsonb);
PG_FUNCTION_INFO_V1(commerce_benefit_to_jsonb);
PG_FUNCTION_INFO_V1(commerce_benefit_from_jsonb);

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
		case RULE_TEXT: commerce_json_string(writer, literal->text); break;
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
		default: commerce_json_string(writer, operators[node->op]); break;
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

/* Refuses JSON that is no condition. */
static void
refuse(const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", what),
		 errhint(
			 "A condition in JSON reads like {\"attribute\": \"sku\", \"op\": \"=\", \"value\": \"A\"} or "
			 "{\"and\": [...]}; cast one from text to see its form.")));
}

/* Refuses JSON that is no benefit. */
static void
refuse_benefit(const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", what),
		 errhint("A benefit in JSON reads like {\"percent\": 20, \"off\": \"lines\", \"where\": {...}} or "
				 "{\"amount\": \"5 EUR\", \"off\": \"order\"}; cast one from text to see its form.")));
}

/* Returns a name that may be pasted into a rule: letters, digits, _, - and dots, so that it stays one word. */
static char *
read_name(JsonbContainer *object, const char *key)
{
	char *name = commerce_json_get_string(object, key);

	for (const unsigned char *c = (unsigned char *) name; *c; c++)
		if (*c < 0x80 &&
			strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", *c) == NULL)
			refuse(psprintf("\"%s\" is not the name of an attribute", name));
	return name;
}

/* Appends a text in single quotes. */
static void
append_quoted(StringInfo text, const char *value, int length)
{
	appendStringInfoChar(text, '\'');
	for (int i = 0; i < length; i++)
	{
		if (value[i] == '\'')
			appendStringInfoChar(text, '\'');
		appendStringInfoChar(text, value[i]);
	}
	appendStringInfoChar(text, '\'');
}

/* Appends money, in any of its forms in JSON; false where the key is absent. */
static bool
append_money(StringInfo text, JsonbContainer *object, const char *key)
{
	Amount amount;

	if (!commerce_json_get_money(object, key, 0, &amount))
		return false;
	appendStringInfoString(text, commerce_amount_print(amount));
	return true;
}

/* Appends a literal. */
static void
append_literal(StringInfo text, JsonbValue *value)
{
	JsonWriter wrapped = JSON_WRITER_INIT;

	switch (value->type)
	{
		case jbvString: append_quoted(text, value->val.string.val, value->val.string.len); break;
		case jbvNumeric:
			appendStringInfoString(
				text, DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))));
			break;
		case jbvBool: appendStringInfoString(text, value->val.boolean ? "true" : "false"); break;
		case jbvBinary:
			commerce_json_object(&wrapped);
			commerce_json_key(&wrapped, "value");
			wrapped.root = pushJsonbValue(&wrapped.state, WJB_VALUE, value);
			commerce_json_end_object(&wrapped);
			(void) append_money(text, &commerce_json_finish(&wrapped)->root, "value");
			break;
		default: refuse("a value must be text, a number, true, false or money"); break;
	}
}

static void append_node(StringInfo text, JsonbContainer *object);

/* Appends the elements of an array with a word between them. */
static void
append_elements(StringInfo text, JsonbValue *array, const char *key, const char *separator, bool nodes)
{
	JsonbIterator *iterator;
	JsonbValue value;
	int count = 0;

	if (array->type != jbvBinary || !JsonContainerIsArray(array->val.binary.data) ||
		JsonContainerSize(array->val.binary.data) == 0)
		refuse(psprintf("\"%s\" must be an array that is not empty", key));
	iterator = JsonbIteratorInit(array->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
	{
		if (count++ > 0)
			appendStringInfoString(text, separator);
		if (!nodes)
		{
			append_literal(text, &value);
			continue;
		}
		if (value.type != jbvBinary)
			refuse(psprintf("\"%s\" must be an array of conditions", key));
		appendStringInfoChar(text, '(');
		append_node(text, value.val.binary.data);
		appendStringInfoChar(text, ')');
	}
}

/* Appends the condition under a key, in parentheses; false where the key is absent. */
static bool
append_child(StringInfo text, JsonbContainer *object, const char *key)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value))
		return false;
	if (value.type != jbvBinary)
		refuse(psprintf("\"%s\" must be a condition", key));
	appendStringInfoChar(text, '(');
	append_node(text, value.val.binary.data);
	appendStringInfoChar(text, ')');
	return true;
}

/* Appends what follows the operand of a test. */
static void
append_operator(StringInfo text, JsonbContainer *object)
{
	char *op = commerce_json_get_string(object, "op");
	JsonbValue value;
	bool known = false;

	if (op == NULL)
		return;
	appendStringInfo(text, " %s", op);
	if (strcmp(op, "is null") == 0 || strcmp(op, "is not null") == 0)
		return;
	if (!commerce_json_find(object, "value", &value))
		refuse("\"value\" is missing");
	if (strcmp(op, "in") == 0 || strcmp(op, "not in") == 0)
	{
		appendStringInfoString(text, " (");
		append_elements(text, &value, "value", ", ", false);
		appendStringInfoChar(text, ')');
		return;
	}
	for (int i = 0; i < (int) lengthof(operators); i++)
		known = known || strcmp(op, operators[i]) == 0;
	if (!known && strcmp(op, "<@") != 0)
		refuse(psprintf("\"%s\" is not an operator", op));
	appendStringInfoChar(text, ' ');
	append_literal(text, &value);
}

/* Appends the text of a condition in JSON. */
static void
append_node(StringInfo text, JsonbContainer *object)
{
	static const char *const known[] = {"or", "and", "not", "attribute", "aggregate", "where", "op", "value"};
	static const char *const kinds[] = {"or", "and", "not", "attribute", "aggregate"};
	JsonbValue value;
	const char *kind = NULL;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (!JsonContainerIsObject(object))
		refuse("a condition in JSON is an object");
	commerce_rule_require_keys(object, known, lengthof(known), "a condition");
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (commerce_json_find(object, kinds[i], &value))
		{
			if (kind != NULL)
				refuse(psprintf("a condition has one of \"%s\" and \"%s\"", kind, kinds[i]));
			kind = kinds[i];
		}
	if (kind == NULL)
	{
		if (JsonContainerSize(object) != 1 || !commerce_json_find(object, "value", &value) ||
			value.type != jbvBool)
			refuse("a condition has \"and\", \"or\", \"not\", \"attribute\", \"aggregate\", or only a "
				   "\"value\"");
		append_literal(text, &value);
		return;
	}
	if (strcmp(kind, "attribute") != 0 && strcmp(kind, "aggregate") != 0 && JsonContainerSize(object) != 1)
		refuse(psprintf("\"%s\" stands alone", kind));
	if (strcmp(kind, "attribute") == 0)
	{
		if (commerce_json_find(object, "where", &value))
			refuse("\"where\" belongs to an \"aggregate\"");
		appendStringInfoString(text, read_name(object, "attribute"));
		append_operator(text, object);
	}
	else if (strcmp(kind, "aggregate") == 0)
	{
		appendStringInfoString(text, read_name(object, "aggregate"));
		if (!append_child(text, object, "where"))
			appendStringInfoString(text, "()");
		append_operator(text, object);
	}
	else if (strcmp(kind, "not") == 0)
	{
		appendStringInfoString(text, "not ");
		(void) append_child(text, object, "not");
	}
	else
	{
		(void) commerce_json_find(object, kind, &value);
		append_elements(text, &value, kind, strcmp(kind, "or") == 0 ? " or " : " and ", true);
	}
}

/* condition::jsonb */
Datum
commerce_condition_to_jsonb(PG_FUNCTION_ARGS)
{
	JsonWriter writer = JSON_WRITER_INIT;

	write_node(&writer, commerce_condition_read(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	PG_RETURN_JSONB_P(commerce_json_finish(&writer));
}

/* jsonb::condition */
Datum
commerce_condition_from_jsonb(PG_FUNCTION_ARGS)
{
	StringInfoData text;

	initStringInfo(&text);
	append_node(&text, &PG_GETARG_JSONB_P(0)->root);
	return DirectFunctionCall1(commerce_condition_in, CStringGetDatum(text.data));
}

/* benefit::jsonb */
Datum
commerce_benefit_to_jsonb(PG_FUNCTION_ARGS)
{
	Benefit *benefit = commerce_benefit_read(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	if (benefit->kind == BENEFIT_PERCENT)
	{
		commerce_json_key(&writer, "percent");
		commerce_json_numeric(&writer, DatumGetNumeric(DirectFunctionCall1(
										   numeric_trim_scale,
										   NumericGetDatum(int64_div_fast_to_numeric(benefit->percent, 6)))));
	}
	else
	{
		commerce_json_key(&writer, "amount");
		commerce_json_money(&writer, benefit->minor, benefit->currency);
	}
	commerce_json_key(&writer, "off");
	commerce_json_string(&writer, targets[benefit->target]);
	if (benefit->where)
	{
		commerce_json_key(&writer, "where");
		write_node(&writer, benefit->where);
	}
	commerce_json_end_object(&writer);
	PG_RETURN_JSONB_P(commerce_json_finish(&writer));
}

/* jsonb::benefit */
Datum
commerce_benefit_from_jsonb(PG_FUNCTION_ARGS)
{
	static const char *const known[] = {"percent", "amount", "off", "where"};
	JsonbContainer *object = &PG_GETARG_JSONB_P(0)->root;
	StringInfoData text;
	JsonbValue percent;
	JsonbValue amount;
	JsonbValue where;
	bool has_percent;
	char *off;
	bool target = false;

	if (!JsonContainerIsObject(object))
		refuse_benefit("a benefit in JSON is an object");
	commerce_rule_require_keys(object, known, lengthof(known), "a benefit");
	has_percent = commerce_json_find(object, "percent", &percent);
	if (has_percent == commerce_json_find(object, "amount", &amount))
		refuse_benefit("a benefit has either \"percent\" or \"amount\"");
	initStringInfo(&text);
	if (has_percent)
	{
		if (percent.type != jbvNumeric)
			refuse_benefit("\"percent\" must be a number");
		append_literal(&text, &percent);
		appendStringInfoChar(&text, '%');
	}
	else
		(void) append_money(&text, object, "amount");
	off = commerce_json_get_string(object, "off");
	for (int i = 0; off && i < (int) lengthof(targets); i++)
		target = target || strcmp(off, targets[i]) == 0;
	if (!target)
		refuse_benefit("\"off\" must be units, lines, order or shipping");
	appendStringInfo(&text, " off %s", off);
	if (commerce_json_find(object, "where", &where))
	{
		appendStringInfoString(&text, " where ");
		(void) append_child(&text, object, "where");
	}
	return DirectFunctionCall1(commerce_benefit_in, CStringGetDatum(text.data));
}
