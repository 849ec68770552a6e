/*
 * from_json_sql.c: a condition from the JSON that to_json_sql.c writes.
 *
 * JSON becomes a rule by way of its text: what is pasted together here is read by the one parser there is, so that
 * both forms refuse the same things. Only names and operators are pasted as they are, and they are checked first.
 */
#include "rule/rule_sql.h"

#include "base/json.h"
#include "money/amount.h"
#include "rule/tree.h"

PG_FUNCTION_INFO_V1(commerce_condition_from_jsonb);

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
	for (int i = 0; i <= OPERATOR_GE; i++)
		known = known || strcmp(op, commerce_rule_operators[i]) == 0;
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

/* Appends the text of a condition in JSON, in parentheses. */
void
commerce_condition_append_json(StringInfo text, JsonbContainer *object)
{
	appendStringInfoChar(text, '(');
	append_node(text, object);
	appendStringInfoChar(text, ')');
}

/* Appends a text in single quotes, as rules have it. */
void
commerce_rule_append_quoted(StringInfo text, const char *value)
{
	append_quoted(text, value, (int) strlen(value));
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
