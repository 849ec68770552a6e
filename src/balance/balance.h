/*
 * balance.h: gift cards and store credit, which are spent through the counters of escrow.
 */
#ifndef COMMERCE_BALANCE_BALANCE_H
#define COMMERCE_BALANCE_BALANCE_H

/* Registers the chore that writes off what has expired; called once, from _PG_init. */
extern void commerce_balance_init(void);

#endif
