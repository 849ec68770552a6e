// sources: src/promotion/apply.c src/promotion/groups.c src/promotion/judge.c src/promotion/off.c src/promotion/sets.c src/promotion/tiers.c src/promotion/units.c src/promotion/work.c src/promotion/class.c src/promotion/verdict.c
// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c
// sources: src/money/currency.c src/money/rounding.c src/money/allocate.c
/*
 * promotion_random.c: what must hold of any cart and any promotions, over seeded random ones.
 */
#include "promotion_random.h"

/* Finds what is wrong, in words; NULL where nothing is. */
typedef const char *(*Law)(const Shop *shop);

/* Returns the promotion of a finding. */
static const Promotion *
promotion_of(const Shop *shop, int finding)
{
	return &shop->promotions[shop->candidates[finding]];
}

/* Tells whether a finding says that its promotion applies. */
static bool
applied(const Shop *shop, int finding)
{
	return shop->findings[finding].verdict == PROMOTION_APPLIED;
}

/* Sums are the sums of what was taken. */
static const char *
law_of_sums(const Shop *shop)
{
	int64_t total = 0;

	for (int t = 0; t < shop->outcome.take_count; t++)
		if (shop->outcome.takes[t].minor <= 0)
			return "a take is not above zero";
	for (int f = 0; f < shop->count; f++)
	{
		int64_t sum = 0;
		bool gift = false;

		for (int line = 0; line <= shop->cart.line_count; line++)
			sum += taken(shop, f, line);
		for (int g = 0; g < shop->outcome.gift_count; g++)
			gift = gift || shop->outcome.gifts[g].finding == f;
		if (sum != shop->findings[f].minor)
			return "a finding is not the sum of its takes";
		if (applied(shop, f) != (sum > 0 || gift))
			return "what applies gives something, and what does not gives nothing";
		total += sum;
	}
	return total == shop->outcome.total ? NULL : "the total is not the sum of the findings";
}

/* No line becomes cheaper than it may. */
static const char *
law_of_floors(const Shop *shop)
{
	for (int line = 0; line <= shop->cart.line_count; line++)
	{
		bool ships = line == shop->cart.line_count;
		const PromotionLine *more = ships ? &shop->shipping : &shop->lines[line];
		int64_t price = ships ? shop->cart.shipping : shop->facts[line].subtotal;
		int64_t room = price - more->discount - more->floor;
		int64_t all = taken(shop, -1, line);

		if (all > (room > 0 ? room : 0))
			return "a line is below its floor";
		if (all > 0 && !more->discountable)
			return "something is taken off what has no discounts";
		if (all > 0 && ships && !shop->request.shipping)
			return "something is taken off no shipping";
		for (int f = 0; f < shop->count && !ships; f++)
			if (promotion_of(shop, f)->sale_items == SALE_SKIPPED && shop->facts[line].on_sale &&
				taken(shop, f, line) > 0)
				return "something is taken off goods on sale";
	}
	return NULL;
}

/* Budgets, codes and limits are kept. */
static const char *
law_of_limits(const Shop *shop)
{
	bool sale = false;

	for (int i = 0; i < shop->cart.line_count; i++)
		sale = sale || shop->facts[i].on_sale;
	for (int f = 0; f < shop->count; f++)
	{
		const Promotion *promotion = promotion_of(shop, f);
		const PromotionPurse *purse = &shop->purses[f];
		const RuleMoney *most = commerce_rule_money_in(promotion->benefit->limits.money, EUR);

		if (!applied(shop, f))
			continue;
		if (purse->uses <= 0 || purse->no_key || purse->other_currency ||
			shop->findings[f].minor > purse->spend)
			return "a budget is exceeded";
		if (promotion->needs_code && !shop->opened[f])
			return "no code was entered";
		if (promotion->sale_items == SALE_REFUSED && sale)
			return "goods on sale are in the cart";
		if (most && promotion->benefit->next == NULL && shop->findings[f].minor > most->minor)
			return "more is given than at most";
		if (!promotion->running && !commerce_condition_holds(promotion->condition, &shop->cart))
			return "its condition does not hold";
	}
	return NULL;
}

