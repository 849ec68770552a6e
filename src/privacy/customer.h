/*
 * customer.h: finding a customer. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_CUSTOMER_H
#define COMMERCE_PRIVACY_CUSTOMER_H

#include "base/pg.h"

/* Finds the customer with an e-mail address, in any spelling, in UTF-8. Needs an SPI connection. */
extern bool commerce_customer_by_email(const char *email, pg_uuid_t *customer);

#endif
