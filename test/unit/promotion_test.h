/*
 * promotion_test.h: a small shop outside of any server: lines and promotions written as text, and what comes of them.
 *
 *     A 3 1000, B 2 500/10 s f200      three A at 10.00, two B at 5.00 for ten: on sale, with a floor of 2.00
 */
#ifndef COMMERCE_TEST_PROMOTION_TEST_H
#define COMMERCE_TEST_PROMOTION_TEST_H

#include "rule_test.h"

#include "promotion/promotion.h"

#define MAX_LINES 8
#define MAX_PROMOTIONS 12
#define MAX_LINE_TAGS 3
#define ALL_CLASSES ((1u << PROMOTION_CLASSES) - 1)
#define EUR 978

typedef struct Shop
{
	RuleLine facts[MAX_LINES];
	PromotionLine lines[MAX_LINES];
	const char *tags[MAX_LINES][MAX_LINE_TAGS];
	Promotion promotions[MAX_PROMOTIONS];
	PromotionPurse purses[MAX_PROMOTIONS];
	int candidates[MAX_PROMOTIONS];
	bool opened[MAX_PROMOTIONS];
	PromotionFinding findings[MAX_PROMOTIONS];
	RuleCart cart;
	PromotionLine shipping;
	int count; /* of promotions */
	PromotionRequest request;
	PromotionOutcome outcome;
} Shop;

/* Empties a shop. */
static inline void
open_shop(Shop *shop)
{
	memset(shop, 0, sizeof(*shop));
	shop->cart = (RuleCart){.currency = EUR, .currency_code = "EUR"};
	shop->request.rounding = ROUND_HALF_UP;
	shop->request.remainder = ALLOCATE_NEAREST;
	shop->request.memory = &memory;
}

/* Adds a line; its price is rounded from that of a unit. */
static inline RuleLine *
add_line(Shop *shop, const char *sku, int64_t quantity, int64_t unit_price, int per_quantity)
{
	int i = shop->cart.line_count++;

	shop->facts[i] = (RuleLine){.sku = sku,
								.quantity = quantity,
								.unit_price = unit_price,
								.subtotal = (int64_t) commerce_round_ratio((wide) quantity * unit_price,
																		   per_quantity, ROUND_HALF_UP)};
	shop->lines[i] = (PromotionLine){.per_quantity = per_quantity, .discountable = true};
	return &shop->facts[i];
}

/* Adds a promotion that gives a benefit, with the class it has by itself and no other promotion in its way. */
static inline Promotion *
add_promotion(Shop *shop, const char *benefit)
{
	RuleError error;
	int i = shop->count++;
	Promotion *promotion = &shop->promotions[i];

	*promotion =
		(Promotion){.active = true, .ends = INT64_MAX, .lane = LANE_DEFAULT, .combines = ALL_CLASSES};
	promotion->id[15] = (unsigned char) i;
	promotion->benefit = commerce_benefit_parse(benefit, &memory, &error);
	if (promotion->benefit == NULL)
	{
		printf("Bail out! %s: %s\n", benefit, error.message);
		exit(1);
	}
	promotion->class = commerce_natural_class(promotion->benefit);
	shop->purses[i] = (PromotionPurse){INT64_MAX, INT64_MAX, INT64_MAX, false, false};
	return promotion;
}

/* Reads lines as they stand in a test. */
static inline void
read_lines(Shop *shop, const char *text)
{
	char *copy = strcpy(allocate(NULL, strlen(text) + 1), text);
	char *rest;

	for (char *line = strtok_r(copy, ",", &rest); line; line = strtok_r(NULL, ",", &rest))
	{
		char *words;
		char *sku = strtok_r(line, " ", &words);
		int64_t quantity = atoll(strtok_r(NULL, " ", &words));
		char *price = strtok_r(NULL, " ", &words);
		int i = shop->cart.line_count;

		add_line(shop, sku, quantity, atoll(price), strchr(price, '/') ? atoi(strchr(price, '/') + 1) : 1);
		shop->facts[i].tags = shop->tags[i];
		for (char *word = strtok_r(NULL, " ", &words); word; word = strtok_r(NULL, " ", &words))
			switch (word[0])
			{
				case 's': shop->facts[i].on_sale = true; break;
				case 'n': shop->lines[i].discountable = false; break;
				case 'f': shop->lines[i].floor = atoll(word + 1); break;
				case 'd': shop->lines[i].discount = atoll(word + 1); break;
				case 't': shop->tags[i][shop->facts[i].tag_count++] = word + 1; break;
			}
	}
}

/* Orders promotions as they are applied. */
static inline int
by_order(const void *a, const void *b)
{
	return commerce_promotion_order(a, b);
}

