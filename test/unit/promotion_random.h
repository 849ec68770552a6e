/*
 * promotion_random.h: random carts, and random promotions with small numbers, so that they get into each other's way.
 */
#ifndef COMMERCE_TEST_PROMOTION_RANDOM_H
#define COMMERCE_TEST_PROMOTION_RANDOM_H

#include "promotion_test.h"
#include "promotion_texts.h"

#define POOL 3000

static const RuleNode *conditions[POOL];
static const Benefit *benefits[POOL];

/* Makes the conditions and benefits that shops are made of. */
static inline void
make_pool(void)
{
	RuleError error;

	for (int i = 0; i < POOL; i++)
	{
		Text condition = {"", 0};
		Text benefit = {"", 0};

		cart_condition(&condition, 2);
		append_benefit(&benefit);
		while (random_below(5) == 0)
		{
			append(&benefit, "; ");
			append_benefit(&benefit);
		}
		conditions[i] = commerce_condition_parse(condition.text, &memory, &error);
		if (conditions[i] == NULL)
			printf("Bail out! %s: %s\n", condition.text, error.message);
		benefits[i] = commerce_benefit_parse(benefit.text, &memory, &error);
		if (benefits[i] == NULL)
			printf("Bail out! %s: %s\n", benefit.text, error.message);
		if (conditions[i] == NULL || benefits[i] == NULL)
			exit(1);
	}
	keep_all();
}

/* Finds the one attribute that lines have of their own, which they consist of. */
static inline RuleValue
find_kind(const void *attributes, const char *path)
{
	if (strcmp(path, "kind") != 0)
		return (RuleValue){.kind = RULE_VALUE_ABSENT};
	return (RuleValue){.kind = RULE_VALUE_TEXT, .text = attributes};
}

/* Compares attributes of two lines. */
static inline int
compare_kinds(const void *first, const void *second)
{
	return strcmp(first, second);
}

/* Makes a line; large numbers now and then, where they are allowed. */
static inline void
random_line(Shop *shop, bool large)
{
	static const char *const categories[] = {"c", "c.d", "c.d.e", "cc", "e"};
	bool huge = large && random_below(2);
	int64_t quantity = huge && random_below(2) ? INT64_C(1) << random_below(41) : 1 + random_below(6);
	int64_t price = random_below(6) == 0 ? random_below(4) : 5 * random_below(5);
	int per_quantity = random_below(6) == 0 ? (int) (1 + random_below(7)) : 1;
	int i = shop->cart.line_count;
	RuleLine *facts;

	/* Prices and what lines cost go up to the largest amount of money. */
	if (huge)
	{
		wide most = INT64_C(9007199254740991);

		if (random_below(4) == 0)
			per_quantity = 1 + (int) random_below(INT32_MAX);
		if (quantity > per_quantity)
			most = most * per_quantity / quantity;
		price = (int64_t) most >> random_below(20);
	}
	facts = add_line(shop, PICK("A", "B", "C", "D"), quantity, price, per_quantity);
	if (random_below(4))
		facts->category = categories[random_below(5)];
	if (random_below(3) == 0)
		facts->brand = PICK("b", "B");
	if (random_below(4) == 0)
		facts->product = PICK("p", "P", "q");
	if (random_below(4) == 0)
		facts->tax_class = PICK("t", "T");
	if (random_below(3) == 0)
		facts->attributes = PICK("soft", "hard");
	facts->on_sale = random_below(4) == 0;
	for (unsigned t = 0; t < 3; t++)
		if (random_below(3) == 0)
			shop->tags[i][facts->tag_count++] = &"x\0y\0z"[t * 2];
	shop->lines[i].discountable = random_below(8) != 0;
	if (random_below(5) == 0)
		shop->lines[i].floor = random_below((unsigned) (facts->subtotal > 100 ? 100 : facts->subtotal) + 1);
	if (random_below(6) == 0)
		shop->lines[i].discount =
			random_below((unsigned) (facts->subtotal > 100 ? 100 : facts->subtotal) + 1);
}

/* Adds the last line once more, with other attributes. */
static inline void
twin_line(Shop *shop)
{
	int i = shop->cart.line_count++;

	shop->facts[i] = shop->facts[i - 1];
	shop->lines[i] = shop->lines[i - 1];
	memcpy(shop->tags[i], shop->tags[i - 1], sizeof(shop->tags[i]));
	shop->facts[i].attributes = shop->facts[i].attributes == NULL ? "soft" : random_below(2) ? "hard" : NULL;
}

/* Picks some of several texts. */
static inline TextList
random_list(const char *const *texts, int count, unsigned odds)
{
	TextList list = {allocate(NULL, sizeof(char *) * (size_t) count), 0};

	for (int i = 0; i < count; i++)
		if (random_below(odds) == 0)
			list.texts[list.count++] = texts[i];
	return list;
}

