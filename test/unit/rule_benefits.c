// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c src/money/currency.c
/*
 * rule_benefits.c: what benefits are accepted, how they are printed, which are refused and where; and random benefits of
 * every kind read back as they were printed.
 */
#include "rule_random.h"

static const char *const canonical[][2] = {
	{"20% off lines", "20% off lines"},
	{"20.50 % OFF Lines WHERE category<@'a' and not on_sale",
	 "20.5% off lines where category <@ 'a' and not on_sale"},
	{"0.000001% off order", "0.000001% off order"},
	{"15% off order where tag = 'x'", "15% off order where tag = 'x'"},
	{"100% off shipping", "free shipping"},
	{"Free Shipping", "free shipping"},
	{"free units where sku = 'A'", "100% off units where sku = 'A'"},
	{"50% off shipping, at most 5 EUR", "50% off shipping, at most 5 EUR"},
	{"free shipping where on_sale", "free shipping where on_sale"},
	{"free shipping where lines() > 1", "free shipping where lines() > 1"},
	{"free shipping where subtotal(subtotal > 1 EUR) > 5 EUR and subtotal > 6 EUR; 1% off lines where "
	 "subtotal > 7 EUR",
	 "free shipping where subtotal(subtotal > 1 EUR) > 5 EUR and subtotal > 6 EUR; 1% off lines where "
	 "subtotal > 7 EUR"},
	{"10 eur off order", "10 EUR off order"},
	{"10 EUR or 12 USD or 1500 jpy off order", "10 EUR or 12 USD or 1500 JPY off order"},
	{"10 EUR off lines where subtotal > 5 EUR", "10 EUR off lines where subtotal > 5 EUR"},
	{"0.5 EUR off units where customer.group = 'vip'", "0.50 EUR off units where customer.group = 'vip'"},
	{"price 9.9 EUR for units where sku = 'A'", "price 9.90 EUR for units where sku = 'A'"},
	{"price 0 EUR for lines", "price 0 EUR for lines"},
	{"price 20 EUR or 25 USD for order", "price 20 EUR or 25 USD for order"},
	{"3 EUR off shipping", "3 EUR off shipping"},
	{"50% off units where tag = 'sale', AT MOST 3 units",
	 "50% off units where tag = 'sale', at most 3 units"},
	{"50% off units, dearest first, at most 5 EUR or 6 USD, at most 6 units, in steps of 2, in groups of 3",
	 "50% off units, in groups of 3, in steps of 2, at most 6 units, at most 5 EUR or 6 USD, dearest first"},
	{"1 EUR off units, at most 2 units of each line", "1 EUR off units, at most 2 units of each line"},
	{"10% off order, in cart order, in groups of 4", "10% off order, in groups of 4, in cart order"},
	{"10% off first unit and 20% off others", "10% off first unit and 20% off others"},
	{"0 EUR off first unit and 1 EUR off others where on_sale, at most 3 units of each line",
	 "0 EUR off first unit and 1 EUR off others where on_sale, at most 3 units of each line"},
	{"tiers by subtotal: 100 EUR -> 10%, 200.50 EUR -> 15 EUR or 16 USD",
	 "tiers by subtotal: 100 EUR -> 10%, 200.50 EUR -> 15 EUR or 16 USD on order"},
	{"tiers by order subtotal: 0 EUR -> 100% on shipping where country = 'DE'",
	 "tiers by order subtotal: 0 EUR -> 100% on shipping where country = 'DE'"},
	{"tiers by Line Quantity graduated: 0 -> 1 EUR, 5 -> price 3 EUR on units",
	 "tiers by line quantity graduated: 0 -> 1 EUR, 5 -> price 3 EUR on units"},
	{"tiers by line subtotal: 5 EUR -> 1% on lines, in steps of 2",
	 "tiers by line subtotal: 5 EUR -> 1% on lines, in steps of 2"},
	{"tiers by subtotal graduated: 5 EUR -> 1%, 6 EUR -> 2% on order, at most 5 EUR",
	 "tiers by subtotal graduated: 5 EUR -> 1%, 6 EUR -> 2% on order, at most 5 EUR"},
	{"buy 2 where sku='A' get 1 where sku='B' at 50% off, at most 3 times",
	 "buy 2 where sku = 'A' get 1 where sku = 'B' at 50% off, at most 3 times"},
	{"buy 1 + 2 where on_sale get up to 3 at 100% off", "buy 1 + 2 where on_sale get up to 3 free"},
	{"buy 1 get 1 for 5 EUR, dearest first", "buy 1 get 1 for 5 EUR, dearest first"},
	{"bundle 3 where tag = 'x' for 20 EUR", "3 for 20 EUR where tag = 'x'"},
	{"3 for 20 EUR or 22 USD where tag = 'x' or on_sale, at most 2 times",
	 "3 for 20 EUR or 22 USD where tag = 'x' or on_sale, at most 2 times"},
	{"bundle 3 where tag = 'x' at 5 EUR off", "bundle 3 where tag = 'x' at 5 EUR off"},
	{"bundle 1 where sku = 'A' + 2 where sku = 'B' for 25 EUR",
	 "bundle 1 where sku = 'A' + 2 where sku = 'B' for 25 EUR"},
	{"gift 1 'it''s'", "gift 1 'it''s'"},
	{"gift 2 'MUG' for every 3 where brand = 'Acme', at most 4 times",
	 "gift 2 'MUG' for every 3 where brand = 'Acme', at most 4 times"},
	{"free shipping; 5% off order", "free shipping; 5% off order"},
	{"1% off order;1% off order;1% off order;1% off order;1% off order;1% off order;1% off order;1% off "
	 "order;1% "
	 "off order;1% off order",
	 "1% off order; 1% off order; 1% off order; 1% off order; 1% off order; 1% off order; 1% off order; 1% "
	 "off order; "
	 "1% off order; 1% off order"},
	{"1000000000 for 1 EUR", "1000000000 for 1 EUR"},
};

