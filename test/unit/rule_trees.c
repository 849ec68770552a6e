// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c src/money/currency.c
/*
 * rule_trees.c: two properties over random input. Printing a random tree and reading it back gives an equal tree; a
 * mutated text is either refused with a place inside it, or prints to a text that reads back the same.
 */
#include "rule_random.h"

/* A cart to evaluate on; what comes out is not looked at here. */
static const RuleLine lines[] = {{.sku = "A", .category = "a.b", .quantity = 3, .unit_price = 1},
								 {.on_sale = true}};
static const RuleCart cart = {.currency = 978, .subtotal = 100, .lines = lines, .line_count = 2};

/* Prints random trees and reads them back. */
static void
test_round_trip(void)
{
	RuleError error;
	int wrong = 0;

	for (int i = 0; i < rounds_of(20000); i++)
	{
		RuleNode *tree = random_tree(1 + (int) random_below(6), false);
		char *text = commerce_condition_print(tree, &memory);
		RuleNode *again = commerce_condition_parse(text, &memory, &error);

		if (strlen(text) <= RULE_MAX_TEXT && (again == NULL || !equal(tree, again)) && wrong++ < 5)
			printf("# %s\n# %s\n", text, again ? commerce_condition_print(again, &memory) : error.message);
		if (again)
			(void) commerce_condition_holds(again, &cart);
		free_all();
	}
	ok(wrong == 0, "random trees read back as they were printed");
}

/* Texts to mutate. */
static const char *const seeds[] = {
	"subtotal >= 100.5 EUR and not (quantity(category <@ 'a.b' or on_sale) > 2.5)",
	"code in ('summer', 'it''s') or attributes.size.eu-1 <> -4.50 and customer.group = 'vip'",
	"lines(tag not in ('a', 'b') and brand is not null) = 1 or (true and not false)",
	"weekday in ('mon', 'tue') and time >= '18:00' and not date = '2026-11-27' or customer.orders = 0",
	"20.5% off lines where category <@ 'a' and not on_sale, at most 5 EUR or 6 USD",
	"0.5 EUR off units where price < 5 USD or attributes.soft, in groups of 2, at most 3 units, dearest "
	"first",
	"free shipping where lines() > 1; 10% off first unit and 1 EUR off others, at most 2 units of each line",
	"tiers by line quantity graduated: 1 -> 5%, 3 -> price 4 EUR on units where tag = 'a', at most 5 EUR",
	"buy 2 where sku = 'A' + 1 get up to 2 where tag = 'b' at 50% off, at most 3 times, in cart order",
	"3 for 20 EUR or 25 USD; bundle 1 where sku = 'A' + 2 where sku = 'B' free; gift 1 'MUG' for every 2",
};

/* Reads a text as both languages; false where a promise is broken. */
static bool
survives(const char *text)
{
	RuleError error;
	RuleNode *node = commerce_condition_parse(text, &memory, &error);
	Benefit *benefit;
	bool fine = true;
	char *printed;

	if (node == NULL)
		fine = error.position >= 1 && error.position <= (int) strlen(text) + 1 && error.message[0];
	else
	{
		printed = commerce_condition_print(node, &memory);
		(void) commerce_condition_holds(node, &cart);
		if (strlen(printed) <= RULE_MAX_TEXT)
			fine = equal(node, commerce_condition_parse(printed, &memory, &error));
	}
	benefit = commerce_benefit_parse(text, &memory, &error);
	if (benefit == NULL)
		fine = fine && error.position >= 1 && error.position <= (int) strlen(text) + 1 && error.message[0];
	else
	{
		printed = commerce_benefit_print(benefit, &memory);
		if (strlen(printed) <= RULE_MAX_TEXT)
		{
			benefit = commerce_benefit_parse(printed, &memory, &error);
			fine = fine && benefit && strcmp(printed, commerce_benefit_print(benefit, &memory)) == 0;
		}
	}
	free_all();
	return fine;
}

/* Mutates texts and reads what comes out. */
static void
test_mutations(void)
{
	int broken = 0;

	for (int i = 0; i < rounds_of(50000); i++)
	{
		char text[200];
		size_t length;

		snprintf(text, sizeof(text), "%s", seeds[random_below(sizeof(seeds) / sizeof(seeds[0]))]);
		length = strlen(text);
		for (unsigned edits = 1 + random_below(4); edits > 0 && length > 1; edits--)
		{
			size_t at = random_below((unsigned) length);

			switch (random_below(4))
			{
				case 0: text[at] = (char) (1 + random_below(255)); break;
				case 1:
					memmove(text + at, text + at + 1, length - at);
					length--;
					break;
				case 2: text[at] = "'()<>=@%.-, 0a"[random_below(14)]; break;
				default:
					text[at] = '\0';
					length = at;
					break;
			}
		}
		if (!survives(text) && broken++ < 5)
			printf("# %s\n", text);
	}
	ok(broken == 0, "mutated texts are refused with a place or read back");
}

/* Runs all of it. */
int
main(void)
{
	test_round_trip();
	test_mutations();
	return finish();
}
