// sources: src/promotion/apply.c src/promotion/groups.c src/promotion/judge.c src/promotion/off.c src/promotion/sets.c src/promotion/tiers.c src/promotion/units.c src/promotion/work.c src/promotion/class.c src/promotion/verdict.c
// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c
// sources: src/money/currency.c src/money/rounding.c src/money/allocate.c
/*
 * promotion_examples.c: what promotions take off carts whose numbers were worked out by hand.
 *
 * What is expected is what each line gives in all, behind a bar shipping, and gifts; and where it matters the verdicts.
 */
#include "promotion_test.h"

/* What an example leaves out is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* A promotion of an example; zeroes are what is usual. */
typedef struct Given
{
	const char *benefit;
	PromotionClass class; /* 0: the one it has by itself */
	PromotionLane lane;
	int priority;
	const char *condition;
	bool running;
	Exclusivity exclusivity; /* in the group "g" */
	bool stop_line;
	bool stop_all;
	unsigned combines; /* 0: all */
	const char *tag;
	const char *stacks_with;
	SaleItems sale_items;
	PercentBase base;
	int64_t spend; /* 0: no budget */
} Given;

/* How an example is not as usual. */
typedef struct How
{
	RoundingMode rounding;
	AllocationPolicy remainder;
	bool original;
	bool dearest;
	bool partial;
	bool rest;
	bool priority_first;
	int64_t shipping;
} How;

typedef struct Example
{
	const char *lines;
	Given given[4];
	How how;
	const char *takes;
	const char *verdicts; /* in the order of application; NULL: as may be */
} Example;

