/*
 * sums.h: the sums of an order, which its parts add up to.
 */
#ifndef COMMERCE_ORDER_SUMS_H
#define COMMERCE_ORDER_SUMS_H

#include "base/pg.h"
#include "pricing/quote.h"

/* Checks what is about to be stored, exactly; an order whose sums are wrong is never written. */
extern void commerce_check_quote_sums(const Quote *quote);

/* While this is set, an order is stored whose sums are checked: constraint triggers leave its rows alone. */
extern void commerce_set_storing(bool now);

#endif
