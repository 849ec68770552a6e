// sources: src/promotion/apply.c src/promotion/judge.c src/promotion/off.c src/promotion/sets.c src/promotion/tiers.c src/promotion/units.c src/promotion/work.c src/promotion/class.c src/promotion/verdict.c
// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c
// sources: src/money/currency.c src/money/rounding.c src/money/allocate.c
/*
 * promotion_reference.c: small carts, planned a second time by someone slow, who takes unit after unit off the shelf.
 *
 * Sets: a unit is taken for a part of a set only where what the other parts still need can be matched with the units that
 * are left; whether it can is found by looking for such a matching. Units that are limited are lined up and counted off.
 */
#include "promotion_random.h"

#define MAX_UNITS 16

/* The units of a cart, in a row. */
typedef struct Shelf
{
	int line[MAX_UNITS];
	int64_t price[MAX_UNITS];
	bool taken[MAX_UNITS];
	int count;
} Shelf;

/* Makes a cart of few lines, whose skus are in the order of the alphabet. */
static void
small_shop(Shop *shop)
{
	unsigned lines = 1 + random_below(4);

	open_shop(shop);
	for (unsigned i = 0; i < lines; i++)
	{
		RuleLine *facts = add_line(shop, &"A\0B\0C\0D"[i * 2], 1 + random_below(4),
								   1 + random_below(3) * random_below(9), 1);

		for (unsigned t = 0; t < 3; t++)
			if (random_below(2) == 0)
				shop->tags[i][facts->tag_count++] = &"x\0y\0z"[t * 2];
		facts->tags = shop->tags[i];
		facts->on_sale = random_below(4) == 0;
		shop->lines[i].discountable = random_below(10) != 0;
	}
	shop->request.dearest_pool = random_below(2);
	shop->request.partial_get = random_below(3) == 0;
}

/* Puts the units of a cart in a row. */
static Shelf
shelf_of(const Shop *shop)
{
	Shelf shelf = {.count = 0};

	for (int i = 0; i < shop->cart.line_count; i++)
		for (int64_t unit = 0; unit < shop->facts[i].quantity; unit++)
		{
			shelf.line[shelf.count] = i;
			shelf.price[shelf.count++] = shop->facts[i].unit_price;
		}
	return shelf;
}

/* Tells whether a unit may have something of a benefit. */
static bool
fits(const Shop *shop, const Shelf *shelf, int unit, const RuleNode *where)
{
	int line = shelf->line[unit];

	return shop->lines[line].discountable && commerce_line_matches(where, &shop->cart, &shop->facts[line]);
}

/* Lists units in the order in which they come first. */
static void
line_up(const Shelf *shelf, UnitOrder order, int *row)
{
	for (int i = 0; i < shelf->count; i++)
		row[i] = i;
	for (int i = 1; i < shelf->count && order != UNITS_AS_IN_CART; i++)
		for (int j = i; j > 0; j--)
		{
			int64_t left = shelf->price[row[j - 1]];
			int64_t right = shelf->price[row[j]];
			int swap = row[j];

			if (order == UNITS_DEAREST ? left >= right : left <= right)
				break;
			row[j] = row[j - 1];
			row[j - 1] = swap;
		}
}

/* What the slow planner plans sets with. */
typedef struct Plan
{
	const Shop *shop;
	const BenefitPart *parts[BENEFIT_MAX_PARTS];
	UnitOrder orders[BENEFIT_MAX_PARTS];
	int count;
	int got;
	Shelf shelf;
	int64_t wanted[BENEFIT_MAX_PARTS];
	int64_t in_set[MAX_LINES];
} Plan;

/* Finds a unit for a place in a set, moving others if need be. */
static bool
find_unit(const Plan *plan, int part, int *places, bool *seen)
{
	for (int u = 0; u < plan->shelf.count; u++)
	{
		if (plan->shelf.taken[u] || seen[u] || !fits(plan->shop, &plan->shelf, u, plan->parts[part]->where))
			continue;
		seen[u] = true;
		if (places[u] < 0 || find_unit(plan, places[u], places, seen))
		{
			places[u] = part;
			return true;
		}
	}
	return false;
}