static const struct
{
	const char *text;
	int position;
	const char *message;
} refused[] = {
	{"0% off lines", 1, "expected a percentage above 0 and at most 100, found \"0\""},
	{"100.000001% off lines", 1, "expected a percentage above 0 and at most 100, found \"100.000001\""},
	{"1.0000001% off lines", 1, "expected a percentage with at most 6 decimals, found \"1.0000001\""},
	{"1% off order; 0 EUR off order", 15, "an amount off must be above zero"},
	{"1 EUR or 0 USD off order", 1, "an amount off must be above zero"},
	{"0 EUR off first unit and 0 EUR off others", 1, "an amount off must be above zero"},
	{"tiers by subtotal: 1 EUR -> 0 EUR", 1, "an amount off must be above zero"},
	{"10 EUR or 12 EUR off order", 11, "expected an amount of another currency, found \"12 EUR\""},
	{"1 EUR off units, at most 5 USD or 6 EUR or 7 USD", 44,
	 "expected an amount of another currency, found \"7 USD\""},
	{"-5 EUR off order", 1, ""},
	{"20 off lines", 4, ""},
	{"free", 5, "expected \"order\", \"units\", \"lines\" or \"shipping\", found the end"},
	{"20% off lines where lines() > 1", 21,
	 "lines(...) counts over the cart and cannot stand in a condition on a line"},
	{"free shipping where lines() > 1; 20% off lines where lines() > 1", 54,
	 "lines(...) counts over the cart and cannot stand in a condition on a line"},
	{"sku = 'A'", 1, ""},
	{"tiers by quantity: 100 EUR -> 10%", 1, "tiers by quantity begin at a number of units"},
	{"tiers by subtotal: 10 -> 10%", 1, "tiers by subtotal begin at an amount of money"},
	{"tiers by order subtotal: 10 -> 10%", 1, "tiers by subtotal begin at an amount of money"},
	{"tiers by price: 10 -> 10%", 10, ""},
	{"tiers by weight: 10 -> 10%", 10, "expected subtotal or quantity, found \"weight\""},
	{"tiers by order quantity: 10 -> 10%", 16, "expected subtotal, found \"quantity\""},
	{"tiers by line subtotal: 10 EUR -> 10%", 1, "tiers of each line are on lines or on units"},
	{"tiers by line quantity: 10 -> 10% on shipping", 1, "tiers of each line are on lines or on units"},
	{"tiers by subtotal: 10 EUR -> 10%, 20 USD -> 20%", 35,
	 "expected money of the same currency, found \"20 USD\""},
	{"tiers by subtotal: 10 EUR -> 10%, 20 -> 20%", 35, "expected money of the same currency, found \"20\""},
	{"tiers by quantity: 10 -> 10%, 20 EUR -> 20%", 31, "expected a whole number, found \"20 EUR\""},
	{"tiers by quantity: 10 -> 10%, 10 -> 20%", 31, "expected a tier above the one before it, found \"10\""},
	{"tiers by quantity: 1.5 -> 10%", 20, "expected a whole number or an amount of money, found \"1.5\""},
	{"tiers by quantity graduated: 1 -> 10%", 1,
	 "graduated tiers go by subtotal on order, or by line quantity on units"},
	{"tiers by line quantity graduated: 1 -> 10% on lines", 1,
	 "graduated tiers go by subtotal on order, or by line quantity on units"},
	{"tiers by subtotal graduated: 1 EUR -> 5 EUR", 1, "graduated tiers by subtotal are percentages"},
	{"tiers by subtotal graduated: 1 EUR -> 5% on order, at most 5 units", 1,
	 "graduated tiers cover all units"},
	{"buy up to 2 get 1 free", 1, "\"up to\" belongs behind get"},
	{"bundle 1 + up to 2 free", 1, "\"up to\" belongs behind get"},
	{"gift 1 'A' for every up to 2", 1, "\"up to\" belongs behind get"},
	{"buy 1 + 1 + 1 + 1 + 1 + 1 get 1 free", 1, "a set has at most 6 parts"},
	{"bundle 1 + 1 + 1 + 1 + 1 + 1 + 1 free", 1, "a set has at most 6 parts"},
	{"1% off order, at most 3 times", 1, "\"times\" counts sets and gifts"},
	{"gift 1 'A', at most 5 EUR", 1, "a gift has no amount"},
	{"gift 1 ''", 1, "a gift needs a sku"},
	{"gift 1 'A', at most 5 units", 1, "units are limited off units, lines or order"},
	{"buy 1 get 1 free, in steps of 2", 1, "units are limited off units, lines or order"},
	{"1% off shipping, in groups of 2", 1, "units are limited off units, lines or order"},
	{"1% off first unit and 2% off others, at most 2 units", 1,
	 "here only the units of each line are limited"},
	{"1% off first unit and 2% off others, in groups of 2", 1,
	 "here only the units of each line are limited"},
	{"1% off first unit and 2% off others, in steps of 2", 1, "here only the units of each line are limited"},
	{"1% off units, cheapest first", 1, "which units come first matters only where not all units count"},
	{"1% off units, at most 2 units of each line, cheapest first", 1,
	 "which units come first matters only where not all units count"},
	{"gift 1 'A', in cart order", 1, "which units come first matters only where not all units count"},
	{"1% off units, at most 2 units, at most 3 units of each line", 40, "this limit is given twice"},
	{"1% off units, at most 2 units, dearest first, dearest first", 47, "this limit is given twice"},
	{"1% off units, at most 2 EUR, at most 2 EUR", 38, "this limit is given twice"},
	{"buy 1 get 1 free, at most 2 times, at most 2 times", 44, "this limit is given twice"},
	{"1% off units, in groups of 2, in groups of 2", 44, "this limit is given twice"},
	{"1% off units, in steps of 2, in steps of 2", 42, "this limit is given twice"},
	{"1% off units, at most 0 units", 23, "expected a whole number above 0, found \"0\""},
	{"1.5 for 20 EUR", 1, "expected a whole number above 0, found \"1.5\""},
	{"gift 0 'A'", 6, "expected a whole number above 0, found \"0\""},
	{"buy 1 get 0 free", 11, "expected a whole number above 0, found \"0\""},
	{"1000000001 for 1 EUR", 1, "expected a whole number of at most 1000000000, found \"1000000001\""},
	{"1% off order;1% off order;1% off order;1% off order;1% off order;1% off order;1% off order;1% off "
	 "order;1% "
	 "off order;1% off order;1% off order",
	 131, "a benefit gives at most 10 things"},
	{"", 1, ""},
	{"1% off order;", 14, ""},
};

