/*
 * benefit_from_json_sql.c: a benefit from the JSON that benefit_to_json_sql.c writes, by way of its text, as
 * from_json_sql.c does it for conditions.
 */
#include "money/amount.h"
#include "rule/rule_sql.h"
#include "rule/tree.h"

PG_FUNCTION_INFO_V1(commerce_benefit_from_jsonb);

/* Refuses JSON that is no benefit. */
static void
refuse(const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", what),
		 errhint("A benefit in JSON reads like {\"percent\": 20, \"off\": \"lines\", \"where\": {...}} or "
				 "{\"amount\": \"5 EUR\", \"off\": \"order\"}; cast one from text to see its form.")));
}

/* Returns an array of objects under a key; refuses anything else, and an empty one. */
static int
read_objects(JsonbContainer *object, const char *key, JsonbContainer ***elements)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value) || value.type != jbvBinary ||
		!JsonContainerIsArray(value.val.binary.data) || JsonContainerSize(value.val.binary.data) == 0)
		refuse(psprintf("\"%s\" must be an array that is not empty", key));
	return commerce_json_objects(JsonbValueToJsonb(&value), psprintf("\"%s\"", key), elements);
}

/* Appends the money under a key, in each of its currencies; false where the key is absent. */
static bool
append_moneys(StringInfo text, JsonbContainer *object, const char *key)
{
	JsonbValue value;
	JsonbIterator *iterator;
	Amount amount;
	int count = 0;

	if (!commerce_json_find(object, key, &value))
		return false;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
	{
		(void) commerce_json_get_money(object, key, 0, &amount);
		appendStringInfoString(text, commerce_amount_print(amount));
		return true;
	}
	iterator = JsonbIteratorInit(value.val.binary.data);
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
	{
		JsonWriter wrapped = JSON_WRITER_INIT;

		commerce_json_object(&wrapped);
		commerce_json_key(&wrapped, "money");
		wrapped.root = pushJsonbValue(&wrapped.state, WJB_VALUE, &value);
		commerce_json_end_object(&wrapped);
		(void) commerce_json_get_money(&commerce_json_finish(&wrapped)->root, "money", 0, &amount);
		appendStringInfo(text, "%s%s", count++ > 0 ? " or " : "", commerce_amount_print(amount));
	}
	if (count == 0)
		refuse(psprintf("\"%s\" must be money", key));
	return true;
}

/* Appends the number under a key with words around it; false where the key is absent. */
static bool
append_count(StringInfo text, JsonbContainer *object, const char *key, const char *before, const char *after)
{
	int64 count;

	if (!commerce_json_get_int(object, key, &count))
		return false;
	appendStringInfo(text, "%s" INT64_FORMAT "%s", before, count, after);
	return true;
}

/* Appends a reward of an object: before is what stands before a price. */
static void
append_reward(StringInfo text, JsonbContainer *object, const char *before_price, const char *before,
			  const char *after)
{
	static const char *const kinds[] = {"percent", "amount", "price"};
	JsonbValue value;
	int kind = -1;

	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (commerce_json_find(object, kinds[i], &value))
		{
			if (kind >= 0)
				refuse("a reward has one of \"percent\", \"amount\" and \"price\"");
			kind = i;
		}
	if (kind < 0)
		refuse("a benefit has \"percent\", \"amount\" or \"price\"");
	if (kind == 2)
	{
		appendStringInfoString(text, before_price);
		(void) append_moneys(text, object, "price");
		return;
	}
	appendStringInfoString(text, before);
	if (kind == 0)
		appendStringInfo(text, "%s%%",
						 DatumGetCString(DirectFunctionCall1(
							 numeric_out, NumericGetDatum(commerce_json_get_numeric(object, "percent")))));
	else
		(void) append_moneys(text, object, "amount");
	appendStringInfoString(text, after);
}

/* Appends the reward in the object under a key. */
static void
append_reward_of(StringInfo text, JsonbContainer *object, const char *key)
{
	static const char *const known[] = {"percent", "amount"};
	JsonbValue value;

	if (!commerce_json_find(object, key, &value) || value.type != jbvBinary ||
		!JsonContainerIsObject(value.val.binary.data))
		refuse(psprintf("\"%s\" must be an object with \"percent\" or \"amount\"", key));
	commerce_rule_require_keys(value.val.binary.data, known, lengthof(known), key);
	append_reward(text, value.val.binary.data, "", "", "");
}