static const Example kinds[] = {
	/* Off units, lines and order. */
	{"A 3 1000", {{"20% off units"}}, {0}, "600", "applied"},
	{"A 3 1000, B 1 500", {{"20% off lines where sku = 'A'"}}, {0}, "600 0", NULL},
	{"A 3 1000", {{"1 EUR off units"}}, {0}, "300", NULL},
	{"A 3 1000", {{"1 EUR off lines"}}, {0}, "100", NULL},
	{"A 3 1000, B 1 1000", {{"4 EUR off order"}}, {0}, "300 100", NULL},
	{"A 3 1000, B 1 1000", {{"4 EUR off order where sku = 'B'"}}, {0}, "0 400", NULL},
	{"A 2 100, B 1 900", {{"5 EUR off units"}}, {0}, "200 500", NULL},
	{"A 3 400", {{"price 5 EUR for lines"}}, {0}, "700", NULL},
	{"A 3 400, B 1 200", {{"price 3 EUR for units"}}, {0}, "300 0", NULL},
	{"A 1 600, B 1 900", {{"price 10 EUR for order"}}, {0}, "200 300", NULL},
	{"A 1 600", {{"price 7 EUR for order"}}, {0}, "0", "nothing_left"},
	{"A 1 100", {{"free units"}}, {0}, "100", NULL},
	{"A 1 100", {{"1% off lines where sku = 'B'"}}, {0}, "0", "no_target"},
	{"A 1 100", {{"5 USD off order"}}, {0}, "0", "other_currency"},
	{"A 1 1000", {{"5 USD or 4 EUR off order"}}, {0}, "400", NULL},
	{"A 1 1000", {{"5 USD off order; 1% off order"}}, {0}, "10", NULL},
	/* Limited units. */
	{"A 2 1000, B 2 500", {{"20% off units, at most 3 units, dearest first"}}, {0}, "400 100", NULL},
	{"A 2 1000, B 2 500", {{"20% off units, at most 3 units"}}, {0}, "200 200", NULL},
	{"A 2 1000, B 2 500", {{"20% off units, at most 3 units"}}, {.dearest = true}, "400 100", NULL},
	{"B 2 500, A 2 1000", {{"20% off units, at most 3 units, in cart order"}}, {0}, "200 200", NULL},
	{"A 2 1000, B 2 500", {{"20% off units, at most 3 units, in cart order"}}, {0}, "400 100", NULL},
	{"A 5 1000, B 1 500", {{"1 EUR off units, at most 2 units of each line"}}, {0}, "200 100", NULL},
	{"A 7 100", {{"50% off units, in steps of 3"}}, {0}, "300", NULL},
	{"A 3 100, B 3 50", {{"50% off units, in groups of 4"}}, {0}, "50 75", NULL},
	{"A 2 100, B 1 50", {{"50% off units, in groups of 4"}}, {0}, "0 0", NULL},
	{"A 3 100, B 3 50", {{"4 EUR off order, at most 4 units"}}, {0}, "100 150", NULL},
	{"A 3 100, B 3 50 f150", {{"50% off units, at most 2 units"}}, {0}, "100 0", NULL},
	{"A 2 1001/2", {{"50% off order, at most 1 units"}}, {0}, "250", NULL},
	{"A 2 1001/2", {{"50% off units, at most 1 units"}}, {0}, "250", NULL},
	/* The first unit and the others. */
	{"A 4 100", {{"100% off first unit and 10% off others"}}, {0}, "130", NULL},
	{"A 4 100, B 1 50",
	 {{"10% off first unit and 0.50 EUR off others, at most 3 units of each line"}},
	 {0},
	 "110 5",
	 NULL},
	{"A 3 100", {{"5 EUR off first unit and 0.10 EUR off others"}}, {0}, "120", NULL},
	{"A 3 100", {{"0 EUR off first unit and 5 EUR off others"}}, {0}, "200", NULL},
	/* Tiers. */
	{"A 1 9999", {{"tiers by subtotal: 100 EUR -> 10%, 200 EUR -> 15%"}}, {0}, "0", "not_enough"},
	{"A 1 15000", {{"tiers by subtotal: 100 EUR -> 10%, 200 EUR -> 15%"}}, {0}, "1500", NULL},
	{"A 2 10000", {{"tiers by subtotal: 100 EUR -> 10%, 200 EUR -> 15%"}}, {0}, "3000", NULL},
	{"A 1 15000", {{"tiers by subtotal graduated: 0 EUR -> 10%, 100 EUR -> 20%"}}, {0}, "2000", NULL},
	{"A 6 100",
	 {{"tiers by line quantity graduated: 1 -> 5%, 3 -> 10%, 5 -> price 0.50 EUR on units"}},
	 {0},
	 "130",
	 NULL},
	{"A 3 100", {{"tiers by line quantity graduated: 1 -> 0.10 EUR, 3 -> 5 EUR on units"}}, {0}, "120", NULL},
	{"A 3 100, B 2 100",
	 {{"tiers by line quantity: 3 -> price 0.80 EUR, 10 -> price 0.50 EUR on units"}},
	 {0},
	 "60 0",
	 NULL},
	{"A 3 100, B 2 300", {{"tiers by line subtotal: 5 EUR -> 1 EUR on lines"}}, {0}, "0 100", NULL},
	{"A 3 100, B 2 100",
	 {{"tiers by quantity: 4 -> 10% on units where sku = 'A'"}},
	 {0},
	 "0 0",
	 "not_enough"},
	{"A 3 100, B 2 100",
	 {{"tiers by order subtotal: 5 EUR -> 10% on units where sku = 'A'"}},
	 {0},
	 "30 0",
	 NULL},
	{"A 5 100, B 2 100",
	 {{"10% off lines where sku = 'A'; tiers by quantity: 3 -> 5% on order where sku = 'B'"}},
	 {0},
	 "50 0",
	 NULL},
	{"A 1 6000",
	 {{"tiers by subtotal: 50 EUR -> 50%, 100 EUR -> 100% on shipping"}},
	 {.shipping = 500},
	 "0 | 250",
	 NULL},
	/* Sets. */
	{"A 7 100", {{"buy 2 get 1 free"}}, {0}, "200", NULL},
	{"A 7 100", {{"buy 2 get up to 2 free"}}, {0}, "300", NULL},
	{"A 7 100", {{"buy 2 get 2 free"}}, {.partial = true}, "300", NULL},
	{"A 7 100", {{"buy 2 get 2 free, at most 1 times"}}, {.partial = true}, "200", NULL},
	{"A 2 100", {{"buy 2 get 1 free"}}, {0}, "0", "not_enough"},
	{"A 3 100, B 4 50", {{"buy 2 get 1 free"}}, {0}, "0 100", NULL},
	{"A 1 1000, B 1 600, C 1 300", {{"buy 1 get 1 at 50% off"}}, {0}, "0 0 150", NULL},
	{"A 1 1000, B 1 600, C 1 300", {{"buy 1 get 1 at 50% off, dearest first"}}, {0}, "500 0 0", NULL},
	{"B 4 300, A 2 500", {{"buy 1 where sku = 'A' get 2 where sku = 'B' for 1 EUR"}}, {0}, "800 0", NULL},
	{"A 3 100 tx, B 1 100",
	 {{"buy 2 where tag = 'x' get 1 where sku = 'A' or sku = 'B' free"}},
	 {0},
	 "100 0",
	 NULL},
	{"A 2 2000, B 3 500",
	 {{"bundle 1 where sku = 'A' + 2 where sku = 'B' for 25 EUR"}},
	 {0},
	 "333 167",
	 NULL},
	{"A 2 1000, B 2 800, C 1 300", {{"3 for 20 EUR"}}, {0}, "571 229 0", NULL},
	{"A 3 500", {{"3 for 20 EUR"}}, {0}, "0", "nothing_left"},
	{"A 3 1000, B 3 500", {{"3 for 20 EUR"}}, {0}, "1000 0", NULL},
	{"A 5 1000", {{"bundle 2 at 3 EUR off"}}, {0}, "600", NULL},
	{"A 5 1000", {{"bundle 2 at 10% off, at most 1 times"}}, {0}, "200", NULL},
	{"A 4 1000", {{"buy 1 get 1 free; buy 1 get 1 at 10% off"}}, {0}, "2000", NULL},
	/* Gifts and shipping. */
	{"A 5 100", {{"gift 1 'MUG' for every 2 where sku = 'A'"}}, {0}, "0 + 2 MUG", NULL},
	{"A 5 100", {{"gift 3 'MUG' for every 2, at most 1 times"}}, {0}, "0 + 3 MUG", NULL},
	{"A 1 100", {{"gift 1 'MUG' for every 2"}}, {0}, "0", "no_target"},
	{"A 5 100", {{"gift 2 'MUG'; 10% off lines", .class = CLASS_ITEM}}, {0}, "50 + 2 MUG", NULL},
	{"A 1 100", {{"free shipping"}}, {.shipping = 490}, "0 | 490", NULL},
	{"A 1 100", {{"50% off shipping, at most 2 EUR"}}, {.shipping = 490}, "0 | 200", NULL},
	{"A 1 100", {{"free shipping where lines() > 1"}}, {.shipping = 490}, "0 | 0", "no_target"},
	{"A 1 100", {{"free shipping"}}, {0}, "0", "no_target"},
	/* Units by the thousand million. */
	{"A 1000000000 100", {{"buy 2 get 1 free"}}, {0}, "33333333300", NULL},
	{"A 1000000000 100", {{"3 for 2 EUR"}}, {0}, "33333333300", NULL},
	{"A 1000000000 100, B 1000000000 90",
	 {{"50% off units, at most 1000000000 units, dearest first"}},
	 {0},
	 "50000000000 0",
	 NULL},
};

