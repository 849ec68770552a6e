/*
 * launcher.h: the process that sends a worker to each database that is due.
 */
#ifndef COMMERCE_BASE_LAUNCHER_H
#define COMMERCE_BASE_LAUNCHER_H

#include "base/pg.h"

/* Registers the launcher; called from _PG_init, and without effect where the library is not being preloaded. */
extern void commerce_launcher_init(void);

extern PGDLLEXPORT void commerce_launcher_main(Datum arg);

#endif
