// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/parse.c src/rule/print.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c src/money/currency.c
/*
 * rule.c: the language of rules, outside the server.
 *
 * Three oracles: a table of texts with their canonical form or error, a table of conditions with the answer a person
 * gives, and two properties over random input: printing a random tree and reading it back gives an equal tree, and
 * a mutated text is either refused with a place inside it or printed so that it reads back the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/tree.h"

static int tests;
static int failures;

/* Reports one test as TAP does. */
static void
ok(bool passed, const char *name)
{
	tests++;
	failures += !passed;
	printf("%sok %d - %s\n", passed ? "" : "not ", tests, name);
}

/* Memory that is freed all at once. */
typedef struct Block
{
	struct Block *next;
	max_align_t data[];
} Block;

static Block *blocks;

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

static void
free_all(void)
{
	while (blocks)
	{
		Block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
}

/* A generator of its own, so that a seed means the same everywhere. */
static uint64_t state = 20260101;

static unsigned
random_below(unsigned limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned) ((state >> 11) % limit);
}

/* ------------------------------------------------------------------ texts */

static const char *const canonical[][2] = {
	{"subtotal>=100 eur", "subtotal >= 100 EUR"},
	{"subtotal >= 100.00 EUR", "subtotal >= 100 EUR"},
	{"subtotal >= 100.5 EUR", "subtotal >= 100.50 EUR"},
	{"shipping = 0.05 KWD", "shipping = 0.050 KWD"},
	{"shipping < -0.5 EUR", "shipping < -0.50 EUR"},
	{"price = 9007199254740991 JPY", "price = 9007199254740991 JPY"},
	{"price = 90071992547409.91 EUR", "price = 90071992547409.91 EUR"},
	{"quantity = 007.500", "quantity = 7.5"},
	{"quantity = -0", "quantity = 0"},
	{"quantity = 0.000", "quantity = 0"},
	{"quantity = 100", "quantity = 100"},
	{"quantity = 0.05", "quantity = 0.05"},
	{"Sku = 'a''b' AND Not ON_SALE", "sku = 'a''b' and not on_sale"},
	{"sku = ''", "sku = ''"},
	{"code in ('summer', 'Winter')", "code in ('SUMMER', 'WINTER')"},
	{"sku not in ('A')", "sku not in ('A')"},
	{"not sku in ('A')", "not sku in ('A')"},
	{"((true) and (false and true)) or (((on_sale or false)))",
	 "true and false and true or on_sale or false"},
	{"not (true and false)", "not (true and false)"},
	{"not (true or false)", "not (true or false)"},
	{"not not (true)", "not not true"},
	{"(true or false) and on_sale", "(true or false) and on_sale"},
	{"quantity( category<@'a.b' )>2", "quantity(category <@ 'a.b') > 2"},
	{"lines(true or on_sale) = 1", "lines(true or on_sale) = 1"},
	{"subtotal() > 1 EUR", "subtotal() > 1 EUR"},
	{"subtotal(subtotal > 2 EUR) > 1 EUR and subtotal > 3 EUR",
	 "subtotal(subtotal > 2 EUR) > 1 EUR and subtotal > 3 EUR"},
	{"attributes.Size.eu-42 >= 41.5 or attributes.soft", "attributes.Size.eu-42 >= 41.5 or attributes.soft"},
	{"attributes.x = true and attributes.x <> 'y'", "attributes.x = true and attributes.x <> 'y'"},
	{"attributes.x in (1, 'a', false)", "attributes.x in (1, 'a', false)"},
	{"brand is null and tag IS NOT NULL", "brand is null and tag is not null"},
	{"customer.group='vip'\n\tand shipping.method='dhl'",
	 "customer.group = 'vip' and shipping.method = 'dhl'"},
};

