/*
 * history.h: the table of history, written without a statement.
 */
#ifndef COMMERCE_ORDER_HISTORY_H
#define COMMERCE_ORDER_HISTORY_H

/* Writes the history of an order that is placed. */
extern void commerce_record_placing(const char *order);

/* Begins to watch the table; called once, from _PG_init. */
extern void commerce_history_init(void);

#endif
