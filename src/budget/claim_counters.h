/*
 * claim_counters.h: budgets as the escrow engine counts them: what is taken of one under a key, from zero down.
 */
#ifndef COMMERCE_BUDGET_CLAIM_COUNTERS_H
#define COMMERCE_BUDGET_CLAIM_COUNTERS_H

#include "base/pg.h"

#include "escrow/escrow.h"

/* Begins the key of a claim on the limit of a code; its budget is the promotion. */
#define CODE_KEY "code:"

extern const EscrowSpace commerce_claims_space;

/* Opens the counter of a budget and key; NULL: lock the row that has the limit. */
extern Counter *commerce_claims_counter(const pg_uuid_t *budget, const char *key);

/* Says how much is taken, by the counter; false where there is none. Opens nothing. */
extern bool commerce_claims_peek(const pg_uuid_t *budget, const char *key, int64 *taken);

/* What the tables say about a counter's name: committed by now, without what this transaction did; negative. */
extern int64 commerce_claims_committed(const char *name, int length);

/* Splits a counter's name, which is not terminated. */
extern void commerce_claims_counter_name(const char *name, int length, pg_uuid_t *budget, char **key);

/*
 * Locks the rows that limits stand in, in the order in which everyone does: budgets (a uuid[]), then codes (a text[]);
 * 0 for none. Needs SPI.
 */
extern void commerce_lock_budgets(Datum budgets, Datum codes);

#endif
