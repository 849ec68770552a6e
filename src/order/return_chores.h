/*
 * return_chores.h: ending returns of which nothing was sent in time, in the background.
 */
#ifndef COMMERCE_ORDER_RETURN_CHORES_H
#define COMMERCE_ORDER_RETURN_CHORES_H

/* Registers the chore; called once, from _PG_init. */
extern void commerce_return_chores_init(void);

#endif