/* Tells whether all that is wanted can be had of the units that are left. */
static bool
can_be_had(const Plan *plan)
{
	int places[MAX_UNITS];

	memset(places, 0xff, sizeof(places));
	for (int p = 0; p < plan->count; p++)
		for (int64_t i = 0; i < plan->wanted[p]; i++)
		{
			bool seen[MAX_UNITS] = {false};

			if (!find_unit(plan, p, places, seen))
				return false;
		}
	return true;
}

/* Asks for whole sets, and after them one that gets fewer. */
static bool
ask(Plan *plan, int64_t times, int64_t partial)
{
	for (int p = 0; p < plan->count; p++)
		plan->wanted[p] =
			plan->parts[p]->quantity * (times + (partial > 0 && p > 0)) + (p == 0 ? partial : 0);
	memset(plan->shelf.taken, 0, sizeof(plan->shelf.taken));
	return can_be_had(plan);
}

/* Takes the units of sets, one by one; returns what those with the reward cost. */
static int64_t
take_units(Plan *plan, int64_t times, int64_t partial)
{
	int64_t cost = 0;

	memset(plan->in_set, 0, sizeof(plan->in_set));
	(void) ask(plan, times, partial);
	for (int p = 0; p < plan->count; p++)
	{
		int row[MAX_UNITS];

		line_up(&plan->shelf, plan->orders[p], row);
		for (int i = 0; i < plan->shelf.count && plan->wanted[p] > 0; i++)
		{
			int u = row[i];

			if (plan->shelf.taken[u] || !fits(plan->shop, &plan->shelf, u, plan->parts[p]->where))
				continue;
			plan->shelf.taken[u] = true;
			plan->wanted[p]--;
			if (!can_be_had(plan))
			{
				plan->shelf.taken[u] = false;
				plan->wanted[p]++;
				continue;
			}
			if (p < plan->got)
			{
				plan->in_set[plan->shelf.line[u]]++;
				cost += plan->shelf.price[u];
			}
		}
	}
	return cost;
}

/* Lists the parts of a set, those with the reward first. */
static void
list_parts(Plan *plan, const Benefit *benefit)
{
	UnitOrder got = benefit->buy ? UNITS_CHEAPEST : UNITS_DEAREST;

	if (benefit->limits.order != UNITS_BY_DEFAULT)
		got = benefit->limits.order;
	for (const BenefitPart *part = benefit->get; part; part = part->next)
	{
		plan->orders[plan->count] = got;
		plan->parts[plan->count++] = part;
	}
	plan->got = plan->count;
	for (const BenefitPart *part = benefit->buy; part; part = part->next)
	{
		plan->orders[plan->count] = got == UNITS_DEAREST ? UNITS_CHEAPEST : UNITS_DEAREST;
		plan->parts[plan->count++] = part;
	}
}

/* Returns what one unit gets off by a reward, in parts of PERCENT_WHOLE. */
static int64_t
off_unit(const Reward *reward, int64_t price)
{
	const RuleMoney *money = commerce_rule_money_in(reward->money, EUR);
	int64_t off = 0;

	switch (reward->kind)
	{
		case REWARD_PERCENT: return price * reward->percent;
		case REWARD_MONEY: off = money->minor; break;
		case REWARD_PRICE: off = price - money->minor; break;
	}
	return (off < 0 ? 0 : off > price ? price : off) * PERCENT_WHOLE;
}

/* Rounds what was added up in parts of PERCENT_WHOLE. */
static int64_t
rounded(int64_t parts)
{
	return (parts + PERCENT_WHOLE / 2) / PERCENT_WHOLE;
}

/* What the slow one takes off: off each line, where that is certain, and in all. */
typedef struct Answer
{
	int64_t lines[MAX_LINES];
	int64_t total;
	bool by_line;
} Answer;

/* Puts units of a single part into sets in their order, and sums what those save that become cheaper. */
static int64_t
cheaper_in_row(const Plan *plan, int64_t limit, int64_t price)
{
	int row[MAX_UNITS];
	int64_t saved = 0;
	int64_t cost = 0;
	int64_t units = 0;

	line_up(&plan->shelf, plan->orders[0], row);
	for (int i = 0; i < plan->shelf.count && limit > 0; i++)
	{
		if (!fits(plan->shop, &plan->shelf, row[i], plan->parts[0]->where))
			continue;
		cost += plan->shelf.price[row[i]];
		if (++units < plan->parts[0]->quantity)
			continue;
		if (cost > price)
		{
			saved += cost - price;
			limit--;
		}
		cost = units = 0;
	}
	return saved;
}