/* Reads what is right and what is wrong. */
static void
test_texts(void)
{
	RuleError error;

	for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++)
	{
		Benefit *benefit = commerce_benefit_parse(canonical[i][0], &memory, &error);

		same(benefit ? commerce_benefit_print(benefit, &memory) : error.message, canonical[i][1],
			 canonical[i][0]);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		bool none = commerce_benefit_parse(refused[i].text, &memory, &error) == NULL;

		/* What bison expects where is its own to say; its place is ours. */
		if (refused[i].message[0])
			same(none ? error.message : "accepted", refused[i].message, refused[i].text);
		ok(none && error.position == refused[i].position, refused[i].text);
		if (none && error.position != refused[i].position)
			printf("# wanted: %d\n# got:    %d\n", refused[i].position, error.position);
	}
	free_all();
}

/* What a benefit must be told beside the cart. */
static void
test_asks(void)
{
	RuleError error;
	const Benefit *time =
		commerce_benefit_parse("1% off order; buy 1 get 1 where weekday = 'mon' free", &memory, &error);
	const Benefit *orders = commerce_benefit_parse(
		"gift 1 'A' for every 2 where not (sku = 'A' or customer.orders = 0)", &memory, &error);
	const Benefit *shipping =
		commerce_benefit_parse("free shipping where quantity(customer.orders = 0) = 1", &memory, &error);

	ok(commerce_benefit_asks_time(time) && !commerce_benefit_asks_orders(time), "the time");
	ok(!commerce_benefit_asks_time(orders) && commerce_benefit_asks_orders(orders), "earlier orders");
	ok(!commerce_benefit_asks_time(shipping) && commerce_benefit_asks_orders(shipping), "inside of a sum");
	free_all();
}

