// sources: src/promotion/apply.c src/promotion/groups.c src/promotion/catalog.c src/promotion/judge.c src/promotion/off.c src/promotion/sets.c src/promotion/tiers.c src/promotion/units.c src/promotion/work.c src/promotion/class.c src/promotion/verdict.c
// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c
// sources: src/money/currency.c src/money/rounding.c src/money/allocate.c
/*
 * promotion_catalog.c: what lines cost by the promotions of the catalogue: examples worked out by hand, and what must hold
 * of random ones.
 */
#include "promotion_random.h"

/* A promotion of an example. */
typedef struct Given
{
	const char *benefit;
	int priority;
	Exclusivity exclusivity;
	bool stop_all;
	SaleItems sale_items;
} Given;

static const struct
{
	const char *line;
	Given given[3];
	bool best_only;
	bool by_line;
	bool priority_first;
	const char *price; /* unit price / for how many, subtotal, and what each cut took off the line */
} examples[] = {
	{"A 3 1000", {{"10% off units", 0, 0, false, 0}}, false, false, false, "900/1 2700: 300"},
	{"A 3 999", {{"10% off lines", 0, 0, false, 0}}, false, false, false, "899/1 2697: 300"},
	{"A 3 999", {{"10% off lines", 0, 0, false, 0}}, false, true, false, "2697/3 2697: 300"},
	{"A 3 995", {{"10% off lines", 0, 0, false, 0}}, false, false, false, "896/1 2688: 297"},
	{"A 3 995", {{"10% off lines", 0, 0, false, 0}}, false, true, false, "2687/3 2687: 298"},
	{"A 3 1000", {{"1 EUR off units", 0, 0, false, 0}}, false, false, false, "900/1 2700: 300"},
	{"A 3 50", {{"1 EUR off units", 0, 0, false, 0}}, false, false, false, "0/1 0: 150"},
	{"A 3 1000", {{"price 7 EUR for units", 0, 0, false, 0}}, false, false, false, "700/1 2100: 900"},
	{"A 3 500", {{"price 7 EUR for units", 0, 0, false, 0}}, false, false, false, "500/1 1500:"},
	{"A 3 1000", {{"7 USD off units", 0, 0, false, 0}}, false, false, false, "1000/1 3000:"},
	{"A 3 1000 n", {{"10% off units", 0, 0, false, 0}}, false, false, false, "1000/1 3000:"},
	{"A 3 1000 s", {{"10% off units", 0, 0, false, SALE_SKIPPED}}, false, false, false, "1000/1 3000:"},
	{"A 3 1000 f2800", {{"10% off units", 0, 0, false, 0}}, false, false, false, "934/1 2802: 198"},
	{"A 10 1250/100 f0", {{"10% off units", 0, 0, false, 0}}, false, false, false, "1125/100 113: 12"},
	/* One after the other, or only the best. */
	{"A 1 1000",
	 {{"10% off units", 0, 0, false, 0}, {"20% off units", 0, 0, false, 0}},
	 false,
	 false,
	 false,
	 "720/1 720: 100 180"},
	{"A 1 1000",
	 {{"10% off units", 0, 0, false, 0}, {"20% off units", 9, 0, false, 0}},
	 false,
	 false,
	 false,
	 "720/1 720: 200 80"},
	{"A 1 1000",
	 {{"10% off units", 0, 0, false, 0}, {"20% off units", 0, 0, false, 0}},
	 true,
	 false,
	 false,
	 "800/1 800: 200"},
	{"A 1 1000",
	 {{"10% off units", 0, 0, true, 0}, {"20% off units", 0, 0, false, 0}},
	 false,
	 false,
	 false,
	 "900/1 900: 100"},
	/* Exclusive before all others, or only where it comes first. */
	{"A 1 1000",
	 {{"10% off units", 0, 0, false, 0}, {"1% off units", 0, EXCLUSIVE, false, 0}},
	 false,
	 false,
	 false,
	 "990/1 990: 10"},
	{"A 1 1000",
	 {{"10% off units", 0, 0, false, 0}, {"1% off units", 0, EXCLUSIVE, false, 0}},
	 false,
	 false,
	 true,
	 "900/1 900: 100"},
	{"A 1 1000",
	 {{"10% off units", 0, 0, false, 0}, {"1% off units", 1, EXCLUSIVE, false, 0}},
	 false,
	 false,
	 true,
	 "990/1 990: 10"},
	{"A 1 1000",
	 {{"10% off units where sku = 'A'", 0, 0, false, 0},
	  {"1% off units where sku = 'B'", 1, EXCLUSIVE, false, 0}},
	 false,
	 false,
	 false,
	 "900/1 900: 100"},
};

