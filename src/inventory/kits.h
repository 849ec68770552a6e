/*
 * kits.h: what is sold as one thing and stocked as several.
 */
#ifndef COMMERCE_INVENTORY_KITS_H
#define COMMERCE_INVENTORY_KITS_H

#include "base/pg.h"

/* One sku in a kit, however deep inside: kits of kits are taken apart down to what has stock. */
typedef struct KitPart
{
	const char *kit;
	const char *part;
	int64 per_unit; /* units of it in one kit; more than MAX_UNITS means too many to count */
	bool tracked;   /* false for what never runs out */
} KitPart;

/* More than this many units are nobody's stock, and so small that sums of them stay countable. */
#define MAX_UNITS INT64CONST(1000000000000000000)

/* Begins to watch the table of kits; called once, from _PG_init. */
extern void commerce_kits_init(void);

/* Returns false for what is certainly no kit, by what is remembered of the table. Needs SPI. */
extern bool commerce_may_be_kit(const char *sku);

/* Finds the parts of those of the skus (a text[]) that are kits, sorted by kit, then part. Needs SPI. */
extern int commerce_kit_parts(Datum skus, KitPart **parts);

#endif