/* Who stands beside whom. */
static const char *
law_of_company(const Shop *shop)
{
	for (int f = 0; f < shop->count; f++)
		for (int g = 0; g < shop->count; g++)
		{
			const Promotion *one = promotion_of(shop, f);
			const Promotion *other = promotion_of(shop, g);

			if (f == g || !applied(shop, f) || !applied(shop, g))
				continue;
			if (one->exclusivity == EXCLUSIVE)
				return "an exclusive promotion is not alone";
			if (!(one->combines & (1u << other->class)))
				return "classes do not combine";
			if (one->stop_all && g > f)
				return "something applies after the last";
			if (one->group && other->group && strcmp(one->group, other->group) == 0)
				return "two of a group apply";
			for (int line = 0; line <= shop->cart.line_count; line++)
				if (one->stop_line && g > f && taken(shop, f, line) > 0 && taken(shop, g, line) > 0)
					return "a line is not left alone";
		}
	return NULL;
}

/* Tells whether two lists have a text in common. */
static bool
meet(const TextList *first, const TextList *second)
{
	for (int i = 0; i < first->count; i++)
		for (int j = 0; j < second->count; j++)
			if (strcmp(first->texts[i], second->texts[j]) == 0)
				return true;
	return false;
}

/* Tells whether a promotion gives a set. */
static bool
gives_sets(const Promotion *promotion)
{
	for (const Benefit *benefit = promotion->benefit; benefit; benefit = benefit->next)
		if (benefit->kind == BENEFIT_SET)
			return true;
	return false;
}

/* One item promotion on a line and lane, unless they name each other, or are on different units. */
static const char *
law_of_lines(const Shop *shop)
{
	for (int f = 0; f < shop->count; f++)
		for (int g = f + 1; g < shop->count; g++)
		{
			const Promotion *one = promotion_of(shop, f);
			const Promotion *other = promotion_of(shop, g);

			if (one->class != CLASS_ITEM || other->class != CLASS_ITEM || one->lane != other->lane ||
				(meet(&one->stacks_with, &other->tags) && meet(&other->stacks_with, &one->tags)) ||
				(gives_sets(one) && gives_sets(other)))
				continue;
			for (int line = 0; line <= shop->cart.line_count; line++)
				if (taken(shop, f, line) > 0 && taken(shop, g, line) > 0)
					return "two item promotions are on a line";
		}
	return NULL;
}

/* Tells whether one of a group applies, or, where only is not negative, whether that one does beside all others that do. */
static bool
serves(const Shop *shop, const char *group, int only)
{
	Shop other = *shop;

	if (only >= 0)
	{
		int kept = 0;

		for (int f = 0; f < shop->count; f++)
		{
			const Promotion *promotion = promotion_of(shop, f);

			if (promotion->group && f != only && !applied(shop, f))
				continue;
			other.promotions[kept] = *promotion;
			other.promotions[kept].id[15] = (unsigned char) kept;
			if (promotion->group)
				other.promotions[kept].exclusivity = EXCLUSIVE_GROUP_FIRST;
			other.opened[kept] = shop->opened[f];
			other.purses[kept++] = shop->purses[f];
		}
		other.count = kept;
		promote(&other);
	}
	for (int f = 0; f < other.count; f++)
		if (applied(&other, f) && promotion_of(&other, f)->group &&
			strcmp(promotion_of(&other, f)->group, group) == 0)
			return true;
	return false;
}

/* One of a group applies, where any can beside what else applies. */
static const char *
law_of_groups(const Shop *shop)
{
	for (int f = 0; f < shop->count && !shop->outcome.bounded; f++)
	{
		const char *group = promotion_of(shop, f)->group;

		if (group && !serves(shop, group, -1) && serves(shop, group, f))
			return "none of a group applies, though one can";
	}
	return NULL;
}

static const struct
{
	Law law;
	const char *name;
} laws[] = {
	{law_of_sums, "takes sum to findings, and findings to the total"},
	{law_of_floors, "no line is below its floor, nothing is taken where nothing may be"},
	{law_of_limits, "budgets, codes, amounts and conditions are kept"},
	{law_of_company, "exclusive is alone, classes combine both ways, groups give once, stop stops"},
	{law_of_groups, "of a group one applies, where any can"},
	{law_of_lines,
	 "a line has one item promotion of a lane, but for those that name each other, and for sets"},
};

#define LAWS (sizeof(laws) / sizeof(laws[0]))