/* Makes money of one to three currencies; zero only where it may be. */
static RuleMoney *
random_money(bool zero)
{
	static const int currencies[] = {978, 840, 392};
	RuleMoney *first = NULL;
	RuleMoney **end = &first;

	for (unsigned i = 0, count = 1 + random_below(3) * random_below(2); i < count; i++)
	{
		*end = allocate(NULL, sizeof(RuleMoney));
		**end = (RuleMoney){(int64_t) random_below(100000) + !zero, currencies[i], NULL};
		if (random_below(30) == 0)
			(*end)->minor = INT64_C(9007199254740991);
		end = &(*end)->next;
	}
	return first;
}

/* Makes a reward; a price only where it may be one. */
static Reward
random_reward(bool price)
{
	unsigned kind = random_below(price ? 3 : 2);

	if (kind == 0)
		return (Reward){REWARD_PERCENT,
						random_below(3) ? (1 + random_below(100)) * PERCENT_SCALE
										: 1 + random_below((unsigned) PERCENT_WHOLE),
						NULL};
	return (Reward){kind == 1 ? REWARD_MONEY : REWARD_PRICE, 0, random_money(kind == 2)};
}

/* Makes tiers, from the lowest. */
static BenefitTier *
random_tiers(bool counts, bool percentages)
{
	BenefitTier *first = NULL;
	BenefitTier **end = &first;
	int64_t from = random_below(100);

	for (unsigned i = 0, count = 1 + random_below(4); i < count; i++, from += 1 + random_below(1000))
	{
		*end = allocate(NULL, sizeof(BenefitTier));
		**end = (BenefitTier){from, counts ? 0 : 978, random_reward(true), NULL};
		while (percentages && (*end)->reward.kind != REWARD_PERCENT)
			(*end)->reward = random_reward(false);
		end = &(*end)->next;
	}
	return first;
}

