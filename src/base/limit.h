/*
 * limit.h: an end to what somebody else's code takes, where no client's statement_timeout ends it.
 */
#ifndef COMMERCE_BASE_LIMIT_H
#define COMMERCE_BASE_LIMIT_H

#include "base/pg.h"

/* From here on, what runs is cancelled (57014) after so many milliseconds. Limits do not nest. */
extern void commerce_limit_begin(int milliseconds);

/* Ends that, after an error, too; returns whether the time was over: then the error was nobody's wish. */
extern bool commerce_limit_end(void);

#endif
