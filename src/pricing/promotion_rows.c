/*
 * promotion_rows.c: rows of commerce.promotions, or of JSON that has their form, compiled.
 *
 * One list of columns serves both, so that what is tried out with a quote is what the table will do.
 */
#include "pricing/promotion_rows.h"

#include "base/json.h"
#include "base/plan.h"
#include "money/amount.h"
#include "pricing/options.h"
#include "rule/rule_sql.h"

PG_FUNCTION_INFO_V1(commerce_benefit_fits);

/* Columns of a promotion p, numbered by Column below. */
#define COLUMNS                                                                                              \
	"p.id, p.name, p.status = 'active', CASE WHEN isempty(p.during) THEN 'infinity' WHEN"                    \
	" lower_inf(p.during) THEN '-infinity' ELSE lower(p.during) END, CASE WHEN isempty(p.during) THEN"       \
	" '-infinity' WHEN upper_inf(p.during) THEN 'infinity' ELSE upper(p.during) END, p.needs_code,"          \
	" p.class, p.lane, p.priority, p.condition_sees, p.exclusivity, p.exclusive_group, p.stop_line,"         \
	" p.stop_all, p.combines_with, p.tags, p.stacks_with, p.exclude_sale_items, p.percentages,"              \
	" p.time_zone, p.channels, p.currencies, p.customer_groups, p.condition::text, p.benefit::text"

typedef enum Column
{
	COLUMN_ID = 1,
	COLUMN_NAME,
	COLUMN_ACTIVE,
	COLUMN_BEGINS,
	COLUMN_ENDS,
	COLUMN_NEEDS_CODE,
	COLUMN_CLASS,
	COLUMN_LANE,
	COLUMN_PRIORITY,
	COLUMN_CONDITION_SEES,
	COLUMN_EXCLUSIVITY,
	COLUMN_GROUP,
	COLUMN_STOP_LINE,
	COLUMN_STOP_ALL,
	COLUMN_COMBINES,
	COLUMN_TAGS,
	COLUMN_STACKS_WITH,
	COLUMN_SALE_ITEMS,
	COLUMN_PERCENTAGES,
	COLUMN_TIME_ZONE,
	COLUMN_CHANNELS,
	COLUMN_CURRENCIES,
	COLUMN_GROUPS,
	COLUMN_CONDITION,
	COLUMN_BENEFIT,
	COLUMN_CODES, /* given ones only */
	COLUMN_USES_LEFT,
	COLUMN_SPEND_LEFT,
	COLUMN_PLACE = COLUMN_BENEFIT + 1, /* of a versioned table only */
	COLUMN_DRAFT,
} Column;

static SavedPlan read_promotions = {.sql = "SELECT " COLUMNS
										   " FROM commerce.promotions p WHERE p.status <> 'draft'"};

/* Behind the columns of a promotion in a versioned table. */
#define ROW_COLUMNS ", p.ctid, p.status = 'draft'"

static SavedPlan read_all_rows = {.sql = "SELECT " COLUMNS ROW_COLUMNS " FROM commerce.promotions p"};

static SavedPlan read_some_rows = {.sql = "SELECT " COLUMNS ROW_COLUMNS
										  " FROM commerce.promotions p WHERE p.ctid = ANY ($1)",
								   .args = "tid[]"};

/* A text that holds JSON, or JSON that holds a text, may be a rule; what is absent is as the table's defaults say. */
#define RULE_OF(type, column)                                                                                \
	"CASE jsonb_typeof(g." column ") WHEN 'string' THEN (g." column " #>> '{}')::commerce." type             \
	" WHEN 'null' THEN NULL ELSE g." column "::commerce." type " END AS " column

