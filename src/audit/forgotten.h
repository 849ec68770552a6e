/*
 * forgotten.h: what an erasure takes out of the shop's tables, and what the log therefore does not repeat. Pure; private to
 * the room.
 */
#ifndef COMMERCE_AUDIT_FORGOTTEN_H
#define COMMERCE_AUDIT_FORGOTTEN_H

#include <stdbool.h>

typedef struct ForgottenColumn
{
	const char *table; /* NULL: the end */
	const char *column;
} ForgottenColumn;

/* Returns the first of the columns of a table of the shop's that an erasure forgets; NULL where there is none. */
extern const ForgottenColumn *commerce_forgotten_of(const char *table);

/* Is the column among those of its table that begin here? */
extern bool commerce_is_forgotten(const ForgottenColumn *first, const char *column);

#endif