/* Appends which lines. */
static void
append_where(StringInfo text, JsonbContainer *object)
{
	JsonbValue value;

	if (!commerce_json_find(object, "where", &value))
		return;
	if (value.type != jbvBinary)
		refuse("\"where\" must be a condition");
	appendStringInfoString(text, " where ");
	commerce_condition_append_json(text, value.val.binary.data);
}

/* Appends the parts of a set. */
static void
append_parts(StringInfo text, JsonbContainer *object, const char *key)
{
	static const char *const known[] = {"quantity", "up_to", "where"};
	JsonbContainer **parts;
	int count = read_objects(object, key, &parts);

	for (int i = 0; i < count; i++)
	{
		commerce_rule_require_keys(parts[i], known, lengthof(known), key);
		appendStringInfoString(text, i > 0 ? " + " : " ");
		if (commerce_json_get_bool(parts[i], "up_to", false))
			appendStringInfoString(text, "up to ");
		if (!append_count(text, parts[i], "quantity", "", ""))
			refuse(psprintf("a part in \"%s\" needs a \"quantity\"", key));
		append_where(text, parts[i]);
	}
}

/* Appends one of the words that may stand under a key. */
static void
append_word(StringInfo text, JsonbContainer *object, const char *key, const char *const *words, int count,
			const char *hint)
{
	char *word = commerce_json_get_string(object, key);

	for (int i = 0; word && i < count; i++)
		if (strcmp(word, words[i]) == 0)
		{
			appendStringInfoString(text, word);
			return;
		}
	refuse(psprintf("\"%s\" must be %s", key, hint));
}

/* Appends tiers, up to what they are on. */
static void
append_tiers(StringInfo text, JsonbContainer *object)
{
	static const char *const known[] = {"from", "percent", "amount", "price"};
	JsonbContainer **tiers;
	int count = read_objects(object, "tiers", &tiers);

	appendStringInfoString(text, "tiers by ");
	append_word(text, object, "tiers_by", commerce_rule_bases, TIER_ORDER_SUBTOTAL + 1,
				"subtotal, quantity, line subtotal, line quantity or order subtotal");
	if (commerce_json_get_bool(object, "graduated", false))
		appendStringInfoString(text, " graduated");
	for (int i = 0; i < count; i++)
	{
		JsonbValue from;

		commerce_rule_require_keys(tiers[i], known, lengthof(known), "a tier");
		appendStringInfoString(text, i > 0 ? ", " : ": ");
		if (!commerce_json_find(tiers[i], "from", &from))
			refuse("a tier needs \"from\", a number of units or money");
		if (from.type == jbvNumeric)
			(void) append_count(text, tiers[i], "from", "", "");
		else
			(void) append_moneys(text, tiers[i], "from");
		appendStringInfoString(text, " -> ");
		append_reward(text, tiers[i], "price ", "", "");
	}
}

/* Appends what a benefit is limited to. */
static void
append_limits(StringInfo text, JsonbContainer *object)
{
	char *first = commerce_json_get_string(object, "first");
	JsonbValue value;

	(void) append_count(text, object, "groups", ", in groups of ", "");
	(void) append_count(text, object, "steps", ", in steps of ", "");
	(void) append_count(text, object, "units", ", at most ", " units");
	(void) append_count(text, object, "units_of_each_line", ", at most ", " units of each line");
	(void) append_count(text, object, "times", ", at most ", " times");
	if (commerce_json_find(object, "at_most", &value))
	{
		appendStringInfoString(text, ", at most ");
		(void) append_moneys(text, object, "at_most");
	}
	if (first == NULL)
		return;
	if (strcmp(first, "cart") == 0)
		appendStringInfoString(text, ", in cart order");
	else if (strcmp(first, "cheapest") == 0 || strcmp(first, "dearest") == 0)
		appendStringInfo(text, ", %s first", first);
	else
		refuse("\"first\" must be cheapest, dearest or cart");
}