static SavedPlan read_given = {
	.sql =
		"SELECT " COLUMNS
		", p.codes, p.uses_left, p.spend_left FROM (SELECT coalesce(g.id, ('00000000-0000-0000-0000-' ||"
		" lpad(to_hex(g.place), 12, '0'))::uuid) AS id, coalesce(g.name, '') AS name, coalesce(g.status,"
		" 'active') AS status, coalesce(g.during, '(,)') AS during, coalesce(g.needs_code, g.codes IS NOT"
		" NULL) AS needs_code, g.class, coalesce(g.lane, 'default') AS lane, coalesce(g.priority, 0) AS"
		" priority, coalesce(g.condition_sees, 'before') AS condition_sees, coalesce(g.exclusivity, 'none')"
		" AS exclusivity, g.exclusive_group, coalesce(g.stop_line, false) AS stop_line,"
		" coalesce(g.stop_all, false) AS stop_all, coalesce(g.combines_with, '{item,gift,order,shipping}')"
		" AS combines_with, coalesce(g.tags, '{}') AS tags, coalesce(g.stacks_with, '{}') AS stacks_with,"
		" coalesce(g.exclude_sale_items, 'no') AS exclude_sale_items, g.percentages,"
		" coalesce(g.time_zone, 'UTC') AS time_zone, coalesce(g.channels, '{}') AS channels,"
		" coalesce(g.currencies, '{}') AS currencies, coalesce(g.customer_groups, '{}') AS customer_groups,"
		" " RULE_OF("condition", "condition") ", " RULE_OF(
			"benefit", "benefit") ", ARRAY(SELECT upper(btrim(c) COLLATE \"C\") FROM unnest(g.codes) c) AS "
								  "codes, g.uses_left,"
								  " g.spend_left FROM ROWS FROM (jsonb_to_recordset($1) AS (id uuid, name "
								  "text, campaign text, status"
								  " text, class text, lane text, priority int, during tstzrange, time_zone "
								  "text, channels text[],"
								  " currencies text[], customer_groups text[], condition jsonb, "
								  "condition_sees text, benefit jsonb,"
								  " needs_code boolean, exclusivity text, exclusive_group text, stop_line "
								  "boolean, stop_all boolean,"
								  " combines_with text[], tags text[], stacks_with text[], "
								  "exclude_sale_items text, percentages text,"
								  " codes text[], uses_left int8, spend_left jsonb)) WITH ORDINALITY AS g "
								  "(id, name, campaign, status,"
								  " class, lane, priority, during, time_zone, channels, currencies, "
								  "customer_groups, condition,"
								  " condition_sees, benefit, needs_code, exclusivity, exclusive_group, "
								  "stop_line, stop_all,"
								  " combines_with, tags, stacks_with, exclude_sale_items, percentages, "
								  "codes, uses_left, spend_left,"
								  " place)) p",
	.args = "jsonb"};

static const char *const given_keys[] = {
	"id",          "name",     "campaign",       "status",     "class",       "lane",
	"priority",    "during",   "time_zone",      "channels",   "currencies",  "customer_groups",
	"condition",   "benefit",  "condition_sees", "needs_code", "exclusivity", "exclusive_group",
	"stop_line",   "stop_all", "combines_with",  "tags",       "stacks_with", "exclude_sale_items",
	"percentages", "codes",    "uses_left",      "spend_left", NULL};

/* The words of columns, in the order of their enumerations. */
static const char *const class_names[] = {"catalog", "item", "gift", "order", "shipping"};
static const char *const lane_names[] = {"pre", "default", "post"};
static const char *const exclusivity_names[] = {"none", "exclusive", "group_best", "group_first"};
static const char *const sale_item_names[] = {"no", "skip", "refuse"};
static const char *const percentage_names[] = {"", "running", "original"};
static const char *const sees_names[] = {"before", "running"};

/* Returns the name of a class. */
const char *
commerce_promotion_class_name(PromotionClass class)
{
	return class_names[class];
}

