/*
 * store.h: writing an order.
 */
#ifndef COMMERCE_ORDER_STORE_H
#define COMMERCE_ORDER_STORE_H

#include "base/pg.h"
#include "pricing/quote.h"

/* Writes a priced order with its lines, discounts, taxes, first history row and event. Needs an SPI connection. */
extern void commerce_store_order(const pg_uuid_t *order, const QuoteRequest *request, const Quote *quote,
								 Jsonb *ship_to);

#endif
