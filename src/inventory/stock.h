/*
 * stock.h: promising stock to carts and orders.
 */
#ifndef COMMERCE_INVENTORY_STOCK_H
#define COMMERCE_INVENTORY_STOCK_H

#include "base/pg.h"

/* What somebody needs of one sku; location NULL lets the shop choose. */
typedef struct StockNeed
{
	const char *sku;
	const char *location;
	int64 quantity;
	int line; /* the order line it is for, 0 for none */
} StockNeed;

/* For whom and how long stock is promised. */
typedef struct StockClaim
{
	const char *holder;     /* NULL for nobody in particular */
	const pg_uuid_t *order; /* set: committed to this order; NULL: held until expires_at */
	TimestampTz expires_at; /* for a hold */
	bool whole;             /* each need from one location */
	bool replace; /* the holder's own holds of these skus give way, so that they never block their owner */
} StockClaim;

/*
 * Promises all of the needs or none. Returns the reservations made, or NULL when something is short: then, unless
 * refuse is false, it raises CM001 naming every short line. Needs an SPI connection.
 */
extern pg_uuid_t *commerce_stock_promise(const StockNeed *needs, int count, const StockClaim *claim,
										 bool refuse, int *made);

/* The same for one need, where it takes no statement; NULL and nothing done where it does. Needs no SPI, no rights. */
extern pg_uuid_t *commerce_stock_promise_quickly(const StockNeed *need, const StockClaim *claim, int *made);

/* Refuses with CM002 the first of these skus (a text[]) that is in no catalogue. Needs an SPI connection. */
extern void commerce_require_skus(Datum skus);

/* The same for locations that are not among the shop's. */
extern void commerce_require_locations(Datum locations);

#endif
