/*
 * order_tables.h: the tables that an order is stored in.
 */
#ifndef COMMERCE_ORDER_ORDER_TABLES_H
#define COMMERCE_ORDER_ORDER_TABLES_H

#include "base/pg.h"

#include "order/columns.h"

/* The columns of commerce.orders, as a row of it is written. */
enum
{
	ORDER_ID,
	ORDER_CHANNEL,
	ORDER_CUSTOMER,
	ORDER_SHIP_TO,
	ORDER_SHIP_ADDRESS,
	ORDER_SHIPPING_METHOD,
	ORDER_CODES,
	ORDER_TAX_LEVEL,
	ORDER_SUBTOTAL,
	ORDER_DISCOUNT,
	ORDER_SHIPPING,
	ORDER_TAX,
	ORDER_INCLUDED_TAX,
	ORDER_TOTAL,
	ORDER_PLACED_AT,
	ORDER_ROUNDING,
	ORDER_TAX_TREATMENT,
	ORDER_NUMBER,
	ORDER_EXPIRES_AT,
	ORDER_VERSION,
	ORDER_CASH_INCREMENT,
	ORDER_STATE,
	ORDER_CREATED_AT,
	ORDER_COLUMNS
};

/* What an order has several of. The columns of their rows, but for the order, stand in order_tables.c. */
typedef enum OrderPart
{
	ORDER_LINES,
	ORDER_DISCOUNTS,
	ORDER_TAXES,
	ORDER_PARTS
} OrderPart;

/* Of what precision the rate of a tax is: numeric(9,6). */
#define TAX_RATE_TYPMOD (((9 << 16) | 6) + (int32) VARHDRSZ)

/* Begins to watch the tables; called once, from _PG_init. */
extern void commerce_order_tables_init(void);

/*
 * Writes the row of an order, whose sums are checked, and returns its number. The state and the moment of its making
 * are filled in here. *plainly: no statement was needed, so nobody but us has touched it. Needs SPI.
 */
extern int64 commerce_write_order(Datum *values, bool *nulls, bool *plainly);

/*
 * Writes rows that belong to an order. *plainly: the order was written without a statement, and none has been since, so it
 * is still there; false afterwards where these rows took one, which may have run anything. Needs SPI.
 */
extern void commerce_write_order_part(OrderPart part, const pg_uuid_t *order, Columns *rows, bool *plainly);

#endif
