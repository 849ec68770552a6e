/*
 * need.c: what must be in a cart for a rule to have a chance.
 *
 * "and" needs what any of its parts needs, so it takes the part that is most selective; "or" needs one of what each of
 * its parts needs, and nothing is known where one part needs nothing known. Negations are never looked into. A sum
 * over lines that is to be above zero needs a line.
 */
#include "rule/need.h"

#include <string.h>

#include "rule/tree.h"

#define MAX_KEYS 64 /* a rule that names more things than that is as well looked at in every cart */

/* Finds the kind of key an attribute is looked up by. */
static bool
key_kind(RuleAttribute attribute, RuleKeyKind *kind)
{
	switch (attribute)
	{
		case ATTRIBUTE_CODE: *kind = KEY_CODE; return true;
		case ATTRIBUTE_SKU: *kind = KEY_SKU; return true;
		case ATTRIBUTE_PRODUCT: *kind = KEY_PRODUCT; return true;
		case ATTRIBUTE_TAG: *kind = KEY_TAG; return true;
		case ATTRIBUTE_CATEGORY: *kind = KEY_CATEGORY; return true;
		case ATTRIBUTE_CUSTOMER: *kind = KEY_CUSTOMER; return true;
		case ATTRIBUTE_BRAND: *kind = KEY_BRAND; return true;
		case ATTRIBUTE_CUSTOMER_GROUP: *kind = KEY_GROUP; return true;
		case ATTRIBUTE_TAX_CLASS: *kind = KEY_TAX_CLASS; return true;
		case ATTRIBUTE_SHIPPING_METHOD: *kind = KEY_SHIPPING_METHOD; return true;
		case ATTRIBUTE_COUNTRY: *kind = KEY_COUNTRY; return true;
		case ATTRIBUTE_CHANNEL: *kind = KEY_CHANNEL; return true;
		case ATTRIBUTE_CURRENCY: *kind = KEY_CURRENCY; return true;
		default: return false;
	}
}

/* Tells whether one need is more selective than another: by the kind of keys, then by their number. */
bool
commerce_need_is_better(const RuleNeed *first, const RuleNeed *second)
{
	if (first->kind != second->kind)
		return first->kind < second->kind;
	return first->count < second->count;
}

/* Makes a need of the literals of a test. */
static bool
literal_need(const RuleNode *node, const RuleMemory *memory, RuleNeed *need)
{
	RuleKeyKind kind;
	RuleKey *keys;
	int count = 0;

	if (!key_kind(node->operand.attribute, &kind))
		return false;
	for (const RuleLiteral *literal = node->literals; literal; literal = literal->next)
		count++;
	if (count > MAX_KEYS)
		return false;
	keys = commerce_rule_allocate(memory, sizeof(RuleKey) * (size_t) count);
	*need = (RuleNeed){keys, count, kind};
	for (const RuleLiteral *literal = node->literals; literal; literal = literal->next)
		*keys++ = (RuleKey){kind, literal->text};
	return true;
}

/* Tells whether a sum compared like this is above zero wherever the test holds. */
static bool
wants_something(const RuleNode *node)
{
	int64_t than =
		node->literals->type == RULE_MONEY ? node->literals->minor : node->literals->number.coefficient;

	switch (node->op)
	{
		case OPERATOR_GT: return than >= 0;
		case OPERATOR_GE:
		case OPERATOR_EQ: return than > 0;
		default: return false;
	}
}

/* Joins two needs into one that is met by either. */
static bool
either(const RuleMemory *memory, RuleNeed *need, const RuleNeed *other)
{
	RuleKey *keys;

	if (need->count + other->count > MAX_KEYS)
		return false;
	keys = commerce_rule_allocate(memory, sizeof(RuleKey) * (size_t) (need->count + other->count + 1));
	if (need->count > 0)
		memcpy(keys, need->keys, sizeof(RuleKey) * (size_t) need->count);
	if (other->count > 0)
		memcpy(keys + need->count, other->keys, sizeof(RuleKey) * (size_t) other->count);
	need->keys = keys;
	need->count += other->count;
	if (other->kind > need->kind)
		need->kind = other->kind;
	return true;
}