/* benefit_fits(benefit, class): may a promotion of this class give this? */
Datum
commerce_benefit_fits(PG_FUNCTION_ARGS)
{
	Benefit *benefit;
	char *name;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(true);
	benefit = commerce_benefit_read(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	for (int class = 0; class < PROMOTION_CLASSES; class ++)
		if (strcmp(name, class_names[class]) == 0)
			PG_RETURN_BOOL(commerce_class_fits(class, benefit));
	PG_RETURN_BOOL(false);
}

/* Finds the word in a column among those it may hold; 22023 where it is none, which only a given promotion has. */
static int
word(uint64 row, Column column, const char *name, const char *const *words, int count, int fallback)
{
	char *text = commerce_text(row, column);

	if (text == NULL)
		return fallback;
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no %s of a promotion", text, name)));
}

#define WORD(row, column, name, words, fallback) word(row, column, name, words, lengthof(words), fallback)

/* Reads a flag. */
static bool
flag(uint64 row, Column column)
{
	bool isnull;

	return DatumGetBool(commerce_value(row, column, &isnull)) && !isnull;
}

/* Reads a list of texts into the current context. */
static TextList
list(uint64 row, Column column)
{
	TextList result = {NULL, 0};
	Datum *elements;
	bool *nulls;
	bool isnull;
	Datum value = commerce_value(row, column, &isnull);

	if (isnull)
		return result;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
					  &result.count);
	if (result.count == 0)
		return result;
	result.texts = palloc(sizeof(char *) * result.count);
	for (int i = 0; i < result.count; i++)
		result.texts[i] = nulls[i] ? "" : TextDatumGetCString(elements[i]);
	return result;
}

/* Compiles one row. What is stored was checked on input, so a failure to parse means a newer language. */
static void
compile(uint64 row, const RuleMemory *memory, Promotion *promotion)
{
	RuleError error;
	bool isnull;
	char *condition = commerce_text(row, COLUMN_CONDITION);
	char *benefit = commerce_text(row, COLUMN_BENEFIT);
	TextList combines = list(row, COLUMN_COMBINES);

	memset(promotion, 0, sizeof(Promotion));
	memcpy(promotion->id, DatumGetUUIDP(commerce_value(row, COLUMN_ID, &isnull))->data, UUID_LEN);
	promotion->name = commerce_text(row, COLUMN_NAME);
	promotion->active = flag(row, COLUMN_ACTIVE);
	promotion->begins = DatumGetTimestampTz(commerce_value(row, COLUMN_BEGINS, &isnull));
	promotion->ends = DatumGetTimestampTz(commerce_value(row, COLUMN_ENDS, &isnull));
	promotion->needs_code = flag(row, COLUMN_NEEDS_CODE);
	promotion->lane = WORD(row, COLUMN_LANE, "lane", lane_names, LANE_DEFAULT);
	promotion->priority = DatumGetInt32(commerce_value(row, COLUMN_PRIORITY, &isnull));
	promotion->running = WORD(row, COLUMN_CONDITION_SEES, "condition_sees", sees_names, 0) == 1;
	promotion->exclusivity = WORD(row, COLUMN_EXCLUSIVITY, "exclusivity", exclusivity_names, EXCLUSIVE_NONE);
	promotion->group = commerce_text(row, COLUMN_GROUP);
	promotion->stop_line = flag(row, COLUMN_STOP_LINE);
	promotion->stop_all = flag(row, COLUMN_STOP_ALL);
	for (int i = 0; i < combines.count; i++)
		for (int class = 0; class < PROMOTION_CLASSES; class ++)
			if (strcmp(combines.texts[i], class_names[class]) == 0)
				promotion->combines |= 1u << class;
	promotion->tags = list(row, COLUMN_TAGS);
	promotion->stacks_with = list(row, COLUMN_STACKS_WITH);
	promotion->sale_items = WORD(row, COLUMN_SALE_ITEMS, "exclude_sale_items", sale_item_names, SALE_ALLOWED);
	promotion->percent_base =
		WORD(row, COLUMN_PERCENTAGES, "percentages", percentage_names, PERCENT_AS_ASKED);
	promotion->channels = list(row, COLUMN_CHANNELS);
	promotion->currencies = list(row, COLUMN_CURRENCIES);
	promotion->groups = list(row, COLUMN_GROUPS);
	if (benefit == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a promotion needs a benefit"),
						errhint("For example {\"benefit\": \"20%% off order\"}.")));
	promotion->condition = condition ? commerce_stored_condition_parse(condition, memory, &error) : NULL;
	if (condition && promotion->condition == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("promotion \"%s\" has a condition this library cannot read: %s",
							   promotion->name, error.message)));
	promotion->benefit = commerce_stored_benefit_parse(benefit, memory, &error);
	if (promotion->benefit == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("promotion \"%s\" has a benefit this library cannot read: %s", promotion->name,
							   error.message)));
	promotion->class =
		WORD(row, COLUMN_CLASS, "class", class_names, commerce_natural_class(promotion->benefit));
	if (!commerce_class_fits(promotion->class, promotion->benefit))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a promotion of class %s cannot give \"%s\"", class_names[promotion->class],
							   benefit)));
	if (promotion->group == NULL && promotion->exclusivity >= EXCLUSIVE_GROUP_BEST)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a promotion that excludes others of its group needs an exclusive_group")));
	if (commerce_condition_asks_time(promotion->condition) || commerce_benefit_asks_time(promotion->benefit))
		promotion->time_zone = commerce_text(row, COLUMN_TIME_ZONE);
}

