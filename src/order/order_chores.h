/*
 * order_chores.h: ending orders that nobody pays, in the background.
 */
#ifndef COMMERCE_ORDER_ORDER_CHORES_H
#define COMMERCE_ORDER_ORDER_CHORES_H

/* Registers the chore; called once, from _PG_init. */
extern void commerce_order_chores_init(void);

#endif
