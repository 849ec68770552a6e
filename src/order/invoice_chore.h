/*
 * invoice_chore.h: invoices are numbered in the background.
 */
#ifndef COMMERCE_ORDER_INVOICE_CHORE_H
#define COMMERCE_ORDER_INVOICE_CHORE_H

/* Registers the chore; called once, from _PG_init. */
extern void commerce_invoices_init(void);

#endif