/* Finds what a condition needs. */
bool
commerce_condition_need(const RuleNode *node, const RuleMemory *memory, RuleNeed *need)
{
	RuleNeed one;
	bool found = false;

	if (node == NULL)
		return false;
	switch (node->kind)
	{
		case RULE_AND:
			for (const RuleNode *child = node->first; child; child = child->next)
				if (commerce_condition_need(child, memory, &one) &&
					(!found || commerce_need_is_better(&one, need)))
				{
					*need = one;
					found = true;
				}
			return found;
		case RULE_OR:
			*need = (RuleNeed){NULL, 0, KEY_CODE};
			for (const RuleNode *child = node->first; child; child = child->next)
				if (!commerce_condition_need(child, memory, &one) || !either(memory, need, &one))
					return false;
			return true;
		case RULE_COMPARE:
			if (commerce_rule_attribute(node->operand.attribute)->scope == SCOPE_AGGREGATE)
				return wants_something(node) && commerce_condition_need(node->operand.where, memory, need);
			return node->op == OPERATOR_EQ && literal_need(node, memory, need);
		case RULE_MEMBER: return !node->negated && literal_need(node, memory, need);
		case RULE_BELOW: return literal_need(node, memory, need);
		default: return false;
	}
}

/* Finds what one of the parts of a set needs, where all are needed. */
static bool
parts_need(const BenefitPart *parts, const RuleMemory *memory, RuleNeed *need, bool found)
{
	RuleNeed one;

	for (const BenefitPart *part = parts; part; part = part->next)
		if (commerce_condition_need(part->where, memory, &one) &&
			(!found || commerce_need_is_better(&one, need)))
		{
			*need = one;
			found = true;
		}
	return found;
}

/* Finds what a benefit needs to find anything to give: one of what each thing it gives needs. */
bool
commerce_benefit_need(const Benefit *benefit, const RuleMemory *memory, RuleNeed *need)
{
	*need = (RuleNeed){NULL, 0, KEY_CODE};
	for (; benefit; benefit = benefit->next)
	{
		RuleNeed one;
		bool found = commerce_condition_need(benefit->where, memory, &one);

		found = parts_need(benefit->buy, memory, &one, found);
		found = parts_need(benefit->get, memory, &one, found);
		if (!found || !either(memory, need, &one))
			return false;
	}
	return true;
}

/* Calls back for a text that may be absent. */
#define EACH(kind, text, line) ((text) ? each(kind, text, (int) strlen(text), line, context) : (void) 0)

/* Tells whether a key is something that a line has. */
bool
commerce_key_is_of_line(RuleKeyKind kind)
{
	switch (kind)
	{
		case KEY_SKU:
		case KEY_PRODUCT:
		case KEY_TAG:
		case KEY_CATEGORY:
		case KEY_BRAND:
		case KEY_TAX_CLASS: return true;
		default: return false;
	}
}

/* Calls back for each key that a cart has. */
void
commerce_cart_keys(const RuleCart *cart,
				   void (*each)(RuleKeyKind kind, const char *text, int length, int line, void *context),
				   void *context)
{
	for (int i = 0; i < cart->code_count; i++)
		EACH(KEY_CODE, cart->codes[i], -1);
	EACH(KEY_CUSTOMER, cart->customer, -1);
	EACH(KEY_GROUP, cart->customer_group, -1);
	EACH(KEY_SHIPPING_METHOD, cart->shipping_method, -1);
	EACH(KEY_COUNTRY, cart->country, -1);
	EACH(KEY_CHANNEL, cart->channel, -1);
	EACH(KEY_CURRENCY, cart->currency_code, -1);
	for (int i = 0; i < cart->line_count; i++)
	{
		const RuleLine *line = &cart->lines[i];

		EACH(KEY_SKU, line->sku, i);
		EACH(KEY_PRODUCT, line->product, i);
		EACH(KEY_BRAND, line->brand, i);
		EACH(KEY_TAX_CLASS, line->tax_class, i);
		for (int t = 0; t < line->tag_count; t++)
			EACH(KEY_TAG, line->tags[t], i);
		if (line->category == NULL)
			continue;
		for (int length = 0; length == 0 || line->category[length - 1]; length++)
			if (line->category[length] == '\0' || line->category[length] == '.')
				each(KEY_CATEGORY, line->category, length, i, context);
	}
}
