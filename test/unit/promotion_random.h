/*
 * promotion_random.h: random carts, and random promotions with small numbers, so that they get into each other's way.
 */
#ifndef COMMERCE_TEST_PROMOTION_RANDOM_H
#define COMMERCE_TEST_PROMOTION_RANDOM_H

#include "promotion_test.h"
#include "rule_random.h"

#include <stdarg.h>

#define POOL 3000

static const RuleNode *conditions[POOL];
static const Benefit *benefits[POOL];

/* Text that grows. */
typedef struct Text
{
	char text[4000];
	size_t length;
} Text;

/* Appends as printf does. */
static inline void __attribute__((format(printf, 2, 3))) append(Text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text->length +=
		(size_t) vsnprintf(text->text + text->length, sizeof(text->text) - text->length, format, arguments);
	va_end(arguments);
}

/* Picks one of several texts. */
#define PICK(...)                                                                                            \
	(((const char *const[]){                                                                                 \
		__VA_ARGS__})[random_below(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

/* Appends a condition on a line. */
static inline void
line_condition(Text *text, int depth)
{
	if (depth > 0 && random_below(3) == 0)
	{
		append(text, "%s(", random_below(4) == 0 ? "not " : "");
		line_condition(text, depth - 1);
		append(text, " %s ", PICK("and", "or", "or"));
		line_condition(text, depth - 1);
		append(text, ")");
		return;
	}
	switch (random_below(10))
	{
		case 0: append(text, "attributes.kind %s '%s'", PICK("=", "<>"), PICK("soft", "hard")); break;
		case 9: append(text, "tag = '%s'", PICK("x", "y", "z")); break;
		case 1: append(text, "not on_sale"); break;
		case 2: append(text, "category <@ '%s'", PICK("c", "c.d", "c.d.e", "e")); break;
		case 3: append(text, "brand %s ('b', 'B')", PICK("in", "not in")); break;
		case 4: append(text, "price %s 0.%02u EUR", PICK(">", "<=", "="), random_below(25)); break;
		case 5: append(text, "quantity %s %u", PICK(">=", "<"), random_below(6)); break;
		case 6: append(text, "tax_class = '%s'", PICK("t", "T")); break;
		case 7: append(text, "product in ('%s', 'p')", PICK("P", "q")); break;
		default: append(text, "sku %s '%s'", PICK("=", "=", "<>"), PICK("A", "B", "C", "D")); break;
	}
}

/* Appends a condition on a cart. */
static inline void
cart_condition(Text *text, int depth)
{
	if (depth > 0 && random_below(2) == 0)
	{
		append(text, "%s(", random_below(5) == 0 ? "not " : "");
		cart_condition(text, depth - 1);
		append(text, " %s ", PICK("and", "or", "or"));
		cart_condition(text, depth - 1);
		append(text, ")");
		return;
	}
	switch (random_below(14))
	{
		case 0: append(text, "subtotal %s 0.%02u EUR", PICK(">=", ">=", "<"), random_below(100)); break;
		case 1: append(text, "quantity() %s %u", PICK(">=", "<", "="), random_below(9)); break;
		case 2: append(text, "code = '%s'", PICK("SUMMER", "winter")); break;
		case 3: append(text, "customer.group in ('vip'%s)", PICK("", ", 'staff'")); break;
		case 4: append(text, "country = '%s'", PICK("DE", "AT")); break;
		case 5: append(text, "channel %s 'web'", PICK("=", "<>")); break;
		case 6: append(text, "currency = '%s'", PICK("EUR", "USD")); break;
		case 7: append(text, "shipping.method = '%s'", PICK("dhl", "ups")); break;
		case 8: append(text, "%s", PICK("true", "customer = 'me'", "customer is null", "sku is null")); break;
		case 9:
			append(text, "subtotal(");
			line_condition(text, depth - 1);
			append(text, ") %s 0.%02u EUR", PICK(">=", ">", "<", "="), random_below(30));
			break;
		case 10:
		case 11:
			append(text, "%s(", PICK("quantity", "lines"));
			line_condition(text, depth - 1);
			append(text, ") %s",
				   PICK(">= 0", "> 0", "= 1", "<> 1", "< 2", "in (0, 2)", ">= 0.5", "> -1", "= -0"));
			break;
		default: line_condition(text, depth - 1); break;
	}
}

/* Appends where a benefit is given, or nothing. */
static inline void
append_where(Text *text)
{
	if (random_below(3) == 0)
		return;
	append(text, " where ");
	line_condition(text, 1);
}

/* Appends an amount of money. */
static inline void
append_money(Text *text, bool zero)
{
	append(text, "0.%02u EUR%s", random_below(20) + !zero, random_below(12) == 0 ? " or 0.07 USD" : "");
}

/* Appends a percentage or an amount. */
static inline void
append_off(Text *text)
{
	if (random_below(2))
		append(text, "%s%%", PICK("5", "10", "12.5", "20", "33.333333", "50", "50", "66.6", "75", "100"));
	else
		append_money(text, false);
}

/* Appends tiers and what they are on. */
static inline void
append_tiers(Text *text)
{
	static const char *const bases[] = {"subtotal", "quantity", "line subtotal", "line quantity",
										"order subtotal"};
	unsigned basis = random_below(5);
	bool counts = basis == 1 || basis == 3;
	bool by_line = basis == 2 || basis == 3;
	bool graduated = (basis == 0 || basis == 3) && random_below(2);
	unsigned from = random_below(4);

	append(text, "tiers by %s%s:", bases[basis], graduated ? " graduated" : "");
	for (unsigned i = 0, count = 1 + random_below(3); i < count; i++, from += 1 + random_below(4))
	{
		append(text, counts ? "%s %u -> " : "%s 0.%02u EUR -> ", i > 0 ? "," : "", counts ? from : from * 8);
		if (graduated && basis == 0)
			append(text, "%u%%", 1 + random_below(100));
		else if (random_below(4) == 0)
		{
			append(text, "price ");
			append_money(text, true);
		}
		else
			append_off(text);
	}
	append(text, " on %s",
		   graduated ? (basis == 0 ? "order" : "units")
		   : by_line ? PICK("units", "lines")
					 : PICK("units", "lines", "order", "shipping"));
	append_where(text);
}

/* Appends parts of a set. */
static inline void
append_parts(Text *text, unsigned most)
{
	for (unsigned i = 0, count = 1 + random_below(most); i < count; i++)
	{
		append(text, "%s%u", i > 0 ? " + " : " ", 1 + random_below(3));
		append_where(text);
	}
}

/* Appends a set. */
static inline void
append_set(Text *text)
{
	unsigned kind = random_below(3);

	if (kind == 0)
	{
		append(text, "%u for ", 1 + random_below(4));
		append_money(text, true);
		append_where(text);
	}
	else
	{
		append(text, kind == 1 ? "bundle" : "buy");
		append_parts(text, 3);
		if (kind == 2)
		{
			append(text, " get %s%u", PICK("", "", "up to "), 1 + random_below(3));
			append_where(text);
		}
		switch (random_below(3))
		{
			case 0: append(text, " free"); break;
			case 1:
				append(text, " at ");
				append_off(text);
				append(text, " off");
				break;
			default:
				append(text, " for ");
				append_money(text, true);
				break;
		}
	}
	if (random_below(3) == 0)
		append(text, ", at most %u times", 1 + random_below(3));
	if (random_below(4) == 0)
		append(text, ", %s", PICK("cheapest first", "dearest first", "in cart order"));
}

/* Appends limits on units. */
static inline void
append_unit_limits(Text *text)
{
	bool pooled = false;

	if (random_below(4) == 0)
		append(text, ", in steps of %u", 1 + random_below(3));
	if (random_below(4) == 0)
	{
		append(text, ", in groups of %u", 1 + random_below(4));
		pooled = true;
	}
	if (random_below(3) == 0)
	{
		bool each = random_below(3) == 0;

		append(text, ", at most %u units%s", 1 + random_below(6), each ? " of each line" : "");
		pooled = pooled || !each;
	}
	if (pooled && random_below(2))
		append(text, ", %s", PICK("cheapest first", "dearest first", "in cart order"));
}

/* Appends one thing that a promotion gives. */
static inline void
append_benefit(Text *text)
{
	unsigned kind = random_below(12);

	if (kind < 4)
	{
		bool price = random_below(5) == 0;

		if (price)
		{
			append(text, "price ");
			append_money(text, true);
		}
		else
			append_off(text);
		append(text, " %s %s", price ? "for" : "off", PICK("units", "lines", "order"));
		append_where(text);
		append_unit_limits(text);
	}
	else if (kind == 4)
		append(text, "%s off shipping%s", PICK("100%", "50%", "0.03 EUR"),
			   PICK("", " where lines(on_sale) = 0"));
	else if (kind == 5)
	{
		append_off(text);
		append(text, " off first unit and ");
		append_off(text);
		append(text, " off others");
		append_where(text);
		if (random_below(2))
			append(text, ", at most %u units of each line", 1 + random_below(4));
	}
	else if (kind < 8)
		append_tiers(text);
	else if (kind < 11)
		append_set(text);
	else
	{
		append(text, "gift %u '%s'", 1 + random_below(2), PICK("MUG", "PEN"));
		if (random_below(2))
		{
			append(text, " for every");
			append_parts(text, 1);
		}
		return;
	}
	if (random_below(5) == 0)
	{
		append(text, ", at most ");
		append_money(text, true);
	}
}

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
	int64_t quantity = huge && random_below(2) ? INT64_C(1) << random_below(40) : 1 + random_below(6);
	int64_t price = random_below(6) == 0 ? random_below(4) : 5 * random_below(5);
	int i = shop->cart.line_count;
	RuleLine *facts;

	if (huge)
		price = (INT64_C(9007199254740991) / quantity) >> random_below(20);
	facts = add_line(shop, PICK("A", "B", "C", "D"), quantity, price,
					 random_below(6) == 0 ? (int) (1 + random_below(7)) : 1);
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
