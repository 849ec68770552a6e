/*
 * history.h: the table of history, written without a statement.
 */
#ifndef COMMERCE_ORDER_HISTORY_H
#define COMMERCE_ORDER_HISTORY_H

/* Begins to watch the table; called once, from _PG_init. */
extern void commerce_history_init(void);

#endif
