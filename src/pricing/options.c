/*
 * options.c: reading how discounts are computed.
 */
#include "pricing/options.h"

#include "base/json.h"

PG_FUNCTION_INFO_V1(commerce_are_pricing_options);

const PricingOptions commerce_pricing_defaults = {.rounding = ROUND_HALF_UP, .remainder = ALLOCATE_NEAREST};

const char *const commerce_pricing_option_names[] = {
	"rounding",       "remainder", "percentages",      "limited_pool",     "partial_get", "budget_exceeded",
	"exclusive_rule", "tax_on",    "catalog_rounding", "catalog_stacking", NULL};

/* Options that are one of two words. */
static const struct
{
	const char *name;
	const char *off;
	const char *on;
	size_t flag;
} choices[] = {
	{"percentages", "running", "original", offsetof(PricingOptions, percent_of_original)},
	{"limited_pool", "cheapest", "dearest", offsetof(PricingOptions, dearest_pool)},
	{"partial_get", "no", "yes", offsetof(PricingOptions, partial_get)},
	{"budget_exceeded", "refuse", "rest", offsetof(PricingOptions, budget_rest)},
	{"exclusive_rule", "exclusive_first", "priority_first", offsetof(PricingOptions, priority_first)},
	{"tax_on", "discounted", "full", offsetof(PricingOptions, tax_on_full)},
	{"catalog_rounding", "unit", "line", offsetof(PricingOptions, catalog_by_line)},
	{"catalog_stacking", "compound", "best", offsetof(PricingOptions, catalog_best)},
};

/* Refuses the value of an option. */
static void
refuse(const char *name, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" must be %s", name, expected)));
}

/* Returns the keys of a list, for a hint. */
static char *
listed(const char *const *known)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; known[i]; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", known[i]);
	return list.data;
}

/* Refuses a key that is not in the list. */
void
commerce_refuse_unknown_keys(JsonbContainer *object, const char *const *known, const char *what)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		int i = 0;
		char *key;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown key \"%s\" in %s", key, what),
					 errhint("Known are %s.", listed(known))));
	}
}

/* Changes what an object says. */
void
commerce_pricing_options(JsonbContainer *object, PricingOptions *options)
{
	char *rounding = commerce_json_get_string(object, "rounding");
	char *remainder = commerce_json_get_string(object, "remainder");

	if (rounding && !commerce_rounding_mode(rounding, &options->rounding))
		refuse("rounding", "a rounding mode such as half_up, half_even, half_down or down");
	if (remainder && !commerce_allocation_policy(remainder, &options->remainder))
		refuse("remainder", "nearest, first, last or another policy of allocate()");
	for (size_t i = 0; i < lengthof(choices); i++)
	{
		char *value = commerce_json_get_string(object, choices[i].name);

		if (value == NULL)
			continue;
		if (strcmp(value, choices[i].off) != 0 && strcmp(value, choices[i].on) != 0)
			refuse(choices[i].name, psprintf("%s or %s", choices[i].off, choices[i].on));
		*(bool *) ((char *) options + choices[i].flag) = strcmp(value, choices[i].on) == 0;
	}
}

/* Tells whether an object says anything of how discounts are computed. */
bool
commerce_says_pricing_options(JsonbContainer *object)
{
	JsonbValue value;

	for (int i = 0; commerce_pricing_option_names[i]; i++)
		if (commerce_json_find(object, commerce_pricing_option_names[i], &value))
			return true;
	return false;
}

/* are_pricing_options(jsonb): true, or an error. */
Datum
commerce_are_pricing_options(PG_FUNCTION_ARGS)
{
	Jsonb *json = PG_GETARG_JSONB_P(0);
	PricingOptions options = commerce_pricing_defaults;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("pricing options must be a JSON object")));
	commerce_refuse_unknown_keys(&json->root, commerce_pricing_option_names, "pricing options");
	commerce_pricing_options(&json->root, &options);
	PG_RETURN_BOOL(true);
}