static const Example distribution[] = {
	{"A 1 100, B 1 100, C 1 100", {{"1 EUR off order"}}, {0}, "34 33 33", NULL},
	{"A 1 100, B 1 100, C 1 100", {{"1 EUR off order"}}, {.remainder = ALLOCATE_LAST}, "33 33 34", NULL},
	{"C 1 100, B 1 100, A 1 100", {{"1 EUR off order"}}, {0}, "33 33 34", NULL},
	{"A 1 101", {{"50% off lines"}}, {0}, "51", NULL},
	{"A 1 101", {{"50% off lines"}}, {.rounding = ROUND_HALF_DOWN}, "50", NULL},
	{"A 1 101, B 1 101", {{"50% off order"}}, {0}, "51 50", NULL},
	/* What a floor keeps the others give. */
	{"A 1 1000, B 1 1000 f900, C 1 1000", {{"12 EUR off order"}}, {0}, "550 100 550", NULL},
	{"A 1 1000, B 1 1000 f900, C 1 1000", {{"30 EUR off order"}}, {0}, "1000 100 1000", NULL},
	{"A 1 1000, B 1 2000", {{"20% off lines, at most 3 EUR"}}, {0}, "100 200", NULL},
	{"A 1 1000 d300 f100", {{"100% off lines"}}, {0}, "600", NULL},
	{"A 1 1000 d300", {{"10% off lines"}}, {0}, "70", NULL},
	{"A 1 1000 d300", {{"10% off lines"}}, {.original = true}, "100", NULL},
	{"A 1 1000 n, B 1 1000", {{"10% off order"}}, {0}, "0 100", NULL},
	{"A 1 1000 s, B 1 1000", {{"10% off order", .sale_items = SALE_SKIPPED}}, {0}, "0 100", NULL},
	{"A 1 1000 s, B 1 1000",
	 {{"10% off order", .sale_items = SALE_REFUSED}},
	 {0},
	 "0 0",
	 "sale_items_in_cart"},
	/* Budgets. */
	{"A 1 1000", {{"5 EUR off order", .spend = 300}}, {0}, "0", "budget_exhausted"},
	{"A 1 1000", {{"5 EUR off order", .spend = 300}}, {.rest = true}, "300", "applied"},
	{"A 1 1000, B 1 500",
	 {{"50% off order; gift 1 'MUG'", .class = CLASS_ORDER, .spend = 300}},
	 {0},
	 "0 0",
	 "budget_exhausted"},
};

