/*
 * directory.h: which locations have a sku.
 */
#ifndef COMMERCE_INVENTORY_DIRECTORY_H
#define COMMERCE_INVENTORY_DIRECTORY_H

#include "base/pg.h"

#include "inventory/sourcing.h"

extern void commerce_directory_init(void);

/*
 * Copies the sources of a sku, where they are remembered, into memory of the caller's context; returns how many, or -1
 * where they are not.
 */
extern int commerce_directory_recall(const char *sku, Source **sources);

/*
 * Returns the sources of these skus (a text[]), by sku and preference, with all but what is available. They live as
 * long as the caller's memory context. Needs SPI.
 */
extern int commerce_directory_sources(Datum skus, Source **sources);

#endif
