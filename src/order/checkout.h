/*
 * checkout.h: placing an order, for checkout() and place_order().
 */
#ifndef COMMERCE_ORDER_CHECKOUT_H
#define COMMERCE_ORDER_CHECKOUT_H

#include "base/pg.h"
#include "order/store.h"

/* The arguments of checkout(); the first nine are those of quote(). */
enum
{
	ARG_LINES,
	ARG_CODES,
	ARG_CUSTOMER,
	ARG_CHANNEL,
	ARG_CURRENCY,
	ARG_SHIP_TO,
	ARG_SHIPPING_METHOD,
	ARG_AT,
	ARG_OPTIONS,
	ARG_EXPECTED_TOTAL,
	ARG_IDEMPOTENCY_KEY,
	CHECKOUT_ARGS,
};

/*
 * Claims an idempotency key for a new order, or finds the order that the same request (a hash, bytea) made before. hidden:
 * the hash is of something private, and is stored as one that nobody without the shop's keys can try out.
 * Returns whether the key was free; otherwise *order is the earlier order's id. 22023 for a key of another length, CM050
 * for another request under the same key. Needs an SPI connection.
 */
extern bool commerce_claim_key(const char *key, Datum request, bool hidden, pg_uuid_t *order);

/*
 * Buys: prices, stores, claims, promises. The arguments are those of checkout(), all but the key. What a cart brings was
 * judged when it was put there, so of a cart nobody is asked again whether the caller may set prices; NULL for no cart.
 */
extern void commerce_place(FunctionCallInfo fcinfo, const pg_uuid_t *order, const CartOrigin *cart);

#endif
