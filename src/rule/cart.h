/*
 * cart.h: what a rule can see. Pure data, filled by whoever evaluates (a quote, a state machine's guard).
 *
 * Absent text is NULL and compares as unknown: no test of it holds, except "is null".
 */
#ifndef COMMERCE_RULE_CART_H
#define COMMERCE_RULE_CART_H

#include <stdbool.h>
#include <stdint.h>

typedef struct RuleLine
{
	const char *sku;
	const char *product;
	const char *brand;
	const char *category; /* an ltree path as text, "clothing.shoes" */
	const char *tax_class;
	const char **tags;
	int tag_count;
	int64_t quantity;
	int64_t unit_price; /* minor units of the cart's currency */
	int64_t subtotal;   /* minor units */
	bool on_sale;
	const void *attributes; /* handed to attribute() as it is */
} RuleLine;

/* A value found among a line's or customer's own attributes. */
typedef struct RuleValue
{
	enum
	{
		RULE_VALUE_ABSENT,
		RULE_VALUE_TEXT,
		RULE_VALUE_NUMBER,
		RULE_VALUE_BOOL
	} kind;
	const char *text;
	double number; /* descriptive (size, weight), never money */
	bool truth;
} RuleValue;

/* A time as people read it off a clock and a calendar. */
typedef struct RuleClock
{
	char time[6];    /* "18:05" */
	char date[11];   /* "2026-11-25" */
	char weekday[4]; /* "wed" */
} RuleClock;

typedef struct RuleCart
{
	int currency;     /* ISO 4217 number */
	int64_t subtotal; /* minor units, before discounts */
	int64_t shipping; /* minor units */
	const RuleLine *lines;
	int line_count;
	const char *channel;
	const char *customer; /* uuid as text; NULL for a guest */
	const char *customer_group;
	int64_t customer_orders;         /* placed so far and not cancelled; 0 for a guest */
	const void *customer_attributes; /* handed to attribute() as they are */
	const char *country;             /* where it is shipped, ISO 3166-1 alpha-2 */
	const char *region;
	const char *postal_code;
	const char *shipping_method;
	const char *currency_code;
	const RuleClock *clock;   /* NULL: no time is known */
	const char *const *codes; /* codes that were entered, upper case */
	int code_count;
	/* Finds an attribute by its dotted path; NULL where the caller has none. */
	RuleValue (*attribute)(const void *attributes, const char *path);
	void (*breathe)(void); /* called for each line that is tested; may not return; NULL: not called */
} RuleCart;

#endif