static const struct
{
	const char *text;
	int position;
	const char *message;
} refused[] = {
	{"", 1, "expected \"not\", \"true\", \"false\", an attribute or \"(\", found the end"},
	{"subtotal >= 'abc'", 13, "expected an amount of money such as 100 EUR, found 'abc'"},
	{"subtotal >= 100", 13, "expected an amount of money such as 100 EUR, found \"100\""},
	{"subtotal >= 100 XXY", 17, "expected a currency such as EUR, found \"XXY\""},
	{"subtotal >= 0.001 EUR", 13, "expected at most 2 decimals for EUR, found \"0.001 EUR\""},
	{"subtotal >= 90071992547409.92 EUR", 13,
	 "expected an amount of at most 9007199254740991 minor units, found \"90071992547409.92 EUR\""},
	{"quantity > 1234567890123456", 12, "expected a number of at most 15 digits, found \"1234567890123456\""},
	{"quantity > 1234567890123456789", 12,
	 "expected a number of at most 15 digits, found \"1234567890123456789\""},
	{"quantity > '2'", 12, "expected a number, found '2'"},
	{"sku = 2", 7, "expected text in single quotes, found \"2\""},
	{"sku < 'A'", 5, "expected =, <> or in, found \"<\""},
	{"on_sale = 'yes'", 11, "expected true or false, found 'yes'"},
	{"on_sale > true", 9, "expected = or <>, found \">\""},
	{"attributes.x = 5 EUR", 16, "expected text in single quotes, a number, true or false, found \"5 EUR\""},
	{"attributes.x < 'a'", 14, "expected =, <> or in, found \"<\""},
	{"sku in ('A', 2)", 14, "expected text in single quotes, found \"2\""},
	{"color = 'red'", 1, "expected an attribute such as subtotal, sku or customer.group, found \"color\""},
	{"sku", 1, "expected a comparison such as sku = '...', found \"sku\""},
	{"quantity()", 1, "expected a comparison such as quantity() >= 2, found \"quantity()\""},
	{"sku <@ 'a'", 5, "<@ compares a category: category <@ 'clothing.shoes'"},
	{"category <@ 'a..b'", 13, "expected a category such as 'clothing.shoes', found 'a..b'"},
	{"category <@ ''", 13, "expected a category such as 'clothing.shoes', found ''"},
	{"quantity is null", 10, "quantity is never null"},
	{"sku(true) = 1", 1, "expected quantity, subtotal or lines before a parenthesis, found \"sku\""},
	{"lines(quantity() > 1) > 1", 7,
	 "quantity(...) counts over the cart and cannot stand in a condition on a line"},
	{"sku = 'A' sku", 11, "expected the end, \"or\" or \"and\", found \"sku\""},
	{"sku = 'A", 7, "text in quotes has no closing quote"},
	{"sku = 'A' and", 14, "expected \"not\", \"true\", \"false\", an attribute or \"(\", found the end"},
	{"(sku = 'A'", 11, "expected \"or\", \"and\" or \")\", found the end"},
	{"sku = 'A')", 10, "expected the end, \"or\" or \"and\", found \")\""},
	{"sku = \"A\"", 7, "expected a word, a number or text in single quotes, found \"\"\""},
	{"sku = 'äöü' !", 13, "expected a word, a number or text in single quotes, found \"!\""},
	{"sku == 'A'", 6, "expected \"true\", \"false\", text in single quotes, a number or \"-\", found \"=\""},
	{"20% off order", 1, "expected \"not\", \"true\", \"false\", an attribute or \"(\", found \"20\""},
};

