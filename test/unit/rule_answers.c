// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c src/money/currency.c
/*
 * rule_answers.c: the evaluator says what a person says of the same cart.
 */
#include "rule_test.h"

/* Finds one of the first line's or the customer's own attributes. */
static RuleValue
find_attribute(const void *attributes, const char *path)
{
	RuleValue value = {.kind = RULE_VALUE_ABSENT};

	(void) attributes;
	if (strcmp(path, "size") == 0)
		value = (RuleValue){.kind = RULE_VALUE_NUMBER, .number = 0.1};
	else if (strcmp(path, "colour.outer") == 0)
		value = (RuleValue){.kind = RULE_VALUE_TEXT, .text = "red"};
	else if (strcmp(path, "soft") == 0)
		value = (RuleValue){.kind = RULE_VALUE_BOOL, .truth = true};
	return value;
}

static const char *tags[] = {"socks", "wool"};
static const char *const codes[] = {"SUMMER"};
static const RuleLine lines[] = {
	{.sku = "A",
	 .brand = "Acme",
	 .category = "clothing.shoes",
	 .tags = tags,
	 .tag_count = 2,
	 .quantity = 3,
	 .unit_price = 1000,
	 .subtotal = 3000,
	 .attributes = "x"},
	{.sku = "B",
	 .category = "clothing.shoestrings",
	 .quantity = 2,
	 .unit_price = 500,
	 .subtotal = 1000,
	 .on_sale = true},
};
static const RuleClock wednesday = {"18:05", "2026-11-25", "wed"};
static const RuleCart cart = {.currency = 978,
							  .subtotal = 4000,
							  .shipping = 500,
							  .lines = lines,
							  .line_count = 2,
							  .channel = "web",
							  .customer_group = "vip",
							  .codes = codes,
							  .code_count = 1,
							  .region = "CA",
							  .currency_code = "EUR",
							  .customer_orders = 2,
							  .customer_attributes = "x",
							  .clock = &wednesday,
							  .attribute = find_attribute};
static const RuleCart empty_cart = {.currency = 978};

static const struct
{
	const char *text;
	bool holds;
} answers[] = {
	{"subtotal = 40 EUR", true},
	{"subtotal > 40 EUR", false},
	{"subtotal <= 40 EUR", true},
	{"subtotal < 100 USD", false},
	{"not subtotal < 100 USD", false},
	{"subtotal <> 40 USD", false},
	{"subtotal < 100 USD or true", true},
	{"subtotal in (40 USD, 40 EUR)", true},
	{"subtotal not in (40 USD, 41 EUR)", false},
	{"shipping = 5 EUR", true},
	{"quantity() = 5", true},
	{"quantity() > 4.999", true},
	{"quantity() = 5.5", false},
	{"lines() = 2", true},
	{"quantity(sku = 'A') = 3", true},
	{"lines(on_sale) = 1", true},
	{"subtotal(subtotal > 10 EUR) = 30 EUR", true},
	{"subtotal(not on_sale) = 30 EUR", true},
	{"quantity(brand <> 'Acme') = 0", true},
	{"quantity(brand is null) = 2", true},
	{"quantity(false) = 0", true},
	{"category <@ 'clothing'", true},
	{"lines(category <@ 'clothing.shoes') = 1", true},
	{"category <@ 'clothing.shoes.red'", false},
	{"lines(not category <@ 'clothing.shoes') = 1", true},
	{"sku = 'B'", true},
	{"sku <> 'B'", false},
	{"sku <> 'C'", true},
	{"sku in ('C', 'A')", true},
	{"sku not in ('C', 'A')", false},
	{"sku = 'A' and on_sale", true},
	{"lines(sku = 'A' and on_sale) > 0", false},
	{"tag = 'wool'", true},
	{"lines(tag <> 'wool') = 1", true},
	{"lines(tag is null) = 1", true},
	{"lines(tag is not null) = 1", true},
	{"lines(tag not in ('wool', 'x')) = 1", true},
	{"code = 'summer'", true},
	{"code <> 'summer'", false},
	{"code = 'winter'", false},
	{"code is null", false},
	{"customer is null", true},
	{"customer = 'x'", false},
	{"not customer = 'x'", false},
	{"customer <> 'x'", false},
	{"customer.group in ('vip', 'staff') and channel = 'web'", true},
	{"country not in ('DE')", false},
	{"quantity = 3", true},
	{"quantity >= 4", false},
	{"price < 6 EUR", true},
	{"on_sale", true},
	{"lines(on_sale = false) = 1", true},
	{"lines(on_sale <> true) = 1", true},
	{"attributes.size = 0.1", true},
	{"attributes.size < 0.2", true},
	{"attributes.size <> 0.1", false},
	{"attributes.size = 'x'", false},
	{"not attributes.size = 'x'", false},
	{"attributes.colour.outer = 'red'", true},
	{"attributes.soft", true},
	{"attributes.soft = false", false},
	{"attributes.hard", false},
	{"lines(attributes.soft is null) = 1", true},
	{"lines(not attributes.soft) = 0", true},
	{"weekday = 'wed'", true},
	{"weekday in ('sat', 'sun')", false},
	{"weekday not in ('sat', 'sun')", true},
	{"time >= '18:05' and time < '18:06'", true},
	{"time > '18:05'", false},
	{"time <> '18:05'", false},
	{"time in ('18:04', '18:05')", true},
	{"date >= '2026-11-25' and date <= '2026-11-25'", true},
	{"date < '2026-11-25' or date > '2026-11-25'", false},
	{"customer.orders = 2", true},
	{"customer.orders < 2.5", true},
	{"customer.orders > 2", false},
	{"customer.attributes.size = 0.1", true},
	{"customer.attributes.soft", true},
	{"customer.attributes.colour.outer in ('blue', 'red')", true},
	{"customer.attributes.hard is null", true},
	{"not customer.attributes.hard", false},
	{"region = 'CA'", true},
	{"postal_code = '10115'", false},
	{"postal_code <> '10115'", false},
	{"postal_code is null", true},
	{"currency = 'EUR'", true},
	{"currency in ('USD', 'CHF')", false},
	{"lines(currency = 'EUR' and customer.orders = 2 and weekday = 'wed') = 2", true},
	{"true and false", false},
	{"true or false", true},
	{"not false", true},
};

