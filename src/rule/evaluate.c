/*
 * evaluate.c: does a condition hold?
 *
 * Logic has three values, so that what is not known is neither granted nor, by a "not", granted in reverse. "and" is
 * the least of its parts, "or" the greatest, "not" turns the scale around. An attribute with several values is an
 * "or" over them; "<>" and "not in" negate the whole of it.
 *
 * The cost is the number of tests times the number of lines: aggregates cannot stand inside each other, and units are
 * counted, never walked.
 */
#include <math.h>
#include <string.h>

#include "rule/tree.h"

typedef enum Truth
{
	NO = -1,
	UNKNOWN = 0,
	YES = 1,
} Truth;

static Truth evaluate(const RuleNode *node, const RuleCart *cart, const RuleLine *line);

/* Turns two numbers' order into the outcome of an operator. */
static Truth
ordered(int order, RuleOperator op)
{
	bool holds = false;

	switch (op)
	{
		case OPERATOR_EQ:
		case OPERATOR_NE: holds = order == 0; break; /* the caller negates <> once, over all values */
		case OPERATOR_LT: holds = order < 0; break;
		case OPERATOR_LE: holds = order <= 0; break;
		case OPERATOR_GT: holds = order > 0; break;
		case OPERATOR_GE: holds = order >= 0; break;
	}
	return holds ? YES : NO;
}

/* Compares a whole number with a literal; unknown against money or anything but a number. */
static Truth
compare_integer(int64_t value, const RuleLiteral *literal, RuleOperator op)
{
	__int128 scaled = value;

	for (int i = 0; i < literal->number.scale; i++)
		scaled *= 10;
	return ordered(scaled < literal->number.coefficient ? -1 : scaled > literal->number.coefficient, op);
}

/* Compares money of the cart's currency; unknown in another. */
static Truth
compare_money(int64_t minor, const RuleCart *cart, const RuleLiteral *literal, RuleOperator op)
{
	if (literal->currency != cart->currency)
		return UNKNOWN;
	return ordered(minor < literal->minor ? -1 : minor > literal->minor, op);
}

/* Compares text; unknown where it is absent. */
static Truth
compare_text(const char *text, const RuleLiteral *literal)
{
	if (text == NULL)
		return UNKNOWN;
	return strcmp(text, literal->text) == 0 ? YES : NO;
}

/* Compares a time or a date, which are ordered as texts are; unknown where none is known. */
static Truth
compare_clock(const char *text, const RuleLiteral *literal, RuleOperator op)
{
	int order;

	if (text == NULL)
		return UNKNOWN;
	order = strcmp(text, literal->text);
	return ordered(order, op);
}

/* Compares an attribute of the shop's own; unknown where it is absent or of another type than the literal. */
static Truth
compare_value(const RuleValue *value, const RuleLiteral *literal, RuleOperator op)
{
	double number;

	switch (value->kind)
	{
		case RULE_VALUE_TEXT:
			return literal->type == RULE_TEXT ? compare_text(value->text, literal) : UNKNOWN;
		case RULE_VALUE_BOOL:
			if (literal->type != RULE_BOOL)
				return UNKNOWN;
			return value->truth == literal->truth ? YES : NO;
		case RULE_VALUE_NUMBER:
			if (literal->type != RULE_NUMBER || isnan(value->number))
				return UNKNOWN;
			number = (double) literal->number.coefficient;
			/* Both sides of this division are exact, so the quotient is the double nearest to the literal. */
			if (literal->number.scale > 0)
			{
				double power = 1;

				for (int i = 0; i < literal->number.scale; i++)
					power *= 10;
				number /= power;
			}
			return ordered(value->number < number ? -1 : value->number > number, op);
		case RULE_VALUE_ABSENT: break;
	}
	return UNKNOWN;
}

/* Reads an attribute of the shop's own, the line's or the customer's; absent where the caller has none. */
static RuleValue
own_value(const RuleOperand *operand, const RuleCart *cart, const RuleLine *line)
{
	const void *attributes =
		operand->attribute == ATTRIBUTE_OWN ? line->attributes : cart->customer_attributes;

	if (cart->attribute == NULL || attributes == NULL)
		return (RuleValue){.kind = RULE_VALUE_ABSENT};
	return cart->attribute(attributes, operand->path);
}