/* Puts promotions in order, makes all of them candidates, and points the request at the shop. */
static inline void
prepare(Shop *shop)
{
	PromotionPurse purses[MAX_PROMOTIONS];
	int64_t subtotal = 0;

	for (int i = 0; i < shop->cart.line_count; i++)
		subtotal += shop->facts[i].subtotal;
	shop->cart.subtotal = subtotal;
	shop->cart.lines = shop->facts;
	for (int i = 0; i < shop->cart.line_count; i++)
		shop->facts[i].tags = shop->tags[i];
	memcpy(purses, shop->purses, sizeof(purses));
	qsort(shop->promotions, (size_t) shop->count, sizeof(Promotion), by_order);
	for (int i = 0; i < shop->count; i++)
	{
		shop->purses[i] = purses[shop->promotions[i].id[15]];
		shop->candidates[i] = i;
	}
	shop->request.promotions = shop->promotions;
	shop->request.candidates = shop->candidates;
	shop->request.candidate_count = shop->count;
	shop->request.opened = shop->opened;
	shop->request.purses = shop->purses;
	shop->request.cart = &shop->cart;
	shop->request.lines = shop->lines;
	shop->request.shipping = shop->cart.shipping > 0 ? &shop->shipping : NULL;
	shop->outcome.findings = shop->findings;
}

/* Prepares and applies. */
static inline void
promote(Shop *shop)
{
	prepare(shop);
	commerce_promote(&shop->request, &shop->outcome);
}

/* Returns what was taken from a line by one finding, or by all where that is -1. */
static inline int64_t
taken(const Shop *shop, int finding, int line)
{
	int64_t sum = 0;

	for (int t = 0; t < shop->outcome.take_count; t++)
		if (shop->outcome.takes[t].line == line && (finding < 0 || shop->outcome.takes[t].finding == finding))
			sum += shop->outcome.takes[t].minor;
	return sum;
}

/* Writes what was taken from each line and from shipping, and how many of what were given: "600 0 | 500 + 1 MUG". */
static inline char *
outcome_text(const Shop *shop)
{
	char *text = allocate(NULL, 400);
	char *end = text;

	*text = '\0';
	for (int i = 0; i < shop->cart.line_count; i++)
		end += sprintf(end, "%s%lld", i > 0 ? " " : "", (long long) taken(shop, -1, i));
	if (shop->request.shipping)
		end += sprintf(end, " | %lld", (long long) taken(shop, -1, shop->cart.line_count));
	for (int g = 0; g < shop->outcome.gift_count; g++)
		end += sprintf(end, " + %lld %s", (long long) shop->outcome.gifts[g].quantity,
					   shop->outcome.gifts[g].sku);
	return text;
}

/* Shows a shop, so that a failure can be understood. */
static inline void
show_shop(const Shop *shop)
{
	const PromotionRequest *request = &shop->request;

	printf("# rounding %d remainder %d original %d dearest %d partial %d rest %d priority_first %d shipping "
		   "%lld\n",
		   request->rounding, request->remainder, request->percent_of_original, request->dearest_pool,
		   request->partial_get, request->budget_rest, request->priority_first,
		   (long long) shop->cart.shipping);
	for (int i = 0; i < shop->cart.line_count; i++)
	{
		const RuleLine *facts = &shop->facts[i];
		const PromotionLine *line = &shop->lines[i];

		printf("# line %s %lld %lld/%d subtotal %lld%s%s floor %lld discount %lld tags", facts->sku,
			   (long long) facts->quantity, (long long) facts->unit_price, line->per_quantity,
			   (long long) facts->subtotal, facts->on_sale ? " on_sale" : "",
			   line->discountable ? "" : " undiscountable", (long long) line->floor,
			   (long long) line->discount);
		for (int t = 0; t < facts->tag_count; t++)
			printf(" %s", facts->tags[t]);
		printf("\n");
	}
	for (int i = 0; i < shop->count; i++)
	{
		const Promotion *promotion = &shop->promotions[i];

		printf(
			"# %d class %d lane %d priority %d exclusivity %d %s combines %x sale %d base %d%s%s%s%s: %s\n",
			i, promotion->class, promotion->lane, promotion->priority, promotion->exclusivity,
			promotion->group ? promotion->group : "-", promotion->combines, promotion->sale_items,
			promotion->percent_base, promotion->stop_line ? " stop_line" : "",
			promotion->stop_all ? " stop_all" : "", promotion->running ? " running" : "",
			promotion->needs_code ? " code" : "", commerce_benefit_print(promotion->benefit, &memory));
		printf("#   uses %lld spend %lld refused beyond %lld\n", (long long) shop->purses[i].uses,
			   (long long) shop->purses[i].spend, (long long) shop->purses[i].refused_beyond);
		for (int t = 0; t < promotion->tags.count; t++)
			printf("#   tag %s\n", promotion->tags.texts[t]);
		for (int t = 0; t < promotion->stacks_with.count; t++)
			printf("#   stacks with %s\n", promotion->stacks_with.texts[t]);
		if (promotion->condition)
			printf("#   if %s\n", commerce_condition_print(promotion->condition, &memory));
		printf("#   %s %lld:", commerce_verdict_code(shop->findings[i].verdict),
			   (long long) shop->findings[i].minor);
		for (int line = 0; line <= shop->cart.line_count; line++)
			printf(" %lld", (long long) taken(shop, i, line));
		printf("\n");
	}
}

#endif
