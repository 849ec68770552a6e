/*
 * rule_random.h: random conditions that are canonical, and whether two of them are equal.
 */
#ifndef COMMERCE_TEST_RULE_RANDOM_H
#define COMMERCE_TEST_RULE_RANDOM_H

#include "rule_test.h"

/* A generator of its own, so that a seed means the same everywhere; SEED chooses another. */
static uint64_t state = 0;

/* Returns a number below the limit. */
static inline unsigned
random_below(unsigned limit)
{
	if (state == 0)
	{
		state = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 20260101;
		state += state == 0;
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned) ((state >> 11) % limit);
}

/* Returns how many rounds to make: what a test asks for, times ROUNDS. */
static inline int
rounds_of(int count)
{
	return getenv("ROUNDS") ? count * atoi(getenv("ROUNDS")) : count;
}

/* Picks a text with something awkward in it. */
static inline const char *
random_text(void)
{
	static const char *const texts[] = {"", "A", "it's", "''", "ÄÖ €", "a b\nc", "and", "x'y'z", "%", "\\"};

	return texts[random_below(sizeof(texts) / sizeof(texts[0]))];
}

/* Makes a literal of the type of an attribute. */
static inline RuleLiteral *
random_literal(RuleAttribute attribute)
{
	static const int currencies[] = {978, 840, 392, 414};
	static const char *const upper[] = {"SUMMER", "", "X'1"};
	static const char *const paths[] = {"a", "a.b_c", "x.1-2.Y"};
	static const char *const weekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	static const RuleType own_types[] = {RULE_NUMBER, RULE_TEXT, RULE_BOOL};
	RuleLiteral *literal = allocate(NULL, sizeof(RuleLiteral));

	memset(literal, 0, sizeof(RuleLiteral));
	literal->type = commerce_rule_attribute(attribute)->type;
	if (literal->type == RULE_CLOCK)
		literal->type = RULE_TEXT;
	if (literal->type == RULE_ANY)
		literal->type = own_types[random_below(3)];
	literal->minor = (int64_t) random_below(2000000) * (random_below(3) ? 1 : 100) - 1000000;
	if (random_below(20) == 0)
		literal->minor = random_below(2) ? INT64_C(9007199254740991) : -INT64_C(9007199254740991);
	literal->currency = currencies[random_below(4)];
	literal->number.coefficient = (int64_t) random_below(100000) - 50000;
	literal->number.scale = literal->number.coefficient % 10 ? (int) random_below(15) : 0;
	literal->text = random_text();
	if (attribute == ATTRIBUTE_TIME)
		literal->text = random_below(2) ? "00:00" : "24:00";
	if (attribute == ATTRIBUTE_DATE)
		literal->text = random_below(2) ? "2026-01-31" : "0001-12-01";
	if (attribute == ATTRIBUTE_WEEKDAY)
		literal->text = weekdays[random_below(7)];
	if (attribute == ATTRIBUTE_CODE)
		literal->text = upper[random_below(3)];
	if (attribute == ATTRIBUTE_CATEGORY)
		literal->text = paths[random_below(3)];
	literal->truth = random_below(2);
	return literal;
}

static inline RuleNode *random_tree(int depth, bool line_scope);

/* Makes a test that is right in its scope. */
static inline RuleNode *
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
	if (attribute == ATTRIBUTE_OWN || attribute == ATTRIBUTE_CUSTOMER_OWN)
		node->operand.path = random_below(2) ? "size" : "Shoe.eu-42";
	if (info->scope == SCOPE_AGGREGATE && random_below(3))
		node->operand.where = random_tree(depth - 1, true);
	node->literals = random_literal(attribute);
	node->kind = RULE_COMPARE;
	node->op =
		(RuleOperator) random_below(node->literals->type <= RULE_NUMBER || info->type == RULE_CLOCK ? 6 : 2);
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
static inline RuleNode *
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
static inline bool
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
static inline bool
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

#endif
