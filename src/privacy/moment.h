/*
 * moment.h: knowing that nothing has changed since something was read. Private to the room.
 *
 * A snapshot taken now is the one taken before as long as no transaction with an id has ended since and this session has
 * done nothing itself. The server counts the former, and reuses its own snapshots by the same rule.
 */
#ifndef COMMERCE_PRIVACY_MOMENT_H
#define COMMERCE_PRIVACY_MOMENT_H

#include "base/pg.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/transam.h"
#include "access/xact.h"
#pragma GCC diagnostic pop

/* A time within which everything looks the same; all zeros is never the present one. */
typedef struct Moment
{
	uint64 completed;
	CommandId command;
} Moment;

/* Returns the present moment. */
static inline Moment
commerce_moment(void)
{
	return (Moment){commerce_completed_transactions(), GetCurrentCommandId(false)};
}

/* Is it the same moment still? */
static inline bool
commerce_same_moment(const Moment *a, const Moment *b)
{
	return a->completed == b->completed && a->command == b->command;
}

#endif
