/*
 * stock_counters.h: stock as the escrow engine counts it: the headroom of a sku at a location.
 *
 * Headroom is what may still be promised: on hand, less what is not for sale, less active reservations, plus what may
 * be sold on backorder.
 */
#ifndef COMMERCE_INVENTORY_STOCK_COUNTERS_H
#define COMMERCE_INVENTORY_STOCK_COUNTERS_H

#include "base/pg.h"

#include "escrow/escrow.h"

/* What an unlimited backorder counts as, in SQL and in C; no number of units comes near. */
#define UNLIMITED_UNITS (INT64CONST(1) << 62)

extern const EscrowSpace commerce_stock_space;

/* Opens the counter of a sku at a location; NULL: lock its row of stock. */
extern Counter *commerce_stock_counter(const char *sku, const char *location);

/*
 * How much headroom a sku has at a location by its counter, what this transaction gave back included and what others have
 * taken left out; false where none is loaded.
 */
extern bool commerce_stock_peek(const char *sku, const char *location, int64 *headroom);

/* What the tables say about a counter's name: committed by now, without what this transaction did. */
extern int64 commerce_stock_headroom(const char *name, int length);

/*
 * Between which numbers of headroom, low <= headroom < high, the level of a sku at a location stays "ok", "low" or "out"
 * with these lines.
 */
extern void commerce_stock_band(const char *level, int64 low_stock, int64 limit, int64 *low, int64 *high);

/* Locks the row of stock, so that promises made under such locks come one after the other. Needs SPI. */
extern void commerce_lock_stock(const char *sku, const char *location);

/* Splits a counter's name, which is not terminated, into copies of its parts. */
extern void commerce_stock_counter_name(const char *name, int length, char **sku, char **location);

#endif