/* Asks everything of one cart. */
static void
test_answers(void)
{
	RuleError error;
	RuleNode *node;
	Benefit *benefit;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		node = commerce_condition_parse(answers[i].text, &memory, &error);
		ok(node && commerce_condition_holds(node, &cart) == answers[i].holds, answers[i].text);
		if (node == NULL)
			printf("# %s\n", error.message);
	}
	ok(commerce_condition_holds(NULL, &cart) && commerce_line_matches(NULL, &cart, &lines[0]),
	   "no condition holds");
	node = commerce_condition_parse("sku <> 'A' and quantity() = 0 and code is null", &memory, &error);
	ok(commerce_condition_holds(node, &empty_cart), "an empty cart has no such line");
	node = commerce_condition_parse("weekday <> 'mon' or not time < '10:00' or date in ('2026-11-25')",
									&memory, &error);
	ok(!commerce_condition_holds(node, &empty_cart), "where no time is known nothing is said of it");
	node =
		commerce_condition_parse("customer.orders = 0 and customer.attributes.size is null", &memory, &error);
	ok(commerce_condition_holds(node, &empty_cart), "a guest has placed no orders and has no attributes");
	benefit =
		commerce_benefit_parse("1% off lines where subtotal > 10 EUR and channel = 'web'", &memory, &error);
	ok(benefit && commerce_line_matches(benefit->where, &cart, &lines[0]), "the first line matches");
	ok(benefit && !commerce_line_matches(benefit->where, &cart, &lines[1]), "the second line does not");
	ok(benefit && benefit->reward.percent == PERCENT_SCALE, "one percent");
	free_all();
}

/* Runs all of it. */
static int breaths;

/* Counts how often an evaluation can be cancelled. */
static void
count_breath(void)
{
	breaths++;
}

/* One condition on many lines takes long, and can be cancelled at each of them. */
static void
test_breathing(void)
{
	static const char *const texts[] = {"lines(sku = 'A' or sku = 'X') > 5", "tag = 'none'", "not subtotal > 1 EUR"};
	static const int wanted[] = {2, 2, 0};
	RuleCart breathing = cart;
	RuleError error;

	breathing.breathe = count_breath;
	for (int i = 0; i < 3; i++)
	{
		breaths = 0;
		(void) commerce_condition_holds(commerce_condition_parse(texts[i], &memory, &error), &breathing);
		ok(breaths == wanted[i], texts[i]);
	}
	breaths = 0;
	(void) commerce_line_matches(commerce_condition_parse("sku = 'A'", &memory, &error), &breathing, &lines[0]);
	ok(breaths == 1, "a line that is matched");
	free_all();
}

int
main(void)
{
	test_answers();
	test_breathing();
	return finish();
}
