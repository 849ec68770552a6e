/*
 * ready.h: is there a shop here, and do its tables, the SQL objects and this library fit each other?
 */
#ifndef COMMERCE_BASE_READY_H
#define COMMERCE_BASE_READY_H

#include "base/pg.h"

#define COMMERCE_VERSION "0.1"

/* True while migrations run: they use functions of a shop that is not yet whole. */
extern bool commerce_migrating;

/* Refuses with CM099 unless all fit. Needs an SPI connection. */
extern void commerce_require_shop(void);

/* Returns whether the table that records migrations exists. */
extern bool commerce_shop_exists(void);

/* Returns the highest migration that has run, 0 for none. Needs an SPI connection. */
extern int commerce_installed_version(void);

#endif
