/*
 * quantities.h: how many units of a sku an order may have.
 */
#ifndef COMMERCE_ORDER_QUANTITIES_H
#define COMMERCE_ORDER_QUANTITIES_H

#include "pricing/quote.h"

/* Begins to watch the rules; called once, from _PG_init. */
extern void commerce_quantities_init(void);

/* Refuses (22023) what breaks commerce.quantity_rules, with all that does. Needs an SPI connection. */
extern void commerce_require_quantities(const Quote *quote);

#endif
