/*
 * attribute.c: the names a rule may use.
 *
 * A name is looked up in the scope it stands in and then in the other one, so that "subtotal" is the cart's in a
 * condition on the cart and the line's in a condition on a line, and every other name means the same everywhere.
 */
#include "rule/tree.h"

#include <strings.h>

static const RuleAttributeInfo attributes[ATTRIBUTE_COUNT] = {
	[ATTRIBUTE_CART_SUBTOTAL] = {"subtotal", SCOPE_CART, RULE_MONEY, false},
	[ATTRIBUTE_SHIPPING] = {"shipping", SCOPE_CART, RULE_MONEY, false},
	[ATTRIBUTE_CHANNEL] = {"channel", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_CUSTOMER] = {"customer", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_CUSTOMER_GROUP] = {"customer.group", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_CUSTOMER_ORDERS] = {"customer.orders", SCOPE_CART, RULE_NUMBER, false},
	[ATTRIBUTE_CUSTOMER_OWN] = {"customer.attributes.", SCOPE_CART, RULE_ANY, true},
	[ATTRIBUTE_COUNTRY] = {"country", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_REGION] = {"region", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_POSTAL_CODE] = {"postal_code", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_SHIPPING_METHOD] = {"shipping.method", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_CURRENCY] = {"currency", SCOPE_CART, RULE_TEXT, false},
	[ATTRIBUTE_TIME] = {"time", SCOPE_CART, RULE_CLOCK, false},
	[ATTRIBUTE_DATE] = {"date", SCOPE_CART, RULE_CLOCK, false},
	[ATTRIBUTE_WEEKDAY] = {"weekday", SCOPE_CART, RULE_TEXT, false},
	[ATTRIBUTE_CODE] = {"code", SCOPE_CART, RULE_TEXT, true},
	[ATTRIBUTE_SKU] = {"sku", SCOPE_LINE, RULE_TEXT, true},
	[ATTRIBUTE_PRODUCT] = {"product", SCOPE_LINE, RULE_TEXT, true},
	[ATTRIBUTE_BRAND] = {"brand", SCOPE_LINE, RULE_TEXT, true},
	[ATTRIBUTE_CATEGORY] = {"category", SCOPE_LINE, RULE_TEXT, true},
	[ATTRIBUTE_TAX_CLASS] = {"tax_class", SCOPE_LINE, RULE_TEXT, true},
	[ATTRIBUTE_TAG] = {"tag", SCOPE_LINE, RULE_TEXT, true},
	[ATTRIBUTE_QUANTITY] = {"quantity", SCOPE_LINE, RULE_NUMBER, false},
	[ATTRIBUTE_PRICE] = {"price", SCOPE_LINE, RULE_MONEY, false},
	[ATTRIBUTE_LINE_SUBTOTAL] = {"subtotal", SCOPE_LINE, RULE_MONEY, false},
	[ATTRIBUTE_ON_SALE] = {"on_sale", SCOPE_LINE, RULE_BOOL, false},
	[ATTRIBUTE_OWN] = {"attributes.", SCOPE_LINE, RULE_ANY, true},
	[ATTRIBUTE_SUM_QUANTITY] = {"quantity", SCOPE_AGGREGATE, RULE_NUMBER, false},
	[ATTRIBUTE_SUM_SUBTOTAL] = {"subtotal", SCOPE_AGGREGATE, RULE_MONEY, false},
	[ATTRIBUTE_COUNT_LINES] = {"lines", SCOPE_AGGREGATE, RULE_NUMBER, false},
};

/* Returns what is known about an attribute. */
const RuleAttributeInfo *
commerce_rule_attribute(RuleAttribute attribute)
{
	return &attributes[attribute];
}

/* Finds an attribute of exactly this scope by its name in any case. */
bool
commerce_rule_find(const char *name, RuleScope scope, RuleAttribute *found)
{
	for (int i = 0; i < ATTRIBUTE_COUNT; i++)
		if (attributes[i].scope == scope && strcasecmp(attributes[i].name, name) == 0)
		{
			*found = (RuleAttribute) i;
			return true;
		}
	return false;
}
