/*
 * needs.h: what is needed, down to the parts of kits, and from where it comes.
 */
#ifndef COMMERCE_INVENTORY_NEEDS_H
#define COMMERCE_INVENTORY_NEEDS_H

#include "base/pg.h"

#include "inventory/sourcing.h"
#include "inventory/stock.h"
#include "inventory/stockroom.h"

/* A call for goods: line n of its sourcing is need n, and part n of it is of sku part_skus[n]. */
typedef struct NeededGoods
{
	StockNeed *needs;
	int count;
	const char **part_skus;
	Sourcing sourcing;
	Datum skus; /* the skus whose stock is needed, each once: a text[] */
} NeededGoods;

/* Lists what is needed; with kits, takes them apart. 22003 for more units than can be counted. Needs SPI. */
extern void commerce_expand_needs(NeededGoods *goods, StockNeed *needs, int count, bool kits);

/* Plans from where the goods come, fills in what is missing of each need, and returns whether nothing is. */
extern bool commerce_plan_needs(NeededGoods *goods, Stockroom *room, const StockClaim *claim);

/* Makes promises of the plan. The parts of a kit share an id where each comes from one location. */
extern StockPromise *commerce_planned_promises(const NeededGoods *goods);

/* Refuses with CM002 a sku or location that the shop does not know. Needs SPI. */
extern void commerce_require_known_needs(const NeededGoods *goods);

/* Raises CM001 with every short line, after a plan on this room in mode clamp that did not meet all. */
pg_noreturn extern void commerce_refuse_short(const NeededGoods *goods, const Stockroom *room);

#endif
