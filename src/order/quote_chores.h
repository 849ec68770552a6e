/*
 * quote_chores.h: ending quotes that have run out.
 */
#ifndef COMMERCE_ORDER_QUOTE_CHORES_H
#define COMMERCE_ORDER_QUOTE_CHORES_H

/* Registers the chore; called once, from _PG_init. */
extern void commerce_quote_chores_init(void);

#endif
