// sources: src/promotion/apply.c src/promotion/groups.c src/promotion/judge.c src/promotion/off.c src/promotion/sets.c src/promotion/tiers.c src/promotion/units.c src/promotion/work.c src/promotion/class.c src/promotion/verdict.c
// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c
// sources: src/money/currency.c src/money/rounding.c src/money/allocate.c
/*
 * promotion_reference.c: small carts, planned a second time by someone slow: sets unit by unit, limited units lined up and
 * counted off, others place by place.
 */
#include "promotion_slow.h"
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
cheaper_in_row(Plan *plan, int64_t limit, int64_t price)
{
	int row[MAX_UNITS];
	int set[MAX_UNITS];
	int64_t saved = 0;
	int64_t cost = 0;
	int64_t units = 0;

	put_back(plan);
	memset(plan->used, 0, sizeof(plan->used));
	line_up(&plan->shelf, plan->orders[0], row);
	for (int i = 0; i < plan->shelf.count && limit > 0; i++)
	{
		if (plan->shelf.taken[row[i]] || !fits(plan->shop, &plan->shelf, row[i], plan->parts[0]->where))
			continue;
		set[units] = plan->shelf.line[row[i]];
		cost += plan->shelf.price[row[i]];
		if (++units < plan->parts[0]->quantity)
			continue;
		if (cost > price)
		{
			saved += cost - price;
			limit--;
			while (units > 0)
				plan->used[set[--units]]++;
		}
		cost = units = 0;
	}
	return saved;
}

/* Plans sets of units that are not gone. */
static Answer
plan_sets(Plan *plan, const Benefit *benefit)
{
	Answer answer = {.by_line = benefit->buy || benefit->reward.kind == REWARD_PERCENT};
	bool may_get_fewer = benefit->buy && (benefit->get->up_to || plan->shop->request.partial_get);
	int64_t limit = benefit->limits.times > 0 ? benefit->limits.times : MAX_UNITS;
	int64_t times = 0;
	int64_t partial = 0;
	int64_t price = benefit->reward.money ? commerce_rule_money_in(benefit->reward.money, EUR)->minor : 0;

	list_parts(plan, benefit);
	while (times < limit && ask(plan, times + 1, 0))
		times++;
	while (may_get_fewer && times < limit && partial + 1 < benefit->get->quantity &&
		   ask(plan, times, partial + 1))
		partial++;
	if (!answer.by_line && benefit->reward.kind == REWARD_PRICE)
	{
		int64_t best = 0;

		if (plan->count == 1)
		{
			answer.total = cheaper_in_row(plan, limit, price);
			return answer;
		}
		/* As many sets as save most. */
		for (int64_t k = 1; k <= times; k++)
			if (take_units(plan, k, 0) - k * price > answer.total)
			{
				answer.total = take_units(plan, k, 0) - k * price;
				best = k;
			}
		(void) take_units(plan, best, 0);
		return answer;
	}
	answer.total = take_units(plan, times, partial);
	if (!answer.by_line)
	{
		if (answer.total > price * times)
			answer.total = price * times;
		return answer;
	}
	answer.total = 0;
	for (int i = 0; i < plan->shop->cart.line_count; i++)
	{
		answer.lines[i] =
			rounded(plan->in_set[i] * off_unit(&benefit->reward, plan->shop->facts[i].unit_price));
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

/* Plans the sets of several promotions, one after the other; no unit is in two. */
static Answer
plan_in_turn(const Shop *shop)
{
	Answer all = {.by_line = true};
	int64_t gone[MAX_LINES] = {0};

	for (int p = 0; p < shop->count; p++)
	{
		Plan plan = {.shop = shop, .shelf = shelf_of(shop)};
		Answer answer;

		memcpy(plan.gone, gone, sizeof(gone));
		answer = plan_sets(&plan, shop->promotions[p].benefit);
		all.by_line = all.by_line && answer.by_line;
		all.total += answer.total;
		for (int i = 0; i < shop->cart.line_count; i++)
		{
			all.lines[i] += answer.lines[i];
			gone[i] += answer.total > 0 ? plan.used[i] : 0;
		}
	}
	return all;
}

/* Adds a promotion that nothing limits. */
static void
add_benefit(Shop *shop, unsigned form)
{
	int i = shop->count++;

	shop->promotions[i] = (Promotion){
		.active = true, .class = CLASS_ITEM, .combines = ALL_CLASSES, .benefit = make_benefit(form)};
	shop->promotions[i].id[15] = (unsigned char) i;
	shop->purses[i] = (PromotionPurse){INT64_MAX, INT64_MAX, INT64_MAX, false, false};
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

		small_shop(&shop);
		add_benefit(&shop, form);
		while (form == 0 && random_below(2) && shop.count < 3)
			add_benefit(&shop, form);
		promote(&shop);
		answer = form == 0   ? plan_in_turn(&shop)
				 : form == 1 ? plan_units(&shop, shop.promotions[0].benefit)
							 : plan_places(&shop, shop.promotions[0].benefit);
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
