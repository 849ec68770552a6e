// sources: src/promotion/apply.c src/promotion/groups.c src/promotion/candidates.c src/promotion/judge.c src/promotion/off.c src/promotion/sets.c src/promotion/tiers.c src/promotion/units.c src/promotion/work.c src/promotion/class.c src/promotion/verdict.c
// sources: src/rule/attribute.c src/rule/need.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c
// sources: src/money/currency.c src/money/rounding.c src/money/allocate.c
/*
 * promotion_index.c: the index of promotions never loses one: what is found takes what all of them would take.
 */
#include "promotion_random.h"

#include "promotion/candidates.h"
#include "rule/need.h"

/* Writes what each promotion took off each line, by its place. */
static char *
takes_text(const Shop *shop)
{
	char *text = allocate(NULL, 2000);
	char *end = text;

	*text = '\0';
	for (int f = 0; f < shop->request.candidate_count; f++)
	{
		if (shop->findings[f].verdict != PROMOTION_APPLIED)
			continue;
		end += sprintf(end, "%d:", shop->candidates[f]);
		for (int line = 0; line <= shop->cart.line_count; line++)
			end += sprintf(end, " %lld", (long long) taken(shop, f, line));
		for (int g = 0; g < shop->outcome.gift_count; g++)
			if (shop->outcome.gifts[g].finding == f)
				end += sprintf(end, " + %lld", (long long) shop->outcome.gifts[g].quantity);
		end += sprintf(end, "\n");
	}
	return text;
}

/* Keeps of what is said by candidate only what was found. */
static void
keep_found(Shop *shop, const Shop *all, const int *found, int count)
{
	for (int i = 0; i < count; i++)
	{
		shop->candidates[i] = found[i];
		shop->opened[i] = all->opened[found[i]];
		shop->purses[i] = all->purses[found[i]];
	}
	shop->request.candidate_count = count;
}

/* Compares what the candidates take with what all take. */
static void
test_candidates(int rounds)
{
	int lost = 0;
	int strange = 0;
	int64_t looked_at = 0;
	int64_t there = 0;

	for (int round = 0; round < rounds; round++)
	{
		Shop all;
		Shop some;
		PromotionIndex *index;
		int opened[MAX_PROMOTIONS];
		int opened_count = 0;
		int found[MAX_PROMOTIONS];
		int again[MAX_PROMOTIONS];
		int count;
		char *wanted;

		random_shop(&all, 4, 10, false);
		promote(&all);
		wanted = takes_text(&all);
		for (int i = 0; i < all.count; i++)
			if (all.opened[i] && all.promotions[i].needs_code)
				opened[opened_count++] = i;
		index = commerce_index_promotions(all.promotions, all.count, &memory);
		count = commerce_find_candidates(index, &all.cart, 5, opened, opened_count, found, &memory, &all.request.candidate_lines);
		for (int i = 0; i < count; i++)
			strange += (i > 0 && found[i] <= found[i - 1]) ||
					   (all.promotions[found[i]].needs_code && !all.opened[found[i]]);
		/* An index that is asked twice answers twice. */
		strange += commerce_find_candidates(index, &all.cart, 5, opened, opened_count, again, NULL, NULL) != count ||
				   memcmp(found, again, sizeof(int) * (size_t) count) != 0;
		some = all;
		some.request.candidates = some.candidates;
		some.request.opened = some.opened;
		some.request.purses = some.purses;
		some.request.promotions = some.promotions;
		some.request.cart = &some.cart;
		some.request.lines = some.lines;
		some.cart.lines = some.facts;
		for (int i = 0; i < some.cart.line_count; i++)
			some.facts[i].tags = some.tags[i];
		some.request.shipping = all.request.shipping ? &some.shipping : NULL;
		some.outcome.findings = some.findings;
		keep_found(&some, &all, found, count);
		commerce_promote(&some.request, &some.outcome);
		if (!all.outcome.bounded && strcmp(takes_text(&some), wanted) != 0 && lost++ < 3)
		{
			show_shop(&all);
			for (int i = 0; i < count; i++)
				printf("# found %d\n", found[i]);
			printf("# %s\n", takes_text(&some));
		}
		looked_at += count;
		there += all.count;
		free_all();
	}
	ok(lost == 0, "what the index finds takes what all promotions would take");
	ok(strange == 0, "places are found in order, each once, again when asked again, and by their code alone");
	ok(looked_at < there * 3 / 4, "many promotions are never looked at");
	printf("# %lld of %lld were looked at\n", (long long) looked_at, (long long) there);
}