/* Holds random shops to the laws. */
static void
test_laws(int rounds, unsigned lines, unsigned promotions, bool large, const char *name)
{
	int broken[LAWS] = {0};
	int gave = 0;

	for (int round = 0; round < rounds; round++)
	{
		Shop shop;

		random_shop(&shop, lines, promotions, large);
		promote(&shop);
		gave += shop.outcome.take_count > 0;
		for (size_t l = 0; l < LAWS; l++)
		{
			const char *wrong = laws[l].law(&shop);

			if (wrong && broken[l]++ < 2)
			{
				printf("# %s\n", wrong);
				show_shop(&shop);
			}
		}
		free_all();
	}
	for (size_t l = 0; l < LAWS; l++)
	{
		char title[200];

		snprintf(title, sizeof(title), "%s: %s", name, laws[l].name);
		ok(broken[l] == 0, title);
	}
	ok(gave > rounds / 4, "promotions took something off many of these carts");
}

/* What a line is, and what was taken from it, as numbers and texts to sort by. */
static int
by_line_text(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Describes all lines and what was taken from each, in an order that is not the cart's. */
static char *
describe(const Shop *shop)
{
	char *lines[MAX_LINES];
	char *all = allocate(NULL, 4000);
	char *end = all;

	for (int i = 0; i < shop->cart.line_count; i++)
	{
		const RuleLine *facts = &shop->facts[i];
		const PromotionLine *more = &shop->lines[i];
		char *text = lines[i] = allocate(NULL, 400);

		text += sprintf(text, "%s %s %s %s %s %s %d %lld %lld/%d %d %lld %lld:", facts->sku, facts->product,
						facts->brand, facts->category, facts->tax_class, (const char *) facts->attributes,
						facts->on_sale, (long long) facts->quantity, (long long) facts->unit_price,
						more->per_quantity, more->discountable, (long long) more->floor,
						(long long) more->discount);
		for (int t = 0; t < facts->tag_count; t++)
			text += sprintf(text, " %s", facts->tags[t]);
		for (int f = 0; f < shop->count; f++)
			text += sprintf(text, " %lld", (long long) taken(shop, f, i));
	}
	qsort(lines, (size_t) shop->cart.line_count, sizeof(char *), by_line_text);
	*all = '\0';
	for (int i = 0; i < shop->cart.line_count; i++)
		end += sprintf(end, "%s\n", lines[i]);
	for (int f = 0; f < shop->count; f++)
		end += sprintf(end, "%d %lld %lld\n", shop->findings[f].verdict, (long long) shop->findings[f].minor,
					   (long long) taken(shop, f, shop->cart.line_count));
	return all;
}

/* Moves a line of one shop to a place in another. */
static void
move_line(const Shop *from, int i, Shop *to, int j)
{
	to->facts[j] = from->facts[i];
	to->lines[j] = from->lines[i];
	memcpy(to->tags[j], from->tags[i], sizeof(to->tags[j]));
}

/* Tells whether some promotion goes by the order of the cart. */
static bool
goes_by_cart(const Shop *shop)
{
	for (int i = 0; i < shop->count; i++)
		for (const Benefit *benefit = shop->promotions[i].benefit; benefit; benefit = benefit->next)
			if (benefit->limits.order == UNITS_AS_IN_CART)
				return true;
	return false;
}

/* Puts the lines in another order, which changes nothing. */
static void
test_order(int rounds)
{
	int differ = 0;

	for (int round = 0; round < rounds; round++)
	{
		Shop shop;
		Shop other;
		int places[MAX_LINES];
		char *one;
		char *two;

		random_shop(&shop, 6, 6, random_below(8) == 0);
		if (goes_by_cart(&shop))
			continue;
		promote(&shop);
		one = describe(&shop);
		other = shop;
		for (int i = 0; i < shop.cart.line_count; i++)
		{
			int j = (int) random_below((unsigned) i + 1);

			places[i] = places[j];
			places[j] = i;
		}
		for (int i = 0; i < shop.cart.line_count; i++)
			move_line(&shop, places[i], &other, i);
		for (int i = 0; i < shop.count; i++)
			other.promotions[i].id[15] = (unsigned char) i;
		promote(&other);
		two = describe(&other);
		if (strcmp(one, two) != 0 && differ++ < 2)
		{
			show_shop(&shop);
			show_shop(&other);
		}
		free_all();
	}
	ok(differ == 0, "the order of the lines changes nothing");
}

/* Runs all of it. */
int
main(void)
{
	make_pool();
	test_laws(rounds_of(100000), 5, 6, false, "small carts");
	test_laws(rounds_of(10000), 8, 12, false, "larger carts");
	test_laws(rounds_of(20000), 5, 5, true, "large numbers");
	test_order(rounds_of(40000));
	return finish();
}