static const char *const benefits[][2] = {
	{"20% off lines", "20% off lines"},
	{"20.50 % OFF Lines WHERE category<@'a' and not on_sale",
	 "20.5% off lines where category <@ 'a' and not on_sale"},
	{"0.000001% off order", "0.000001% off order"},
	{"15% off order where tag = 'x'", "15% off order where tag = 'x'"},
	{"100% off shipping", "free shipping"},
	{"Free Shipping", "free shipping"},
	{"50% off shipping", "50% off shipping"},
	{"10 eur off order", "10 EUR off order"},
	{"10 EUR off lines where subtotal > 5 EUR", "10 EUR off lines where subtotal > 5 EUR"},
	{"0.5 EUR off units where customer.group = 'vip'", "0.50 EUR off units where customer.group = 'vip'"},
	{"3 EUR off shipping", "3 EUR off shipping"},
};

static const char *const refused_benefits[][2] = {
	{"0% off lines", "expected a percentage above 0 and at most 100, found \"0\""},
	{"100.000001% off lines", "expected a percentage above 0 and at most 100, found \"100.000001\""},
	{"1.0000001% off lines", "expected a percentage with at most 6 decimals, found \"1.0000001\""},
	{"0 EUR off order", "expected an amount above zero, found \"0 EUR\""},
	{"-5 EUR off order", "expected \"free\" or a number, found \"-\""},
	{"20 off lines", "expected a currency such as EUR or \"%\", found \"off\""},
	{"20% off units", "expected \"order\", \"lines\" or \"shipping\", found \"units\""},
	{"free", "expected \"shipping\", found the end"},
	{"free shipping where on_sale", "expected the end, found \"where\""},
	{"20% off lines where lines() > 1",
	 "lines(...) counts over the cart and cannot stand in a condition on a line"},
	{"sku = 'A'", "expected \"free\" or a number, found \"sku\""},
};

/* Compares what happened with what should have, and shows both where they differ. */
static void
same(const char *got, const char *wanted, const char *name)
{
	ok(strcmp(got, wanted) == 0, name);
	if (strcmp(got, wanted) != 0)
		printf("# wanted: %s\n# got:    %s\n", wanted, got);
}

static void
test_texts(void)
{
	RuleError error;

	for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++)
	{
		RuleNode *node = commerce_condition_parse(canonical[i][0], &memory, &error);

		same(node ? commerce_condition_print(node, &memory) : error.message, canonical[i][1],
			 canonical[i][0]);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		bool none = commerce_condition_parse(refused[i].text, &memory, &error) == NULL;

		same(none ? error.message : "accepted", refused[i].message, refused[i].text);
		ok(none && error.position == refused[i].position, "its position");
		if (none && error.position != refused[i].position)
			printf("# wanted: %d\n# got:    %d\n", refused[i].position, error.position);
	}
	for (size_t i = 0; i < sizeof(benefits) / sizeof(benefits[0]); i++)
	{
		Benefit *benefit = commerce_benefit_parse(benefits[i][0], &memory, &error);

		same(benefit ? commerce_benefit_print(benefit, &memory) : error.message, benefits[i][1],
			 benefits[i][0]);
	}
	for (size_t i = 0; i < sizeof(refused_benefits) / sizeof(refused_benefits[0]); i++)
	{
		bool none = commerce_benefit_parse(refused_benefits[i][0], &memory, &error) == NULL;

		same(none ? error.message : "accepted", refused_benefits[i][1], refused_benefits[i][0]);
	}
	free_all();
}

/* ------------------------------------------------------------- evaluation */

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
static const RuleCart cart = {.currency = 978,
							  .subtotal = 4000,
							  .shipping = 500,
							  .lines = lines,
							  .line_count = 2,
							  .channel = "web",
							  .customer_group = "vip",
							  .codes = codes,
							  .code_count = 1,
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
	{"true and false", false},
	{"true or false", true},
	{"not false", true},
};

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
	benefit =
		commerce_benefit_parse("1% off lines where subtotal > 10 EUR and channel = 'web'", &memory, &error);
	ok(benefit && commerce_line_matches(benefit->where, &cart, &lines[0]), "the first line matches");
	ok(benefit && !commerce_line_matches(benefit->where, &cart, &lines[1]), "the second line does not");
	ok(benefit && benefit->percent == PERCENT_SCALE, "one percent");
	free_all();
}

