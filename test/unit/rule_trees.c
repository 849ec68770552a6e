// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/parse.c src/rule/print.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c src/money/currency.c
/*
 * rule_trees.c: two properties over random input. Printing a random tree and reading it back gives an equal tree; a
 * mutated text is either refused with a place inside it, or prints to a text that reads back the same.
 */
#include "rule_test.h"

/* A generator of its own, so that a seed means the same everywhere. */
static uint64_t state = 20260101;

/* Returns a number below the limit. */
static unsigned
random_below(unsigned limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned) ((state >> 11) % limit);
}

/* A cart to evaluate on; what comes out is not looked at here. */
static const RuleLine lines[] = {{.sku = "A", .category = "a.b", .quantity = 3, .unit_price = 1},
								 {.on_sale = true}};
static const RuleCart cart = {.currency = 978, .subtotal = 100, .lines = lines, .line_count = 2};

/* Picks a text with something awkward in it. */
static const char *
random_text(void)
{
	static const char *const texts[] = {"", "A", "it's", "''", "ÄÖ €", "a b\nc", "and", "x'y'z", "%", "\\"};

	return texts[random_below(sizeof(texts) / sizeof(texts[0]))];
}

/* Makes a literal of the type of an attribute. */
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

/* Makes a test that is right in its scope. */
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

/* Makes a canonical tree. */
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

/* Compares two lists of literals. */
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

/* Compares two trees. */
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

/* Prints random trees and benefits and reads them back. */
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

/* Texts to mutate. */
static const char *const seeds[] = {
	"subtotal >= 100.5 EUR and not (quantity(category <@ 'a.b' or on_sale) > 2.5)",
	"code in ('summer', 'it''s') or attributes.size.eu-1 <> -4.50 and customer.group = 'vip'",
	"lines(tag not in ('a', 'b') and brand is not null) = 1 or (true and not false)",
	"20.5% off lines where category <@ 'a' and not on_sale",
	"0.5 EUR off units where price < 5 USD or attributes.soft",
	"free shipping",
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
	if (benefit)
	{
		printed = commerce_benefit_print(benefit, &memory);
		fine = fine && strcmp(printed, commerce_benefit_print(
										   commerce_benefit_parse(printed, &memory, &error), &memory)) == 0;
	}
	free_all();
	return fine;
}

/* Mutates texts and reads what comes out. */
static void
test_mutations(void)
{
	int broken = 0;

	for (int i = 0; i < 50000; i++)
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
	ok(broken == 0, "50000 mutated texts are refused with a place or read back");
}

/* Runs all of it. */
int
main(void)
{
	test_round_trip();
	test_mutations();
	return finish();
}
