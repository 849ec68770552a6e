/*
 * options.h: how discounts are computed, where shops differ.
 *
 * The shop says it once, a channel may say otherwise, and whoever asks for a quote may again; each says only what it
 * wants to be different.
 */
#ifndef COMMERCE_PRICING_OPTIONS_H
#define COMMERCE_PRICING_OPTIONS_H

#include "base/pg.h"
#include "money/allocate.h"
#include "money/rounding.h"

typedef struct PricingOptions
{
	RoundingMode rounding;
	AllocationPolicy remainder;
	bool percent_of_original; /* of the price instead of what earlier promotions have left of it */
	bool dearest_pool;        /* a limited number of units are the dearest */
	bool partial_get;
	bool budget_rest;
	bool priority_first; /* an exclusive promotion gives way to one before it */
	bool tax_on_full;    /* taxes go by the price before discounts */
	bool catalog_by_line;
	bool catalog_best;
} PricingOptions;

/* The options where nobody says anything. */
extern const PricingOptions commerce_pricing_defaults;

/* Names of the options, NULL at the end. */
extern const char *const commerce_pricing_option_names[];

/* Changes what an object says; other keys are left to others. 22023 for a value that is none. */
extern void commerce_pricing_options(JsonbContainer *object, PricingOptions *options);

/* Does the object say anything of this? */
extern bool commerce_says_pricing_options(JsonbContainer *object);

/* Refuses a key that is not in a list that ends with NULL. */
extern void commerce_refuse_unknown_keys(JsonbContainer *object, const char *const *known, const char *what);

#endif