/* Plans sets. */
static Answer
plan_sets(const Shop *shop, const Benefit *benefit)
{
	Plan plan = {.shop = shop, .shelf = shelf_of(shop)};
	Answer answer = {.by_line = benefit->buy || benefit->reward.kind == REWARD_PERCENT};
	int64_t limit = benefit->limits.times > 0 ? benefit->limits.times : MAX_UNITS;
	int64_t times = 0;
	int64_t partial = 0;
	int64_t price = benefit->reward.money ? commerce_rule_money_in(benefit->reward.money, EUR)->minor : 0;

	list_parts(&plan, benefit);
	while (times < limit && ask(&plan, times + 1, 0))
		times++;
	if (benefit->buy && (benefit->get->up_to || shop->request.partial_get) && times < limit)
		while (partial + 1 < benefit->get->quantity && ask(&plan, times, partial + 1))
			partial++;
	if (!answer.by_line && benefit->reward.kind == REWARD_PRICE)
	{
		if (plan.count == 1)
			answer.total = cheaper_in_row(&plan, limit, price);
		/* As many sets as save most. */
		for (int64_t k = 1; k <= times && plan.count > 1; k++)
			if (take_units(&plan, k, 0) - k * price > answer.total)
				answer.total = take_units(&plan, k, 0) - k * price;
		return answer;
	}
	if (times + partial == 0)
		return answer;
	answer.total = take_units(&plan, times, partial);
	if (!answer.by_line)
	{
		if (answer.total > price * times)
			answer.total = price * times;
		return answer;
	}
	answer.total = 0;
	for (int i = 0; i < shop->cart.line_count; i++)
	{
		answer.lines[i] = rounded(plan.in_set[i] * off_unit(&benefit->reward, shop->facts[i].unit_price));
		answer.total += answer.lines[i];
	}
	return answer;
}

/* Counts units off for what is limited, and gives each its reward. */
static Answer
plan_units(const Shop *shop, const Benefit *benefit)
{
	const BenefitLimits *limits = &benefit->limits;
	Shelf shelf = shelf_of(shop);
	Answer answer = {.by_line = benefit->target != BENEFIT_ORDER};
	int64_t of_line[MAX_LINES] = {0};
	int64_t parts[MAX_LINES] = {0};
	int64_t worth[MAX_LINES] = {0};
	int64_t all = 0;
	int64_t most = 0;
	int64_t value = 0;
	UnitOrder order = limits->order;
	int row[MAX_UNITS];

	if (order == UNITS_BY_DEFAULT)
		order = shop->request.dearest_pool ? UNITS_DEAREST : UNITS_CHEAPEST;
	for (int u = 0; u < shelf.count; u++)
		if (fits(shop, &shelf, u, benefit->where))
			of_line[shelf.line[u]]++;
	for (int i = 0; i < shop->cart.line_count; i++)
	{
		while (limits->step > 0 && of_line[i] % limits->step != 0)
			of_line[i]--;
		while (limits->of_each_line && of_line[i] > limits->units)
			of_line[i]--;
		most += of_line[i];
	}
	while (limits->units > 0 && !limits->of_each_line && most > limits->units)
		most--;
	while (limits->group > 0 && most % limits->group != 0)
		most--;
	line_up(&shelf, order, row);
	for (int i = 0; i < shelf.count && most > 0; i++)
	{
		int line = shelf.line[row[i]];

		if (of_line[line]-- <= 0)
			continue;
		most--;
		value += shelf.price[row[i]];
		worth[line] += shelf.price[row[i]];
		parts[line] += off_unit(&benefit->reward, shelf.price[row[i]]);
	}
	for (int i = 0; i < shop->cart.line_count; i++)
	{
		if (benefit->target == BENEFIT_LINES && benefit->reward.kind != REWARD_PERCENT)
			parts[i] = off_unit(&benefit->reward, worth[i]);
		all += parts[i];
		answer.lines[i] = rounded(parts[i]);
		answer.total += answer.lines[i];
	}
	if (benefit->target == BENEFIT_ORDER)
		answer.total = benefit->reward.kind == REWARD_PERCENT ? rounded(all)
															  : rounded(off_unit(&benefit->reward, value));
	return answer;
}

