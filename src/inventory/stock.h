/*
 * stock.h: promising stock to carts and orders.
 */
#ifndef COMMERCE_INVENTORY_STOCK_H
#define COMMERCE_INVENTORY_STOCK_H

#include "base/pg.h"

#include "inventory/sourcing.h"

/* What somebody needs of one sku, which may be a kit; location NULL lets the shop choose. */
typedef struct StockNeed
{
	const char *sku;
	const char *location;
	int64 quantity;
	int line;      /* the order line it is for, 0 for none */
	int64 missing; /* out: so many units could not be promised */
} StockNeed;

/* What to do where there is not enough. */
typedef enum StockMode
{
	STOCK_ALL,     /* nothing is promised */
	STOCK_PARTIAL, /* the needs that can be met in full are */
	STOCK_CLAMP,   /* each need gets as much as there is */
} StockMode;

/* For whom and how long stock is promised. */
typedef struct StockClaim
{
	const char *holder;     /* NULL for nobody in particular */
	const pg_uuid_t *order; /* set: committed to this order; NULL: held until expires_at */
	TimestampTz expires_at; /* for a hold */
	StockMode mode;
	SourcingStrategy strategy;
	bool whole;   /* each need from one location */
	bool replace; /* the holder's own holds of these skus give way, so that they never block their owner */
	bool replace_all; /* and so do those of all other skus: the holder holds what this claim says, no more */
} StockClaim;

/* A promise that was made. */
typedef struct StockPromise
{
	pg_uuid_t id; /* shared by the parts of a kit */
	const char *sku;
	const char *location;
	int64 quantity;
	int64 per_unit;          /* units of this sku in one unit of the need */
	int need;                /* which of the needs it is for */
	int place;               /* which of its part's promises it is */
	struct Counter *counter; /* what it was taken from; NULL: from a locked row */
	int64 unwritten;         /* what others of this transaction had taken from that and not written before */
} StockPromise;

/*
 * Promises what is needed and returns the promises, need by need. Where something is short in mode STOCK_ALL it raises
 * CM001 naming every short line or, with refuse false, returns NULL. Needs an SPI connection.
 */
extern StockPromise *commerce_stock_promise(StockNeed *needs, int count, const StockClaim *claim, bool refuse,
											int *made);

/* Plans the same and promises nothing: no lock, no write. The mode decides what is planned of short lines. */
extern StockPromise *commerce_stock_plan(StockNeed *needs, int count, const StockClaim *claim, int *made);

/* Finds a strategy by name; NULL is the default. Refuses an unknown one with 22023. */
extern SourcingStrategy commerce_stock_strategy(const char *name);

/* The same for one need, where it takes no statement; NULL and nothing done where it does. Needs no SPI, no rights. */
extern StockPromise *commerce_stock_promise_quickly(StockNeed *need, const StockClaim *claim);

/* Refuses with CM002 the first of these skus (a text[]) that is in no catalogue. Needs an SPI connection. */
extern void commerce_require_skus(Datum skus);

/* The same for locations that are not among the shop's. */
extern void commerce_require_locations(Datum locations);

#endif