/* ---------------------------------------------------------- random trees */

static const char *
random_text(void)
{
	static const char *const texts[] = {"", "A", "it's", "''", "ÄÖ €", "a b\nc", "and", "x'y'z", "%", "\\"};

	return texts[random_below(sizeof(texts) / sizeof(texts[0]))];
}

static RuleLiteral *
random_literal(RuleAttribute attribute)
{
	static const int currencies[] = {978, 840, 392, 414};
	static const char *const upper[] = {"SUMMER", "", "X'1"};
	static const char *const paths[] = {"a", "a.b_c", "x.1-2.Y"};
	RuleLiteral *literal = allocate(NULL, sizeof(RuleLiteral));

	memset(literal, 0, sizeof(RuleLiteral));
	literal->type = commerce_rule_attribute(attribute)->type;
	if (literal->type == RULE_ANY)
		literal->type = (RuleType) (RULE_NUMBER + random_below(3));
	literal->minor = (int64_t) random_below(2000000) * (random_below(3) ? 1 : 100) - 1000000;
	if (random_below(20) == 0)
		literal->minor = random_below(2) ? INT64_C(9007199254740991) : -INT64_C(9007199254740991);
	literal->currency = currencies[random_below(4)];
	literal->number.coefficient = (int64_t) random_below(100000) - 50000;
	literal->number.scale = literal->number.coefficient % 10 ? (int) random_below(15) : 0;
	literal->text = random_text();
	if (attribute == ATTRIBUTE_CODE)
		literal->text = upper[random_below(3)];
	if (attribute == ATTRIBUTE_CATEGORY)
		literal->text = paths[random_below(3)];
	literal->truth = random_below(2);
	return literal;
}

static RuleNode *random_tree(int depth, bool line_scope);

static RuleNode *
random_test(int depth, bool line_scope)
{
	RuleNode *node = allocate(NULL, sizeof(RuleNode));
	RuleAttribute attribute = (RuleAttribute) random_below(ATTRIBUTE_COUNT);
	const RuleAttributeInfo *info = commerce_rule_attribute(attribute);
	unsigned choice = random_below(5);

	while ((line_scope && (info->scope == SCOPE_AGGREGATE || attribute == ATTRIBUTE_CART_SUBTOTAL)) ||
		   (!line_scope && attribute == ATTRIBUTE_LINE_SUBTOTAL))
	{
		attribute = (RuleAttribute) random_below(ATTRIBUTE_COUNT);
		info = commerce_rule_attribute(attribute);
	}
	memset(node, 0, sizeof(RuleNode));
	node->operand.attribute = attribute;
	if (attribute == ATTRIBUTE_OWN)
		node->operand.path = random_below(2) ? "size" : "Shoe.eu-42";
	if (info->scope == SCOPE_AGGREGATE && random_below(3))
		node->operand.where = random_tree(depth - 1, true);
	node->literals = random_literal(attribute);
	node->kind = RULE_COMPARE;
	node->op = (RuleOperator) random_below(node->literals->type <= RULE_NUMBER ? 6 : 2);
	if (choice == 0)
	{
		node->kind = RULE_MEMBER;
		node->op = OPERATOR_EQ;
		node->negated = random_below(2);
		for (RuleLiteral *last = node->literals; random_below(3); last = last->next)
			last->next = random_literal(attribute);
	}
	else if (choice == 1 && attribute == ATTRIBUTE_CATEGORY)
	{
		node->kind = RULE_BELOW;
		node->op = OPERATOR_EQ;
	}
	else if (choice == 2 && info->nullable)
	{
		node->kind = RULE_IS_ABSENT;
		node->op = OPERATOR_EQ;
		node->literals = NULL;
		node->negated = random_below(2);
	}
	else if (choice == 3 && (info->type == RULE_BOOL || info->type == RULE_ANY))
	{
		node->kind = RULE_TRUTH;
		node->op = OPERATOR_EQ;
		node->literals = NULL;
	}
	return node;
}