/* Makes a promotion of any class that its benefit allows, but no catalogue. */
static inline void
random_promotion(Shop *shop, int i)
{
	static const char *const tags[] = {"u", "v", "w"};
	static const char *const groups[] = {"g", "h"};
	static const char *const lists[][2] = {{"web", "pos"}, {"EUR", "USD"}, {"vip", "staff"}};
	Promotion *promotion = &shop->promotions[i];

	*promotion = (Promotion){.active = true, .ends = INT64_MAX};
	promotion->id[15] = (unsigned char) i;
	promotion->benefit = benefits[random_below(POOL)];
	do
		promotion->class = (PromotionClass) (CLASS_ITEM + random_below(4));
	while (!commerce_class_fits(promotion->class, promotion->benefit));
	promotion->lane = random_below(3) ? LANE_DEFAULT : (PromotionLane) random_below(3);
	promotion->priority = (int) random_below(3);
	promotion->needs_code = random_below(6) == 0;
	shop->opened[i] = random_below(2);
	promotion->condition = random_below(2) ? conditions[random_below(POOL)] : NULL;
	promotion->running = random_below(3) == 0;
	promotion->exclusivity = random_below(2) ? EXCLUSIVE_NONE : (Exclusivity) random_below(4);
	if (promotion->exclusivity == EXCLUSIVE && random_below(2))
		promotion->exclusivity = EXCLUSIVE_NONE;
	if (promotion->exclusivity >= EXCLUSIVE_GROUP_BEST)
		promotion->group = groups[random_below(2)];
	promotion->stop_line = random_below(8) == 0;
	promotion->stop_all = random_below(16) == 0;
	promotion->combines = random_below(4) ? ALL_CLASSES : ALL_CLASSES & ~(1u << (1 + random_below(4)));
	if (random_below(3) == 0)
	{
		promotion->tags = random_list(tags, 3, 2);
		promotion->stacks_with = random_list(tags, 3, 2);
	}
	promotion->sale_items = random_below(2) ? SALE_ALLOWED : (SaleItems) random_below(3);
	promotion->percent_base = (PercentBase) random_below(3);
	if (random_below(4) == 0)
		promotion->channels = random_list(lists[0], 2, 2);
	if (random_below(4) == 0)
		promotion->currencies = random_list(lists[1], 2, 2);
	if (random_below(4) == 0)
		promotion->groups = random_list(lists[2], 2, 2);
	shop->purses[i] = (PromotionPurse){INT64_MAX, INT64_MAX, INT64_MAX, false, false};
	if (random_below(4) == 0)
	{
		int64_t spend = random_below(2) ? INT64_MAX : random_below(40);

		shop->purses[i] = (PromotionPurse){random_below(3) ? INT64_MAX : random_below(2), spend,
										   random_below(2) ? INT64_MAX : spend, random_below(16) == 0,
										   random_below(16) == 0};
	}
}

/* Makes a shop. */
static inline void
random_shop(Shop *shop, unsigned lines, unsigned promotions, bool large)
{
	static const char *const codes[] = {"SUMMER"};
	PromotionRequest *request = &shop->request;
	unsigned line_count = random_below(lines + 1);

	open_shop(shop);
	for (unsigned i = 0; i < line_count; i++)
		if (i > 0 && random_below(5) == 0)
			twin_line(shop);
		else
			random_line(shop, large && random_below(2));
	shop->cart.shipping = random_below(3) ? 1 + random_below(9) : 0;
	shop->shipping = (PromotionLine){1, random_below(4) == 0 ? random_below(5) : 0, 0, random_below(8) != 0};
	shop->cart.channel = random_below(2) ? "web" : random_below(2) ? "pos" : NULL;
	shop->cart.customer_group = random_below(2) ? "vip" : NULL;
	shop->cart.country = random_below(2) ? "DE" : NULL;
	shop->cart.customer = random_below(3) == 0 ? "me" : NULL;
	shop->cart.shipping_method = random_below(2) ? "dhl" : NULL;
	shop->cart.codes = codes;
	shop->cart.attribute = find_kind;
	request->compare_attributes = compare_kinds;
	shop->cart.code_count = random_below(3) == 0;
	shop->count = (int) (1 + random_below(promotions));
	for (int i = 0; i < shop->count; i++)
		random_promotion(shop, i);
	request->rounding = (RoundingMode) (random_below(2) ? 0 : random_below(10));
	request->remainder = (AllocationPolicy) random_below(5);
	request->percent_of_original = random_below(3) == 0;
	request->dearest_pool = random_below(3) == 0;
	request->partial_get = random_below(4) == 0;
	request->budget_rest = random_below(4) == 0;
	request->priority_first = random_below(3) == 0;
}

#endif