/* Compiles one row into the list, as the memory says; the list has room. */
static void
compile_row(uint64 row, const RuleMemory *memory, ReadPromotions *read)
{
	Promotion *promotion = &read->promotions[read->count];

	CHECK_FOR_INTERRUPTS();
	compile(row, memory, promotion);
	read->count++;
	read->asks_orders = read->asks_orders || commerce_condition_asks_orders(promotion->condition) ||
						commerce_benefit_asks_orders(promotion->benefit);
}

/* Compiles the rows of the last statement: what they say into one memory context, the list into the current one. */
static void
compile_rows(uint64 rows, bool versioned, MemoryContext into, ReadPromotions *read)
{
	RuleMemory memory = commerce_rule_memory(into);
	MemoryContext lists = CurrentMemoryContext;

	*read = (ReadPromotions){.rows = (int) rows};
	read->promotions = palloc_extended(sizeof(Promotion) * Max(rows, 1), MCXT_ALLOC_HUGE);
	if (versioned)
		read->places = palloc_extended(sizeof(ItemPointerData) * Max(rows, 1), MCXT_ALLOC_HUGE);
	MemoryContextSwitchTo(into);
	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;

		if (versioned)
		{
			if (flag(row, COLUMN_DRAFT))
				continue;
			read->places[read->count] =
				*(ItemPointer) DatumGetPointer(commerce_value(row, COLUMN_PLACE, &isnull));
		}
		compile_row(row, &memory, read);
	}
	MemoryContextSwitchTo(lists);
}

/* Reads and compiles all promotions of the shop that are not drafts. */
void
commerce_read_promotions(Snapshot snapshot, bool versioned, MemoryContext into, ReadPromotions *read)
{
	MemoryContext caller = CurrentMemoryContext;
	uint64 rows = commerce_read_with(versioned ? &read_all_rows : &read_promotions, snapshot, NULL, NULL);

	MemoryContextSwitchTo(caller);
	compile_rows(rows, versioned, into, read);
}