/* Refuses keys that do not belong to what the object gives. */
static void
require_keys(JsonbContainer *object, const char *kind)
{
	static const struct
	{
		const char *kind;
		const char *keys[16];
	} forms[] = {
		{"gift", {"gift", "quantity", "for_every", "times"}},
		{"bundle", {"bundle", "percent", "amount", "price", "times", "at_most", "first"}},
		{"buy", {"buy", "get", "percent", "amount", "price", "times", "at_most", "first"}},
		{"first_unit", {"first_unit", "others", "where", "units_of_each_line", "at_most"}},
		{"tiers",
		 {"tiers", "tiers_by", "graduated", "off", "where", "groups", "steps", "units", "units_of_each_line",
		  "at_most", "first"}},
		{"off",
		 {"percent", "amount", "price", "off", "where", "groups", "steps", "units", "units_of_each_line",
		  "at_most", "first"}},
	};

	for (size_t i = 0; i < lengthof(forms); i++)
	{
		int count = 0;

		if (strcmp(forms[i].kind, kind) != 0)
			continue;
		while (count < 16 && forms[i].keys[count])
			count++;
		commerce_rule_require_keys(object, forms[i].keys, count, "a benefit");
	}
}

/* Appends the text of one thing that a promotion gives. */
static void
append_benefit(StringInfo text, JsonbContainer *object)
{
	static const char *const kinds[] = {"gift", "bundle", "buy", "first_unit", "tiers"};
	const char *kind = "off";
	JsonbValue value;

	for (size_t i = 0; i < lengthof(kinds) && strcmp(kind, "off") == 0; i++)
		if (commerce_json_find(object, kinds[i], &value))
			kind = kinds[i];
	require_keys(object, kind);
	if (strcmp(kind, "gift") == 0)
	{
		if (!append_count(text, object, "quantity", "gift ", " "))
			refuse("a gift needs a \"quantity\"");
		commerce_rule_append_quoted(text, commerce_json_get_string(object, "gift"));
		if (commerce_json_find(object, "for_every", &value))
		{
			appendStringInfoString(text, " for every");
			append_parts(text, object, "for_every");
		}
	}
	else if (strcmp(kind, "bundle") == 0 || strcmp(kind, "buy") == 0)
	{
		appendStringInfoString(text, kind);
		append_parts(text, object, kind);
		if (strcmp(kind, "buy") == 0)
		{
			appendStringInfoString(text, " get");
			append_parts(text, object, "get");
		}
		append_reward(text, object, " for ", " at ", " off");
	}
	else if (strcmp(kind, "first_unit") == 0)
	{
		append_reward_of(text, object, "first_unit");
		appendStringInfoString(text, " off first unit and ");
		append_reward_of(text, object, "others");
		appendStringInfoString(text, " off others");
	}
	else
	{
		bool priced = commerce_json_find(object, "price", &value);

		if (strcmp(kind, "tiers") == 0)
			append_tiers(text, object);
		else
			append_reward(text, object, "price ", "", "");
		appendStringInfoString(text, strcmp(kind, "tiers") == 0 ? " on " : priced ? " for " : " off ");
		append_word(text, object, "off", commerce_rule_targets, BENEFIT_SHIPPING + 1,
					"units, lines, order or shipping");
	}
	append_where(text, object);
	append_limits(text, object);
}

/* jsonb::benefit */
Datum
commerce_benefit_from_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb *json = PG_GETARG_JSONB_P(0);
	StringInfoData text;
	JsonbContainer **objects;
	int count = 1;

	initStringInfo(&text);
	if (JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json))
	{
		count = commerce_json_objects(json, "a benefit", &objects);
		if (count == 0)
			refuse("a benefit must not be empty");
	}
	else if (JB_ROOT_IS_OBJECT(json))
	{
		objects = palloc(sizeof(JsonbContainer *));
		objects[0] = &json->root;
	}
	else
		refuse("a benefit in JSON is an object, or an array of some");
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoString(&text, "; ");
		append_benefit(&text, objects[i]);
	}
	return DirectFunctionCall1(commerce_benefit_in, CStringGetDatum(text.data));
}