/* Gives each unit the reward of its place in its line. */
static Answer
plan_places(const Shop *shop, const Benefit *benefit)
{
	Answer answer = {.by_line = true};

	for (int i = 0; i < shop->cart.line_count; i++)
	{
		const RuleLine *facts = &shop->facts[i];
		int64_t parts = 0;
		int64_t most = benefit->limits.units > 0 ? benefit->limits.units : facts->quantity;

		if (!shop->lines[i].discountable || !commerce_line_matches(benefit->where, &shop->cart, facts))
			continue;
		for (int64_t unit = 1; unit <= facts->quantity && unit <= most; unit++)
		{
			const Reward *reward = unit == 1 ? &benefit->reward : &benefit->others;

			if (benefit->kind == BENEFIT_TIERS)
			{
				reward = NULL;
				for (const BenefitTier *tier = benefit->tiers; tier; tier = tier->next)
					if (tier->from <= unit)
						reward = &tier->reward;
			}
			if (reward)
				parts += off_unit(reward, facts->unit_price);
		}
		answer.lines[i] = rounded(parts);
		answer.total += answer.lines[i];
	}
	return answer;
}

/* Makes a benefit of a form that the slow planner understands. */
static const Benefit *
make_benefit(unsigned form)
{
	Text text = {"", 0};
	RuleError error;

	switch (form)
	{
		case 0: append_set(&text); break;
		case 1:
			if (random_below(4) == 0)
				append(&text, "price 0.%02u EUR for ", random_below(12));
			else
			{
				append_off(&text);
				append(&text, " off ");
			}
			append(&text, "%s", PICK("units", "lines", "order"));
			append_where(&text);
			append_unit_limits(&text);
			break;
		case 2:
			append_off(&text);
			append(&text, " off first unit and ");
			append_off(&text);
			append(&text, " off others");
			append_where(&text);
			if (random_below(2))
				append(&text, ", at most %u units of each line", 1 + random_below(4));
			break;
		default:
			append(&text, "tiers by line quantity graduated: %u -> ", random_below(3));
			append_off(&text);
			append(&text, ", 3 -> price 0.%02u EUR, 4 -> ", random_below(10));
			append_off(&text);
			append(&text, " on units");
			append_where(&text);
			break;
	}
	return commerce_benefit_parse(text.text, &memory, &error);
}

/* Compares what is taken with what the slow planner takes. */
static void
test_form(unsigned form, int rounds, const char *name)
{
	int wrong = 0;
	int gave = 0;

	for (int round = 0; round < rounds; round++)
	{
		Shop shop;
		Answer answer;
		bool same_lines = true;
		Promotion *promotion;

		small_shop(&shop);
		promotion = &shop.promotions[shop.count++];
		*promotion = (Promotion){
			.active = true, .class = CLASS_ITEM, .combines = ALL_CLASSES, .benefit = make_benefit(form)};
		shop.purses[0] = (PromotionPurse){INT64_MAX, INT64_MAX, INT64_MAX, false, false};
		promote(&shop);
		answer = form == 0   ? plan_sets(&shop, promotion->benefit)
				 : form == 1 ? plan_units(&shop, promotion->benefit)
							 : plan_places(&shop, promotion->benefit);
		for (int i = 0; i < shop.cart.line_count; i++)
			same_lines = same_lines && (!answer.by_line || answer.lines[i] == taken(&shop, -1, i));
		gave += shop.outcome.total > 0;
		if ((!same_lines || answer.total != shop.outcome.total) && wrong++ < 4)
		{
			show_shop(&shop);
			printf("# wanted %lld:", (long long) answer.total);
			for (int i = 0; i < shop.cart.line_count; i++)
				printf(" %lld", (long long) answer.lines[i]);
			printf("\n");
		}
		free_all();
	}
	ok(wrong == 0, name);
	ok(gave > rounds / 8, "something was taken off many of these carts");
}

/* Runs all of it. */
int
main(void)
{
	test_form(0, rounds_of(60000),
			  "sets are as many, and of the units, that one finds who takes them one by one");
	test_form(1, rounds_of(60000), "limited units are those that one counts off");
	test_form(2, rounds_of(20000), "the first unit and the others");
	test_form(3, rounds_of(20000), "graduated tiers");
	return finish();
}