/* Prices a line and writes what comes of it. */
static char *
price_text(Shop *shop, bool best_only, bool by_line, CatalogPrice *price)
{
	char *text = allocate(NULL, 300);
	char *end = text;

	(void) commerce_catalog_begin(&shop->request, shop->findings);
	commerce_catalog_price(&shop->request, 0, best_only, by_line, shop->findings, price);
	end += sprintf(end, "%lld/%d %lld:", (long long) price->unit_price, price->per_quantity,
				   (long long) price->subtotal);
	for (int i = 0; i < price->cut_count; i++)
		end += sprintf(end, " %lld", (long long) price->cuts[i].minor);
	return text;
}

/* Works out the examples. */
static void
test_examples(void)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
	{
		Shop shop;
		CatalogPrice price;

		open_shop(&shop);
		read_lines(&shop, examples[i].line);
		for (int g = 0; g < 3 && examples[i].given[g].benefit; g++)
		{
			const Given *given = &examples[i].given[g];
			Promotion *promotion = add_promotion(&shop, given->benefit);

			promotion->class = CLASS_CATALOG;
			promotion->priority = given->priority;
			promotion->exclusivity = given->exclusivity;
			promotion->stop_all = given->stop_all;
			promotion->sale_items = given->sale_items;
		}
		shop.request.priority_first = examples[i].priority_first;
		prepare(&shop);
		same(price_text(&shop, examples[i].best_only, examples[i].by_line, &price), examples[i].price,
			 examples[i].line);
		free_all();
	}
}

/* Prices random lines by random promotions. */
static void
test_laws(int rounds)
{
	bool sums = true;
	bool floors = true;
	bool alone = true;
	bool best = true;

	for (int round = 0; round < rounds; round++)
	{
		Shop shop;
		CatalogPrice price;
		CatalogPrice lowest;
		bool by_line = random_below(2);
		int64_t cuts = 0;
		int64_t before;

		do
			random_shop(&shop, 2, 5, random_below(4) == 0);
		while (shop.cart.line_count == 0);
		for (int i = 0; i < shop.count; i++)
		{
			Promotion *promotion = &shop.promotions[i];

			while (!commerce_class_fits(CLASS_CATALOG, promotion->benefit))
				promotion->benefit = benefits[random_below(POOL)];
			promotion->class = CLASS_CATALOG;
		}
		shop.lines[0].discount = 0;
		prepare(&shop);
		before = shop.facts[0].subtotal;
		(void) price_text(&shop, false, by_line, &price);
		for (int i = 0; i < price.cut_count; i++)
		{
			const Promotion *promotion = &shop.promotions[price.cuts[i].finding];

			cuts += price.cuts[i].minor;
			sums = sums && price.cuts[i].minor >= 0 &&
				   shop.findings[price.cuts[i].finding].verdict == PROMOTION_APPLIED;
			alone = alone && (promotion->exclusivity != EXCLUSIVE || price.cut_count == 1);
		}
		sums = sums && price.subtotal + cuts == before;
		floors = floors && price.subtotal >= (shop.lines[0].floor < before ? shop.lines[0].floor : before) &&
				 (shop.lines[0].discountable || price.cut_count == 0);
		(void) price_text(&shop, true, by_line, &lowest);
		best = best && lowest.cut_count <= 1 && lowest.subtotal >= 0;
		free_all();
	}
	ok(sums, "cuts sum to what a line became cheaper");
	ok(floors, "no price is below what its line may cost");
	ok(alone, "an exclusive promotion is alone on its line");
	ok(best, "the best is one");
}

/* Runs all of it. */
int
main(void)
{
	make_pool();
	test_examples();
	test_laws(rounds_of(50000));
	return finish();
}
