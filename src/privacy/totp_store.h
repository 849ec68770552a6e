/*
 * totp_store.h: second factors of customers. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_TOTP_STORE_H
#define COMMERCE_PRIVACY_TOTP_STORE_H

#include "base/pg.h"

/* What showed who asks. */
typedef enum SecondFactor
{
	NO_FACTOR,
	APP_CODE,
	RECOVERY_CODE
} SecondFactor;

/* Does the customer log in with a second factor? Needs an SPI connection. */
extern bool commerce_has_second_factor(const pg_uuid_t *customer);

/*
 * Is this a code of the customer's authenticator app, or one of the recovery codes? It is used up: of two transactions
 * with one code one waits for the other, and is told no (NO_FACTOR). Needs an SPI connection.
 */
extern SecondFactor commerce_use_second_factor(const pg_uuid_t *customer, const text *code);

/* Is this the current code of a secret that waits to be confirmed? Confirms it, and uses the code up. */
extern bool commerce_confirm_second_factor(const pg_uuid_t *customer, const text *code);

/* Stores a secret, to be confirmed; false where there is a confirmed one. */
extern bool commerce_store_second_factor(const pg_uuid_t *customer, const char *secret, int digits);

/* Replaces the recovery codes of a customer by new ones, a text[]. */
extern Datum commerce_make_recovery_codes(const pg_uuid_t *customer);

#endif
