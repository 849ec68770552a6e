/*
 * lines.h: the lines of a cart, as a caller writes them.
 */
#ifndef COMMERCE_INVENTORY_LINES_H
#define COMMERCE_INVENTORY_LINES_H

#include "base/pg.h"

#include "inventory/stock.h"

/* More than any cart; reserving so many takes seconds. */
#define MAX_STOCK_LINES 100000

/*
 * Reads [{"sku": "A", "quantity": 2, "location": "main"}, …] into needs numbered by position; location is for lines
 * that name none. 22023 for what is no such thing, 22003 for more than can be counted, with the line's number.
 */
extern int commerce_read_stock_lines(Jsonb *lines, const char *location, StockNeed **needs);

#endif