/* Makes parts of a set. */
static BenefitPart *
random_parts(unsigned most)
{
	BenefitPart *first = NULL;
	BenefitPart **end = &first;

	for (unsigned i = 0, count = 1 + random_below(most); i < count; i++)
	{
		*end = allocate(NULL, sizeof(BenefitPart));
		**end =
			(BenefitPart){1 + random_below(9), false, random_below(3) ? random_tree(2, true) : NULL, NULL};
		end = &(*end)->next;
	}
	return first;
}

/* Makes limits on units. */
static BenefitLimits
random_unit_limits(bool flexible)
{
	BenefitLimits limits = {0};

	if (random_below(2))
	{
		limits.units = 1 + random_below(9);
		limits.of_each_line = flexible || random_below(2);
	}
	if (!flexible && random_below(3) == 0)
		limits.group = 1 + random_below(5);
	if (!flexible && random_below(3) == 0)
		limits.step = 1 + random_below(5);
	if ((limits.units && !limits.of_each_line) || limits.group)
		limits.order = (UnitOrder) random_below(4);
	return limits;
}

/* Makes one thing that a promotion gives. */
static Benefit *
random_benefit(void)
{
	Benefit *benefit = allocate(NULL, sizeof(Benefit));
	bool on_lines;

	*benefit = (Benefit){.kind = (BenefitKind) random_below(5)};
	switch (benefit->kind)
	{
		case BENEFIT_OFF:
			benefit->target = (BenefitTarget) random_below(4);
			benefit->reward = random_reward(true);
			break;
		case BENEFIT_FLEXIBLE:
			benefit->reward = random_reward(false);
			benefit->others = random_reward(false);
			if (benefit->reward.money && random_below(3) == 0)
				benefit->reward.money->minor = 0;
			break;
		case BENEFIT_TIERS:
			benefit->basis = (TierBasis) random_below(5);
			on_lines = benefit->basis == TIER_LINE_QUANTITY || benefit->basis == TIER_LINE_SUBTOTAL;
			benefit->target = (BenefitTarget) random_below(on_lines ? 2 : 4);
			benefit->graduated = (benefit->basis == TIER_LINE_QUANTITY && benefit->target == BENEFIT_UNITS) ||
										 (benefit->basis == TIER_SUBTOTAL && benefit->target == BENEFIT_ORDER)
									 ? random_below(2)
									 : false;
			benefit->tiers =
				random_tiers(benefit->basis == TIER_QUANTITY || benefit->basis == TIER_LINE_QUANTITY,
							 benefit->graduated && benefit->basis == TIER_SUBTOTAL);
			break;
		case BENEFIT_SET:
			benefit->reward = random_reward(true);
			benefit->buy = random_below(2) ? random_parts(5) : NULL;
			benefit->get = random_parts(benefit->buy ? 1 : 6);
			benefit->get->up_to = benefit->buy && random_below(2);
			benefit->limits.order = (UnitOrder) random_below(4);
			break;
		case BENEFIT_GIFT:
			benefit->gift = random_below(2) ? "MUG" : "it's";
			benefit->quantity = 1 + random_below(3);
			benefit->buy = random_below(2) ? random_parts(1) : NULL;
			break;
	}
	if (benefit->kind <= BENEFIT_TIERS)
	{
		if (random_below(2))
			benefit->where = random_tree(3, benefit->target != BENEFIT_SHIPPING);
		if (benefit->target != BENEFIT_SHIPPING && !benefit->graduated)
			benefit->limits = random_unit_limits(benefit->kind == BENEFIT_FLEXIBLE);
	}
	else if (random_below(2))
		benefit->limits.times = 1 + random_below(9);
	if (benefit->kind != BENEFIT_GIFT && random_below(4) == 0)
		benefit->limits.money = random_money(true);
	return benefit;
}