/* Promotions that do not run at the time are not found. */
static void
test_times(void)
{
	static const int all[] = {0, 1, 2};
	Shop shop;
	PromotionIndex *index;
	int found[MAX_PROMOTIONS];

	open_shop(&shop);
	read_lines(&shop, "A 1 100");
	for (int i = 0; i < 3; i++)
		add_promotion(&shop, "1% off order");
	shop.promotions[0].begins = 5;
	shop.promotions[1].ends = 5;
	shop.promotions[2].active = false;
	prepare(&shop);
	index = commerce_index_promotions(shop.promotions, shop.count, &memory);
	ok(commerce_find_candidates(index, &shop.cart, 4, all, 3, found, NULL, NULL) == 1 && found[0] == 1,
	   "before it begins");
	ok(commerce_find_candidates(index, &shop.cart, 5, all, 3, found, NULL, NULL) == 1 && found[0] == 0, "when it ends");
	free_all();
}

static const struct
{
	const char *condition;
	int keys; /* -1: nothing is known */
	RuleKeyKind kind;
} needs[] = {
	{"sku = 'A'", 1, KEY_SKU},
	{"sku in ('A', 'B')", 2, KEY_SKU},
	{"sku not in ('A', 'B')", -1, 0},
	{"sku <> 'A'", -1, 0},
	{"not sku = 'A'", -1, 0},
	{"sku is null", -1, 0},
	{"sku = 'A' and code = 'X'", 1, KEY_CODE},
	{"channel = 'web' and tag in ('a', 'b') and brand = 'c'", 2, KEY_TAG},
	{"sku = 'A' or channel = 'web'", 2, KEY_CHANNEL},
	{"sku = 'A' or subtotal > 1 EUR", -1, 0},
	{"(sku = 'A' or sku = 'B') and subtotal > 1 EUR", 2, KEY_SKU},
	{"quantity(sku = 'A') >= 2", 1, KEY_SKU},
	{"quantity(sku = 'A') = 0", -1, 0},
	{"quantity(sku = 'A') <= 5", -1, 0},
	{"quantity(sku = 'A') > 0", 1, KEY_SKU},
	{"quantity(sku = 'A') > -1", -1, 0},
	{"quantity(sku = 'A') in (1, 2)", -1, 0},
	{"quantity(sku = 'A') <> 0", -1, 0},
	{"subtotal(category <@ 'a.b') >= 1 EUR", 1, KEY_CATEGORY},
	{"category = 'a.b'", 1, KEY_CATEGORY},
	{"lines(on_sale) > 0 and country = 'DE'", 1, KEY_COUNTRY},
	{"lines() > 0 and customer.group = 'vip'", 1, KEY_GROUP},
	{"weekday = 'mon' and currency = 'EUR'", 1, KEY_CURRENCY},
	{"region = 'CA' and tax_class = 'x'", 1, KEY_TAX_CLASS},
	{"shipping.method = 'dhl' or customer = 'me'", 2, KEY_SHIPPING_METHOD},
	{"true", -1, 0},
};

/* Finds what conditions need. */
static void
test_needs(void)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
	{
		RuleError error;
		RuleNeed need;
		const RuleNode *condition = commerce_condition_parse(needs[i].condition, &memory, &error);
		bool known = commerce_condition_need(condition, &memory, &need);

		ok(condition &&
			   (known ? need.count == needs[i].keys && need.kind == needs[i].kind : needs[i].keys < 0),
		   needs[i].condition);
	}
	free_all();
}

static const struct
{
	const char *category;
	const char *condition;
} odd_categories[] = {
	{"a.b.c", "category <@ 'a'"}, {"a.b.c", "category <@ 'a.b'"}, {"a.b.c", "category = 'a.b.c'"},
	{"", "category = ''"},        {"a..b", "category <@ 'a'"},    {".a", "category = '.a'"},
	{"a.", "category = 'a.'"},
};

/* Finds promotions by categories, also by those that no tree of categories has. */
static void
test_categories(void)
{
	for (size_t i = 0; i < sizeof(odd_categories) / sizeof(odd_categories[0]); i++)
	{
		Shop shop;
		RuleError error;
		PromotionIndex *index;
		int found[MAX_PROMOTIONS];

		open_shop(&shop);
		add_line(&shop, "A", 1, 100, 1)->category = odd_categories[i].category;
		add_promotion(&shop, "1% off order")->condition =
			commerce_condition_parse(odd_categories[i].condition, &memory, &error);
		promote(&shop);
		index = commerce_index_promotions(shop.promotions, 1, &memory);
		ok(shop.outcome.total == 1 && commerce_find_candidates(index, &shop.cart, 0, NULL, 0, found, NULL, NULL) == 1,
		   odd_categories[i].condition);
		free_all();
	}
}

/* Runs all of it. */
int
main(void)
{
	make_pool();
	test_needs();
	test_categories();
	test_times();
	test_candidates(rounds_of(100000));
	return finish();
}