static RuleNode *
random_tree(int depth, bool line_scope)
{
	RuleNode *node;
	unsigned kind = random_below(5);

	if (depth <= 1 || kind == 4)
	{
		if (random_below(8))
			return random_test(depth, line_scope);
		node = allocate(NULL, sizeof(RuleNode));
		memset(node, 0, sizeof(RuleNode));
		node->kind = RULE_CONSTANT;
		node->truth = random_below(2);
		return node;
	}
	node = allocate(NULL, sizeof(RuleNode));
	memset(node, 0, sizeof(RuleNode));
	node->kind = kind == 0 ? RULE_NOT : kind < 3 ? RULE_AND : RULE_OR;
	for (unsigned i = 0, count = node->kind == RULE_NOT ? 1 : 2 + random_below(3); i < count; i++)
	{
		RuleNode *child;

		do
			child = random_tree(depth - 1, line_scope);
		while (child->kind == node->kind && node->kind != RULE_NOT);
		if (node->last)
			node->last->next = child;
		else
			node->first = child;
		node->last = child;
	}
	return node;
}

static bool
equal_literals(const RuleLiteral *left, const RuleLiteral *right)
{
	for (; left && right; left = left->next, right = right->next)
	{
		if (left->type != right->type)
			return false;
		if (left->type == RULE_MONEY && (left->minor != right->minor || left->currency != right->currency))
			return false;
		if (left->type == RULE_NUMBER && (left->number.coefficient != right->number.coefficient ||
										  left->number.scale != right->number.scale))
			return false;
		if (left->type == RULE_TEXT && strcmp(left->text, right->text) != 0)
			return false;
		if (left->type == RULE_BOOL && left->truth != right->truth)
			return false;
	}
	return left == right;
}

static bool
equal(const RuleNode *left, const RuleNode *right)
{
	const char *left_path = left && left->operand.path ? left->operand.path : "";
	const char *right_path = right && right->operand.path ? right->operand.path : "";
	const RuleNode *l;
	const RuleNode *r;

	if (left == NULL || right == NULL)
		return left == right;
	if (left->kind != right->kind || left->truth != right->truth || left->negated != right->negated ||
		left->op != right->op || left->operand.attribute != right->operand.attribute ||
		strcmp(left_path, right_path) != 0 || !equal(left->operand.where, right->operand.where) ||
		!equal_literals(left->literals, right->literals))
		return false;
	for (l = left->first, r = right->first; l && r; l = l->next, r = r->next)
		if (!equal(l, r))
			return false;
	return l == r;
}

static void
test_round_trip(void)
{
	RuleError error;
	int wrong = 0;
	int benefits_wrong = 0;

	for (int i = 0; i < 20000; i++)
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
	ok(wrong == 0, "20000 random trees read back as they were printed");
	for (int i = 0; i < 5000; i++)
	{
		Benefit benefit = {.kind = (BenefitKind) random_below(2), .target = (BenefitTarget) random_below(4)};
		Benefit *again;
		char *text;

		if (benefit.kind == BENEFIT_PERCENT)
		{
			benefit.percent = 1 + random_below(100 * PERCENT_SCALE);
			if (benefit.target == BENEFIT_UNITS)
				benefit.target = BENEFIT_LINES;
		}
		else
		{
			benefit.minor = 1 + random_below(1000000);
			benefit.currency = 978;
		}
		if (benefit.target != BENEFIT_SHIPPING && random_below(2))
			benefit.where = random_tree(3, true);
		text = commerce_benefit_print(&benefit, &memory);
		again = commerce_benefit_parse(text, &memory, &error);
		if ((again == NULL || again->kind != benefit.kind || again->target != benefit.target ||
			 again->percent != benefit.percent || again->minor != benefit.minor ||
			 again->currency != benefit.currency || !equal(again->where, benefit.where)) &&
			benefits_wrong++ < 5)
			printf("# %s\n# %s\n", text, again ? commerce_benefit_print(again, &memory) : error.message);
		free_all();
	}
	ok(benefits_wrong == 0, "5000 random benefits read back as they were printed");
}

