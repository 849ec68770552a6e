/*
 * rule.c: a libFuzzer target for the language of rules.
 *
 *     make src/rule/rule_gram.c src/rule/rule_scan.c
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Isrc -o tmp/fuzz-rule test/fuzz/rule.c \
 *         $(sed -n 's,^// sources: ,,p' test/unit/rule.c)
 *     mkdir -p tmp/corpus && tmp/fuzz-rule -dict=test/fuzz/rule.dict -max_total_time=60 -max_len=512 tmp/corpus
 *
 * What is read prints to a text that reads back and prints the same; what is refused has a place inside the text; what
 * holds for a cart finds there what it needs.
 * test/unit/rule_trees.c holds mutated texts to the same without a fuzzer.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "rule/need.h"
#include "rule/rule.h"

/* Memory that is freed all at once. */
typedef struct Block
{
	struct Block *next;
	max_align_t data[];
} Block;

static Block *blocks;

/* Allocates a block of its own, so that the sanitizer sees each overrun. */
static void *
allocate(void *context, unsigned long size)
{
	Block *block = malloc(sizeof(Block) + size);

	(void) context;
	if (block == NULL)
		abort();
	block->next = blocks;
	blocks = block;
	return block->data;
}

static const RuleMemory memory = {allocate, NULL};

/* Ends the run where a promise is broken. */
static void
require(int fine)
{
	if (!fine)
		abort();
}

/* Checks a refusal: the place lies inside the text, or right behind it, and the message says something. */
static void
check_error(const RuleError *error, const char *text)
{
	require(error->position >= 1 && (size_t) error->position <= strlen(text) + 1);
	require(error->message[0] != '\0');
}

/* A search for any of the keys that a rule needs. */
typedef struct Search
{
	RuleNeed need;
	int met;
} Search;

/* Compares a key of the cart with those. */
static void
meet(RuleKeyKind kind, const char *text, int length, void *context)
{
	Search *search = context;

	for (int i = 0; i < search->need.count; i++)
		if (search->need.keys[i].kind == kind && strlen(search->need.keys[i].text) == (size_t) length &&
			memcmp(search->need.keys[i].text, text, (size_t) length) == 0)
			search->met = 1;
}

/* Checks that a condition that holds for the cart has what it needs there. */
static void
check_need(const RuleNode *condition, const RuleCart *cart)
{
	Search search = {{NULL, 0, KEY_CODE}, 0};

	if (!commerce_condition_holds(condition, cart) ||
		!commerce_condition_need(condition, &memory, &search.need))
		return;
	commerce_cart_keys(cart, meet, &search);
	require(search.met);
}

/* Reads a text as a condition and evaluates it. */
static void
check_condition(const char *text)
{
	static const char *tags[] = {"socks"};
	static const char *const codes[] = {"SUMMER"};
	static const RuleLine lines[] = {
		{.sku = "A", .category = "a.b", .tags = tags, .tag_count = 1, .quantity = 3, .unit_price = 1},
		{.on_sale = true, .quantity = INT64_MAX, .subtotal = INT64_MAX},
		{.quantity = INT64_MAX, .subtotal = INT64_MIN},
	};
	static const RuleClock clock = {"18:05", "2026-11-25", "wed"};
	static const RuleCart cart = {.currency = 978,
								  .subtotal = 100,
								  .lines = lines,
								  .line_count = 3,
								  .codes = codes,
								  .code_count = 1,
								  .customer_orders = 2,
								  .currency_code = "EUR",
								  .clock = &clock};
	RuleError error;
	RuleNode *condition = commerce_condition_parse(text, &memory, &error);
	char *printed;

	if (condition == NULL)
	{
		check_error(&error, text);
		return;
	}
	check_need(condition, &cart);
	(void) commerce_line_matches(condition, &cart, &lines[0]);
	printed = commerce_condition_print(condition, &memory);
	if (strlen(printed) > RULE_MAX_TEXT)
		return;
	condition = commerce_condition_parse(printed, &memory, &error);
	require(condition != NULL && strcmp(commerce_condition_print(condition, &memory), printed) == 0);
}

/* Reads a text as a benefit. */
static void
check_benefit(const char *text)
{
	RuleError error;
	Benefit *benefit = commerce_benefit_parse(text, &memory, &error);
	char *printed;

	if (benefit == NULL)
	{
		check_error(&error, text);
		return;
	}
	printed = commerce_benefit_print(benefit, &memory);
	if (strlen(printed) > RULE_MAX_TEXT)
		return;
	benefit = commerce_benefit_parse(printed, &memory, &error);
	require(benefit != NULL && strcmp(commerce_benefit_print(benefit, &memory), printed) == 0);
}

/* Runs one input, as text up to its first zero byte. */
int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char *text = malloc(size + 1);

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	check_condition(text);
	check_benefit(text);
	while (blocks)
	{
		Block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
	free(text);
	return 0;
}
