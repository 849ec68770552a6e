/*
 * store.h: writing an order.
 */
#ifndef COMMERCE_ORDER_STORE_H
#define COMMERCE_ORDER_STORE_H

#include "base/pg.h"
#include "pricing/quote.h"

/* The cart that an order is made of. */
typedef struct CartOrigin
{
	const pg_uuid_t *id;
	bool by_staff;      /* a draft or a quote, whose quantities are the seller's choice */
	Datum ship_address; /* the whole destination, sealed for whom the order is; 0: ship_to is all of it */
} CartOrigin;

/* Writes a priced order with its lines, discounts, taxes, first history row and event; cart is NULL for
 * an order without one. Needs an SPI connection. */
extern void commerce_store_order(const pg_uuid_t *order, const QuoteRequest *request, const Quote *quote,
								 Jsonb *ship_to, const CartOrigin *cart);

/* Does a destination, a JSON object, say more than what is kept in the clear? */
extern bool commerce_is_private(Jsonb *ship_to);

#endif
