/*
 * cart_chores.h: ending carts that nobody has touched for long.
 */
#ifndef COMMERCE_ORDER_CART_CHORES_H
#define COMMERCE_ORDER_CART_CHORES_H

/* Registers the chore; called once, from _PG_init. */
extern void commerce_cart_chores_init(void);

#endif