static const Example company[] = {
	/* Percentages of what is left, or of the price. */
	{"A 1 1000", {{"50% off order"}, {"10% off order"}}, {0}, "550", NULL},
	{"A 1 1000", {{"50% off order"}, {"10% off order"}}, {.original = true}, "600", NULL},
	{"A 1 1000", {{"50% off order"}, {"10% off order", .base = PERCENT_ORIGINAL}}, {0}, "600", NULL},
	{"A 1 1000",
	 {{"50% off order"}, {"10% off order", .base = PERCENT_RUNNING}},
	 {.original = true},
	 "550",
	 NULL},
	{"A 1 1000", {{"50% off order; 10% off order"}}, {0}, "600", NULL},
	{"A 1 1000", {{"50% off order"}, {"tiers by subtotal: 0 EUR -> 10%"}}, {0}, "550", NULL},
	{"A 1 1000", {{"50% off order"}, {"tiers by subtotal graduated: 0 EUR -> 10%"}}, {0}, "550", NULL},
	{"A 1 1000",
	 {{"50% off order"}, {"tiers by subtotal graduated: 0 EUR -> 10%", .base = PERCENT_ORIGINAL}},
	 {0},
	 "600",
	 NULL},
	{"A 1 1000", {{"10% off lines"}, {"1 for 8 EUR", .lane = LANE_DEFAULT}}, {.original = true}, "200", NULL},
	{"A 2 1000",
	 {{"10% off lines"}, {"buy 1 get 1 for 8 EUR", .lane = LANE_DEFAULT}},
	 {.original = true},
	 "300",
	 NULL},
	/* One item promotion on a line and lane. */
	{"A 1 1000", {{"10% off lines"}, {"20% off lines"}}, {0}, "100", "applied line_taken"},
	{"A 1 1000", {{"10% off lines"}, {"20% off lines", .priority = 1}}, {0}, "200", "applied line_taken"},
	{"A 1 1000, B 1 1000", {{"10% off lines where sku = 'A'"}, {"20% off lines"}}, {0}, "100 200", NULL},
	{"A 1 1000", {{"10% off lines"}, {"10% off lines", .lane = LANE_DEFAULT}}, {0}, "190", NULL},
	{"A 1 1000",
	 {{"10% off lines", .tag = "u", .stacks_with = "v"}, {"10% off lines", .tag = "v", .stacks_with = "u"}},
	 {0},
	 "190",
	 NULL},
	{"A 1 1000",
	 {{"10% off lines", .tag = "u", .stacks_with = "v"}, {"10% off lines", .tag = "v", .stacks_with = "w"}},
	 {0},
	 "100",
	 "applied line_taken"},
	{"A 4 1000", {{"buy 1 get 1 free, at most 1 times"}, {"bundle 2 at 10% off"}}, {0}, "1200", NULL},
	{"A 3 1000", {{"buy 1 get 1 free"}, {"10% off lines"}}, {0}, "1000", "applied line_taken"},
	{"A 1 1000, B 1 1000",
	 {{"buy 1 where sku = 'A' get 1 where sku = 'B' free"}, {"10% off lines where sku = 'A'"}},
	 {0},
	 "0 1000",
	 "applied line_taken"},
	{"A 1 1000, B 1 1000",
	 {{"buy 1 where sku = 'A' get 1 where sku = 'B' free"},
	  {"10% off lines where sku = 'A'", .tag = "u", .stacks_with = "v"}},
	 {0},
	 "0 1000",
	 "applied line_taken"},
	/* Stops. */
	{"A 1 1000, B 1 1000",
	 {{"10% off lines where sku = 'A'", .stop_line = true}, {"10% off order"}},
	 {0},
	 "100 100",
	 NULL},
	{"A 1 1000", {{"10% off lines where sku = 'B'", .stop_line = true}, {"10% off order"}}, {0}, "100", NULL},
	{"A 1 1000", {{"10% off lines", .stop_all = true}, {"10% off order"}}, {0}, "100", "applied stopped"},
	/* Classes. */
	{"A 1 1000",
	 {{"10% off lines", .combines = 1u << CLASS_ITEM}, {"10% off order"}},
	 {0},
	 "100",
	 "applied not_combinable"},
	{"A 1 1000",
	 {{"10% off lines"}, {"10% off order", .combines = 1u << CLASS_SHIPPING}},
	 {0},
	 "100",
	 "applied not_combinable"},
	/* What conditions see. */
	{"A 1 1500",
	 {{"50% off lines"}, {"1 EUR off order", .condition = "subtotal >= 10 EUR"}},
	 {0},
	 "850",
	 NULL},
	{"A 1 1500",
	 {{"50% off lines"}, {"1 EUR off order", .condition = "subtotal >= 10 EUR", .running = true}},
	 {0},
	 "750",
	 "applied condition_not_met"},
	/* Exclusive ones. */
	{"A 1 1000",
	 {{"5 EUR off order", .priority = 5}, {"1 EUR off order", .exclusivity = EXCLUSIVE}},
	 {0},
	 "100",
	 "excluded applied"},
	{"A 1 1000",
	 {{"5 EUR off order", .priority = 5}, {"1 EUR off order", .exclusivity = EXCLUSIVE}},
	 {.priority_first = true},
	 "500",
	 "applied excluded"},
	{"A 1 1000",
	 {{"5 EUR off order"}, {"1 EUR off order", .exclusivity = EXCLUSIVE, .condition = "false"}},
	 {0},
	 "500",
	 NULL},
	{"A 1 1050",
	 {{"1 EUR off order"},
	  {"5 EUR off order", .exclusivity = EXCLUSIVE, .condition = "subtotal < 10 EUR", .running = true}},
	 {0},
	 "100",
	 "applied excluded"},
	/* Groups. */
	{"A 1 1000",
	 {{"1 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST},
	  {"2 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST}},
	 {0},
	 "200",
	 "group_taken applied"},
	{"A 1 1000",
	 {{"1 EUR off order", .exclusivity = EXCLUSIVE_GROUP_FIRST},
	  {"2 EUR off order", .exclusivity = EXCLUSIVE_GROUP_FIRST}},
	 {0},
	 "100",
	 "applied group_taken"},
	{"A 1 1000",
	 {{"1 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST},
	  {"2 EUR off order", .exclusivity = EXCLUSIVE_GROUP_FIRST}},
	 {0},
	 "200",
	 "group_taken applied"},
	{"A 1 1000",
	 {{"1 EUR off lines", .exclusivity = EXCLUSIVE_GROUP_BEST, .condition = "subtotal > 100 EUR"},
	  {"gift 1 'MUG'", .class = CLASS_GIFT, .exclusivity = EXCLUSIVE_GROUP_BEST}},
	 {0},
	 "0 + 1 MUG",
	 "condition_not_met applied"},
	/* What is best of the group is best of all: its other discounts count as well. */
	{"A 1 1000",
	 {{"2 EUR off lines", .exclusivity = EXCLUSIVE_GROUP_BEST, .combines = 1u << CLASS_ITEM},
	  {"1 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST},
	  {"5 EUR off order", .priority = -1}},
	 {0},
	 "600",
	 "group_taken applied applied"},
	/* One of a group applies where any of it can, though without it others would give more, as they would without a group. */
	{"A 1 1000",
	 {{"1 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST, .stop_all = true},
	  {"5 EUR off order", .priority = -1}},
	 {0}, "100", "applied stopped"},
	{"A 1 1000",
	 {{"1 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST, .stop_all = true},
	  {"2 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST, .stop_all = true},
	  {"5 EUR off order", .priority = -1}},
	 {0}, "200", "group_taken applied stopped"},
	/* Who is best alone and cannot apply beside what comes before it is not chosen to keep others away. */
	{"A 1 1000",
	 {{"1 EUR off lines", .combines = 1u << CLASS_ITEM | 1u << CLASS_GIFT},
	  {"3 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST},
	  {"gift 1 'MUG'", .class = CLASS_GIFT, .exclusivity = EXCLUSIVE_GROUP_BEST}},
	 {0},
	 "100 + 1 MUG",
	 "applied applied group_taken"},
	/* Where one has no effect beside the other's, none of its group is right. */
	{"A 1 1000",
	 {{"4 EUR off order", .stop_all = true, .priority = 1},
	  {"1 EUR off order", .exclusivity = EXCLUSIVE_GROUP_BEST}},
	 {0}, "400", "applied stopped"},
};

/* Makes a list of at most one text. */
static TextList
list_of(const char **text)
{
	return (TextList){text, *text != NULL};
}

/* Adds a promotion of an example. */
static void
give(Shop *shop, Given *given)
{
	int i = shop->count;
	Promotion *promotion = add_promotion(shop, given->benefit);
	RuleError error;

	if (given->class != CLASS_CATALOG)
		promotion->class = given->class;
	promotion->lane = given->lane;
	promotion->priority = given->priority;
	if (given->condition)
		promotion->condition = commerce_condition_parse(given->condition, &memory, &error);
	promotion->running = given->running;
	promotion->exclusivity = given->exclusivity;
	promotion->group = "g";
	promotion->stop_line = given->stop_line;
	promotion->stop_all = given->stop_all;
	if (given->combines)
		promotion->combines = given->combines;
	promotion->tags = list_of(&given->tag);
	promotion->stacks_with = list_of(&given->stacks_with);
	promotion->sale_items = given->sale_items;
	promotion->percent_base = given->base;
	if (given->spend > 0)
		shop->purses[i].spend = shop->purses[i].refused_beyond = given->spend;
}

/* Works out examples. */
static void
test_examples(const Example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		Example example = examples[i];
		Shop shop;
		char title[600];
		char verdicts[200] = "";

		open_shop(&shop);
		read_lines(&shop, example.lines);
		snprintf(title, sizeof(title), "%s:", example.lines);
		for (size_t g = 0; g < 4 && example.given[g].benefit; g++)
		{
			give(&shop, &example.given[g]);
			snprintf(title + strlen(title), sizeof(title) - strlen(title), "%s %s", g > 0 ? " |" : "",
					 example.given[g].benefit);
		}
		shop.request.rounding = example.how.rounding;
		shop.request.remainder = example.how.remainder;
		shop.request.percent_of_original = example.how.original;
		shop.request.dearest_pool = example.how.dearest;
		shop.request.partial_get = example.how.partial;
		shop.request.budget_rest = example.how.rest;
		shop.request.priority_first = example.how.priority_first;
		shop.cart.shipping = example.how.shipping;
		shop.shipping = (PromotionLine){1, 0, 0, true};
		promote(&shop);
		for (int f = 0; f < shop.count; f++)
			snprintf(verdicts + strlen(verdicts), sizeof(verdicts) - strlen(verdicts), "%s%s",
					 f > 0 ? " " : "", commerce_verdict_code(shop.findings[f].verdict));
		same(outcome_text(&shop), example.takes, title);
		if (example.verdicts)
			same(verdicts, example.verdicts, "its verdicts");
		free_all();
	}
}

/* Returns the time in a zone. */
static const RuleClock *
clock_in(void *context, const char *zone)
{
	static const RuleClock berlin = {"18:30", "2026-11-25", "wed"};
	static const RuleClock tokyo = {"02:30", "2026-11-26", "thu"};

	(void) context;
	return strcmp(zone, "Asia/Tokyo") == 0 ? &tokyo : &berlin;
}

/* What a promotion says of the time goes by its own zone, in its condition and in what it gives. */
static void
test_zones(void)
{
	static const char *const zones[] = {"Europe/Berlin", "Asia/Tokyo"};
	static const char *const wanted[] = {"100", "250"};

	for (int z = 0; z < 2; z++)
	{
		Shop shop;
		Promotion *promotion;
		RuleError error;

		open_shop(&shop);
		read_lines(&shop, "A 1 1000");
		promotion =
			add_promotion(&shop, "10% off lines where weekday = 'wed'; 20% off lines where time < '12:00'");
		promotion->time_zone = zones[z];
		promotion = add_promotion(&shop, "0.50 EUR off order");
		promotion->condition = commerce_condition_parse("date = '2026-11-26'", &memory, &error);
		promotion->time_zone = zones[z];
		shop.request.clock = clock_in;
		promote(&shop);
		same(outcome_text(&shop), wanted[z], zones[z]);
	}
	free_all();
}

#define TEST(examples) test_examples(examples, sizeof(examples) / sizeof(examples[0]))

/* Runs all of it. */
int
main(void)
{
	TEST(kinds);
	TEST(distribution);
	TEST(company);
	test_zones();
	return finish();
}
