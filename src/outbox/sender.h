/*
 * sender.h: the background process that sends.
 */
#ifndef COMMERCE_OUTBOX_SENDER_H
#define COMMERCE_OUTBOX_SENDER_H

#include "base/pg.h"

/* The sender: stays in the database whose OID is its argument while there is something to send. */
extern PGDLLEXPORT void commerce_sender_main(Datum database);

/* Registers what finds work for it that nobody told of; called once, from _PG_init. */
extern void commerce_sender_init(void);

#endif