/* -------------------------------------------------------------- mutations */

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
	if (benefit)
	{
		printed = commerce_benefit_print(benefit, &memory);
		fine = fine && strcmp(printed, commerce_benefit_print(
										   commerce_benefit_parse(printed, &memory, &error), &memory)) == 0;
	}
	free_all();
	return fine;
}

static void
test_mutations(void)
{
	int broken = 0;

	for (int i = 0; i < 50000; i++)
	{
		size_t conditions = sizeof(canonical) / sizeof(canonical[0]);
		size_t pick = random_below((unsigned) (conditions + sizeof(benefits) / sizeof(benefits[0])));
		char text[200];
		size_t length;

		snprintf(text, sizeof(text), "%s",
				 pick < conditions ? canonical[pick][0] : benefits[pick - conditions][0]);
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
	ok(broken == 0, "50000 mutated texts are refused with a place or read back");
}

/* ----------------------------------------------------------------- limits */

static char *
repeat(const char *before, int count, const char *middle, const char *after)
{
	size_t size = (strlen(before) + strlen(after)) * (size_t) count + strlen(middle) + 1;
	char *text = allocate(NULL, size);
	char *end = text;

	for (int i = 0; i < count; i++)
		end = stpcpy(end, before);
	end = stpcpy(end, middle);
	for (int i = 0; i < count; i++)
		end = stpcpy(end, after);
	return text;
}

static const char *
refusal(const char *text)
{
	static RuleError error;

	return commerce_condition_parse(text, &memory, &error) ? "accepted" : error.message;
}

static void
test_limits(void)
{
	const char *deep = "nested more than 100 levels deep";

	same(refusal(repeat("(", 100, "true", ")")), "accepted", "100 parentheses");
	same(refusal(repeat("(", 101, "true", ")")), deep, "101 parentheses");
	same(refusal(repeat("(", 60000, "true", "")), deep, "60000 parentheses");
	same(refusal(repeat("not ", 99, "true", "")), "accepted", "99 nots");
	same(refusal(repeat("not ", 100, "true", "")), deep, "100 nots over a test");
	same(refusal(repeat("not ", 16000, "true", "")), deep, "16000 nots");
	same(refusal(repeat("true and (false or ", 49, "true", ")")), "accepted", "98 levels of and and or");
	same(refusal(repeat("true and (false or ", 50, "true", ")")), deep, "100 levels over a test");
	same(refusal(repeat("true or true and not (", 100, "true", ")")), deep, "100 levels of everything");
	same(refusal(repeat("true or ", 8000, "true", "")), "accepted", "8000 alternatives are one level");
	same(refusal(repeat("", 0, repeat(" ", 65532, "true", ""), "")), "accepted", "64 KiB");
	same(refusal(repeat(" ", 65533, "true", "")), "longer than 64 KiB", "one byte more");
	same(refusal(repeat("'", 65536, "", "")),
		 "expected \"not\", \"true\", \"false\", an attribute or \"(\", found "
		 "''''''''''''''''''''''''''''''''''''''''...",
		 "64 KiB of quotes");
	ok(strstr(refusal(repeat("sku = 'A' €", 1, "", "")), "found \"€\"") != NULL,
	   "a found character is whole");
	ok(strlen(refusal(repeat("\xc3", 60000, "", ""))) > 0, "invalid bytes are refused");
	free_all();
}

int
main(void)
{
	test_texts();
	test_answers();
	test_round_trip();
	test_mutations();
	test_limits();
	printf("1..%d\n", tests);
	return failures > 0;
}