/* Compares money. */
static bool
equal_money(const RuleMoney *left, const RuleMoney *right)
{
	for (; left && right; left = left->next, right = right->next)
		if (left->minor != right->minor || left->currency != right->currency)
			return false;
	return left == right;
}

/* Compares rewards. */
static bool
equal_reward(const Reward *left, const Reward *right)
{
	return left->kind == right->kind && left->percent == right->percent &&
		   equal_money(left->money, right->money);
}

/* Compares parts. */
static bool
equal_parts(const BenefitPart *left, const BenefitPart *right)
{
	for (; left && right; left = left->next, right = right->next)
		if (left->quantity != right->quantity || left->up_to != right->up_to ||
			!equal(left->where, right->where))
			return false;
	return left == right;
}

/* Compares tiers. */
static bool
equal_tiers(const BenefitTier *left, const BenefitTier *right)
{
	for (; left && right; left = left->next, right = right->next)
		if (left->from != right->from || left->currency != right->currency ||
			!equal_reward(&left->reward, &right->reward))
			return false;
	return left == right;
}

/* Compares limits. */
static bool
equal_limits(const BenefitLimits *left, const BenefitLimits *right)
{
	return left->units == right->units && left->of_each_line == right->of_each_line &&
		   left->group == right->group && left->step == right->step && left->times == right->times &&
		   left->order == right->order && equal_money(left->money, right->money);
}

/* Compares benefits. */
static bool
equal_benefits(const Benefit *left, const Benefit *right)
{
	for (; left && right; left = left->next, right = right->next)
		if (left->kind != right->kind || left->target != right->target || left->basis != right->basis ||
			left->graduated != right->graduated || left->quantity != right->quantity ||
			strcmp(left->gift ? left->gift : "", right->gift ? right->gift : "") != 0 ||
			!equal_reward(&left->reward, &right->reward) || !equal_reward(&left->others, &right->others) ||
			!equal_limits(&left->limits, &right->limits) || !equal_tiers(left->tiers, right->tiers) ||
			!equal_parts(left->buy, right->buy) || !equal_parts(left->get, right->get) ||
			!equal(left->where, right->where))
			return false;
	return left == right;
}

/* Prints random benefits and reads them back. */
static void
test_round_trip(void)
{
	const int rounds = rounds_of(20000);
	RuleError error;
	int wrong = 0;

	for (int i = 0; i < rounds; i++)
	{
		Benefit *benefit = random_benefit();
		Benefit *last = benefit;
		Benefit *again;
		char *text;
		bool fine;

		for (int more = 1; more < BENEFIT_MAX_ACTIONS && random_below(3) == 0; more++, last = last->next)
			last->next = random_benefit();
		text = commerce_benefit_print(benefit, &memory);
		again = commerce_benefit_parse(text, &memory, &error);
		fine = strlen(text) > RULE_MAX_TEXT || (again && equal_benefits(benefit, again) &&
												strcmp(commerce_benefit_print(again, &memory), text) == 0);
		if (!fine && wrong++ < 5)
			printf("# %s\n# %s\n", text, again ? commerce_benefit_print(again, &memory) : error.message);
		free_all();
	}
	ok(wrong == 0, "random benefits of every kind read back as they were printed");
}

/* Runs all of it. */
int
main(void)
{
	test_texts();
	test_asks();
	test_round_trip();
	return finish();
}
