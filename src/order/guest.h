/*
 * guest.h: by what a guest is found again. Private to the room.
 */
#ifndef COMMERCE_ORDER_GUEST_H
#define COMMERCE_ORDER_GUEST_H

#include "base/pg.h"

/* Begins to watch the table; called once, from _PG_init. */
extern void commerce_guest_init(void);

/*
 * Writes down the e-mail address that the destination of a guest's order names; nothing where it names none. address: the
 * whole destination, sealed for the order; ship_to: the same in the clear, NULL where nobody has it. Needs SPI.
 */
extern void commerce_store_guest(const pg_uuid_t *order, Datum address, const Jsonb *ship_to);

#endif
