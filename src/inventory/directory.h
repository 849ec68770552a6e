/*
 * directory.h: which locations have a sku.
 */
#ifndef COMMERCE_INVENTORY_DIRECTORY_H
#define COMMERCE_INVENTORY_DIRECTORY_H

#include "base/pg.h"

#include "inventory/sourcing.h"

extern void commerce_directory_init(void);

/*
 * Returns the sources of these skus (a text[]), by sku and preference, with all but what is available. They live as
 * long as the caller's memory context. Needs SPI.
 */
extern int commerce_directory_sources(Datum skus, Source **sources);

#endif