/* Adds without ever leaving the range: a sum beyond it is as good as endless. */
static int64_t
add(int64_t left, int64_t right)
{
	int64_t sum;

	if (__builtin_add_overflow(left, right, &sum))
		return right < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* Tests a line, of which there may be many, by a condition, which may be long: somebody may have cancelled meanwhile. */
static Truth
evaluate_line(const RuleNode *node, const RuleCart *cart, const RuleLine *line)
{
	if (cart->breathe)
		cart->breathe();
	return evaluate(node, cart, line);
}

/* Sums over the lines that match. */
static int64_t
aggregate(const RuleOperand *operand, const RuleCart *cart)
{
	int64_t sum = 0;

	for (int i = 0; i < cart->line_count; i++)
	{
		const RuleLine *line = &cart->lines[i];

		if (operand->where && evaluate_line(operand->where, cart, line) != YES)
			continue;
		if (operand->attribute == ATTRIBUTE_SUM_QUANTITY)
			sum = add(sum, line->quantity);
		else if (operand->attribute == ATTRIBUTE_SUM_SUBTOTAL)
			sum = add(sum, line->subtotal);
		else
			sum = add(sum, 1);
	}
	return sum;
}

/* What a cart or a line has under a text attribute of one value. */
static const char *
text_of(RuleAttribute attribute, const RuleCart *cart, const RuleLine *line)
{
	switch (attribute)
	{
		case ATTRIBUTE_CHANNEL: return cart->channel;
		case ATTRIBUTE_CUSTOMER: return cart->customer;
		case ATTRIBUTE_CUSTOMER_GROUP: return cart->customer_group;
		case ATTRIBUTE_COUNTRY: return cart->country;
		case ATTRIBUTE_REGION: return cart->region;
		case ATTRIBUTE_POSTAL_CODE: return cart->postal_code;
		case ATTRIBUTE_CURRENCY: return cart->currency_code;
		case ATTRIBUTE_TIME: return cart->clock ? cart->clock->time : NULL;
		case ATTRIBUTE_DATE: return cart->clock ? cart->clock->date : NULL;
		case ATTRIBUTE_WEEKDAY: return cart->clock ? cart->clock->weekday : NULL;
		case ATTRIBUTE_SHIPPING_METHOD: return cart->shipping_method;
		case ATTRIBUTE_SKU: return line->sku;
		case ATTRIBUTE_PRODUCT: return line->product;
		case ATTRIBUTE_BRAND: return line->brand;
		case ATTRIBUTE_CATEGORY: return line->category;
		case ATTRIBUTE_TAX_CLASS: return line->tax_class;
		default: return NULL;
	}
}

/* Finds whether any of several texts equals the literal. */
static Truth
any_text(const char *const *texts, int count, const RuleLiteral *literal)
{
	for (int i = 0; i < count; i++)
		if (strcmp(texts[i], literal->text) == 0)
			return YES;
	return NO;
}

/* Tests one literal against the operand of one line, or of the cart; "<>" is taken as "=". */
static Truth
test_literal(const RuleOperand *operand, RuleOperator op, const RuleLiteral *literal, int64_t sum,
			 const RuleCart *cart, const RuleLine *line)
{
	RuleValue value;

	switch (operand->attribute)
	{
		case ATTRIBUTE_CART_SUBTOTAL: return compare_money(cart->subtotal, cart, literal, op);
		case ATTRIBUTE_SHIPPING: return compare_money(cart->shipping, cart, literal, op);
		case ATTRIBUTE_PRICE: return compare_money(line->unit_price, cart, literal, op);
		case ATTRIBUTE_LINE_SUBTOTAL: return compare_money(line->subtotal, cart, literal, op);
		case ATTRIBUTE_SUM_SUBTOTAL: return compare_money(sum, cart, literal, op);
		case ATTRIBUTE_SUM_QUANTITY:
		case ATTRIBUTE_COUNT_LINES: return compare_integer(sum, literal, op);
		case ATTRIBUTE_QUANTITY: return compare_integer(line->quantity, literal, op);
		case ATTRIBUTE_ON_SALE: return line->on_sale == literal->truth ? YES : NO;
		case ATTRIBUTE_CODE: return any_text(cart->codes, cart->code_count, literal);
		case ATTRIBUTE_TAG: return any_text((const char *const *) line->tags, line->tag_count, literal);
		case ATTRIBUTE_CUSTOMER_ORDERS: return compare_integer(cart->customer_orders, literal, op);
		case ATTRIBUTE_TIME:
		case ATTRIBUTE_DATE: return compare_clock(text_of(operand->attribute, cart, line), literal, op);
		case ATTRIBUTE_OWN:
		case ATTRIBUTE_CUSTOMER_OWN:
			value = own_value(operand, cart, line);
			return compare_value(&value, literal, op);
		default: return compare_text(text_of(operand->attribute, cart, line), literal);
	}
}

/* Tells whether a category equals another or lies below it: whole labels, so 'shoes' is not above 'shoestrings'. */
static Truth
is_below(const char *category, const char *ancestor)
{
	size_t length = strlen(ancestor);

	if (category == NULL)
		return UNKNOWN;
	if (strncmp(category, ancestor, length) != 0)
		return NO;
	return category[length] == '\0' || category[length] == '.' ? YES : NO;
}

/* Tells whether the operand is absent. */
static Truth
is_absent(const RuleOperand *operand, const RuleCart *cart, const RuleLine *line)
{
	bool absent;

	if (operand->attribute == ATTRIBUTE_CODE)
		absent = cart->code_count == 0;
	else if (operand->attribute == ATTRIBUTE_TAG)
		absent = line->tag_count == 0;
	else if (operand->attribute == ATTRIBUTE_OWN || operand->attribute == ATTRIBUTE_CUSTOMER_OWN)
		absent = own_value(operand, cart, line).kind == RULE_VALUE_ABSENT;
	else
		absent = text_of(operand->attribute, cart, line) == NULL;
	return absent ? YES : NO;
}

/* Tests a leaf on one line, or on the cart, before negation. */
static Truth
test_once(const RuleNode *node, const RuleCart *cart, const RuleLine *line)
{
	const RuleOperand *operand = &node->operand;
	Truth outcome = NO;
	RuleValue value;
	int64_t sum = 0;

	switch (node->kind)
	{
		case RULE_TRUTH:
			if (operand->attribute == ATTRIBUTE_ON_SALE)
				return line->on_sale ? YES : NO;
			value = own_value(operand, cart, line);
			if (value.kind != RULE_VALUE_BOOL)
				return UNKNOWN;
			return value.truth ? YES : NO;
		case RULE_BELOW: return is_below(line->category, node->literals->text);
		case RULE_IS_ABSENT: return is_absent(operand, cart, line);
		default: break;
	}
	if (commerce_rule_attribute(operand->attribute)->scope == SCOPE_AGGREGATE)
		sum = aggregate(operand, cart);
	for (const RuleLiteral *literal = node->literals; literal && outcome != YES; literal = literal->next)
	{
		Truth one = test_literal(operand, node->kind == RULE_MEMBER ? OPERATOR_EQ : node->op, literal, sum,
								 cart, line);

		if (one > outcome)
			outcome = one;
	}
	return outcome;
}

/* Tests a leaf: on the line at hand, or where a line's attribute stands in a condition on the cart, on any line. */
static Truth
test(const RuleNode *node, const RuleCart *cart, const RuleLine *line)
{
	bool negated = node->negated || (node->kind == RULE_COMPARE && node->op == OPERATOR_NE);
	Truth outcome = NO;

	if (line == NULL && commerce_rule_attribute(node->operand.attribute)->scope == SCOPE_LINE)
	{
		for (int i = 0; i < cart->line_count && outcome != YES; i++)
		{
			Truth one = NO;

			if (cart->breathe)
				cart->breathe();
			one = test_once(node, cart, &cart->lines[i]);

			if (one > outcome)
				outcome = one;
		}
	}
	else
		outcome = test_once(node, cart, line);
	return negated ? (Truth) -outcome : outcome;
}

/* Evaluates a tree on a line, or on the cart where line is NULL; no deeper than the parser let the tree become. */
static Truth
evaluate(const RuleNode *node, const RuleCart *cart, const RuleLine *line)
{
	Truth outcome;

	switch (node->kind)
	{
		case RULE_AND:
			outcome = YES;
			for (const RuleNode *child = node->first; child && outcome != NO; child = child->next)
			{
				Truth one = evaluate(child, cart, line);

				if (one < outcome)
					outcome = one;
			}
			return outcome;
		case RULE_OR:
			outcome = NO;
			for (const RuleNode *child = node->first; child && outcome != YES; child = child->next)
			{
				Truth one = evaluate(child, cart, line);

				if (one > outcome)
					outcome = one;
			}
			return outcome;
		case RULE_NOT: return (Truth) -evaluate(node->first, cart, line);
		case RULE_CONSTANT: return node->truth ? YES : NO;
		default: return test(node, cart, line);
	}
}

/* Tells whether a condition holds for the cart. */
bool
commerce_condition_holds(const RuleNode *condition, const RuleCart *cart)
{
	return condition == NULL || evaluate(condition, cart, NULL) == YES;
}

/* Tells whether a line of the cart matches. */
bool
commerce_line_matches(const RuleNode *condition, const RuleCart *cart, const RuleLine *line)
{
	return condition == NULL || evaluate_line(condition, cart, line) == YES;
}

/* Tells whether a condition looks at any of a range of attributes. */
static bool
asks(const RuleNode *condition, RuleAttribute first, RuleAttribute last)
{
	if (condition == NULL)
		return false;
	for (const RuleNode *child = condition->first; child; child = child->next)
		if (asks(child, first, last))
			return true;
	if (condition->kind == RULE_AND || condition->kind == RULE_OR || condition->kind == RULE_NOT ||
		condition->kind == RULE_CONSTANT)
		return false;
	return (condition->operand.attribute >= first && condition->operand.attribute <= last) ||
		   asks(condition->operand.where, first, last);
}

/* Tells whether the condition looks at the hour or the day. */
bool
commerce_condition_asks_time(const RuleNode *condition)
{
	return asks(condition, ATTRIBUTE_TIME, ATTRIBUTE_WEEKDAY);
}

/* Tells whether the condition looks at how many orders the customer has placed. */
bool
commerce_condition_asks_orders(const RuleNode *condition)
{
	return asks(condition, ATTRIBUTE_CUSTOMER_ORDERS, ATTRIBUTE_CUSTOMER_ORDERS);
}

/* Tells whether the conditions of parts of a set look at any of a range of attributes. */
static bool
parts_ask(const BenefitPart *parts, RuleAttribute first, RuleAttribute last)
{
	for (const BenefitPart *part = parts; part; part = part->next)
		if (asks(part->where, first, last))
			return true;
	return false;
}

/* Tells whether any condition in a benefit looks at any of a range of attributes. */
static bool
benefit_asks(const Benefit *benefit, RuleAttribute first, RuleAttribute last)
{
	for (; benefit; benefit = benefit->next)
		if (asks(benefit->where, first, last) || parts_ask(benefit->buy, first, last) ||
			parts_ask(benefit->get, first, last))
			return true;
	return false;
}

/* Tells whether any condition in a benefit looks at the hour or the day. */
bool
commerce_benefit_asks_time(const Benefit *benefit)
{
	return benefit_asks(benefit, ATTRIBUTE_TIME, ATTRIBUTE_WEEKDAY);
}

/* Tells whether any condition in a benefit looks at how many orders the customer has placed. */
bool
commerce_benefit_asks_orders(const Benefit *benefit)
{
	return benefit_asks(benefit, ATTRIBUTE_CUSTOMER_ORDERS, ATTRIBUTE_CUSTOMER_ORDERS);
}

/* Tells whether the condition looks at attributes of the customer. */
bool
commerce_condition_asks_customer(const RuleNode *condition)
{
	return asks(condition, ATTRIBUTE_CUSTOMER_OWN, ATTRIBUTE_CUSTOMER_OWN);
}