/* Reads and compiles those of some rows. */
void
commerce_read_promotion_rows(Snapshot snapshot, const RowVersions *versions, const int *wanted,
							 int wanted_count, MemoryContext into, ReadPromotions *read)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum *places = palloc(sizeof(Datum) * Max(wanted_count, 1));
	Datum array;
	uint64 rows;

	for (int i = 0; i < wanted_count; i++)
		places[i] = PointerGetDatum(&versions->versions[wanted[i]].tid);
	array = PointerGetDatum(
		construct_array(places, wanted_count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
	rows = commerce_read_with(&read_some_rows, snapshot, &array, NULL);
	MemoryContextSwitchTo(caller);
	compile_rows(rows, true, into, read);
}

/* A given promotion with what only given ones have, so that they stay together when they are put in order. */
typedef struct Given
{
	Promotion promotion;
	TextList codes;
	PromotionPurse purse;
} Given;

/* Reads how much a given promotion may still give. */
static PromotionPurse
read_purse(uint64 row, int currency)
{
	PromotionPurse purse = {PG_INT64_MAX, PG_INT64_MAX, PG_INT64_MAX, false, false};
	bool uses_absent;
	bool spend_absent;
	Datum uses = commerce_value(row, COLUMN_USES_LEFT, &uses_absent);
	Datum spend = commerce_value(row, COLUMN_SPEND_LEFT, &spend_absent);

	if (!uses_absent)
		purse.uses = DatumGetInt64(uses);
	if (!spend_absent)
	{
		Amount amount;
		JsonWriter wrapped = JSON_WRITER_INIT;
		JsonbValue value;

		JsonbToJsonbValue(DatumGetJsonbP(spend), &value);
		if (JB_ROOT_IS_SCALAR(DatumGetJsonbP(spend)))
			(void) JsonbExtractScalar(&DatumGetJsonbP(spend)->root, &value);
		commerce_json_object(&wrapped);
		commerce_json_key(&wrapped, "spend_left");
		wrapped.root = pushJsonbValue(&wrapped.state, WJB_VALUE, &value);
		commerce_json_end_object(&wrapped);
		(void) commerce_json_get_money(&commerce_json_finish(&wrapped)->root, "spend_left", currency,
									   &amount);
		commerce_require_same_currency(currency, commerce_amount_currency(amount));
		purse.spend = purse.refused_beyond = commerce_amount_minor(amount);
	}
	return purse;
}

/* Orders given promotions as they are applied. */
static int
given_by_order(const void *a, const void *b)
{
	return commerce_promotion_order(&((const Given *) a)->promotion, &((const Given *) b)->promotion);
}

/* Compiles promotions that are brought to a quote. */
const PromotionSet *
commerce_given_promotions(Jsonb *json, int currency)
{
	MemoryContext caller = CurrentMemoryContext;
	PromotionSet *set = palloc0(sizeof(PromotionSet));
	ReadPromotions read;
	JsonbContainer **objects;
	int count = commerce_json_objects(json, "promotions", &objects);
	Datum value = JsonbPGetDatum(json);
	Promotion *promotions;
	Given *given = palloc_extended(sizeof(Given) * Max(count, 1), MCXT_ALLOC_HUGE);
	TextList *codes = palloc(sizeof(TextList) * Max(count, 1));
	PromotionPurse *purses = palloc(sizeof(PromotionPurse) * Max(count, 1));

	for (int i = 0; i < count; i++)
		commerce_refuse_unknown_keys(objects[i], given_keys, "a promotion");
	count = (int) commerce_run(&read_given, PLAN_READS, &value, NULL);
	MemoryContextSwitchTo(caller);
	compile_rows(count, false, caller, &read);
	promotions = read.promotions;
	*set = (PromotionSet){.promotions = promotions, .count = read.count, .asks_orders = read.asks_orders};
	for (int i = 0; i < count; i++)
	{
		for (int c = 0; c < promotions[i].currencies.count; c++)
			(void) commerce_currency_number(promotions[i].currencies.texts[c]);
		given[i] = (Given){promotions[i], list(i, COLUMN_CODES), {0}};
		given[i].purse = read_purse(i, currency);
	}
	qsort(given, count, sizeof(Given), given_by_order);
	for (int i = 0; i < count; i++)
	{
		promotions[i] = given[i].promotion;
		codes[i] = given[i].codes;
		purses[i] = given[i].purse;
	}
	set->given = true;
	set->codes = codes;
	set->purses = purses;
	return set;
}
