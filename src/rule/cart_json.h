/*
 * cart_json.h: a cart written as JSON, for rules that are tried without a shop.
 */
#ifndef COMMERCE_RULE_CART_JSON_H
#define COMMERCE_RULE_CART_JSON_H

#include "base/pg.h"

#include "rule/cart.h"

/* Fills a cart that lives in the current context; refuses a key it does not know. */
extern void commerce_cart_from_json(Jsonb *json, RuleCart *cart);

/* Reads a time off a clock and a calendar; false for one that is on none, as infinity is. */
extern bool commerce_rule_clock(Timestamp local, RuleClock *clock);

/* RuleCart.attribute over a JsonbContainer: finds a value by its dotted path. */
extern RuleValue commerce_jsonb_attribute(const void *container, const char *path);

#endif
