/*
 * stock_chores.h: what a background worker does for stock, beside ending holds.
 */
#ifndef COMMERCE_INVENTORY_STOCK_CHORES_H
#define COMMERCE_INVENTORY_STOCK_CHORES_H

/* Registers the chores; called once, from _PG_init. */
extern void commerce_stock_chores_init(void);

#endif
