/*
 * open.h: opening a sealed value. Private to the room, so that no other room ever holds a customer's plaintext.
 */
#ifndef COMMERCE_PRIVACY_OPEN_H
#define COMMERCE_PRIVACY_OPEN_H

#include "base/pg.h"

/*
 * Opens a value into a NUL-terminated UTF-8 string. "field" is the field it must have been sealed as, NULL for any.
 * CM040, one text for every reason, where it does not open.
 */
extern char *commerce_open_text(const bytea *sealed, const char *field, const pg_uuid_t *subject,
								size_t *length);

/* The same for a value that is sealed for one row of its subject; NULL for one that is not. */
extern char *commerce_open_row(const bytea *sealed, const char *field, const pg_uuid_t *subject,
							   const pg_uuid_t *row, size_t *length);

/* The same, but NULL instead of CM040. */
extern char *commerce_try_open(const bytea *sealed, const char *field, const pg_uuid_t *subject,
							   const pg_uuid_t *row, size_t *length);

/* Says whether a destination of a guest, sealed for the subject, names an e-mail address, which is in its normal form. */
extern bool commerce_names_email(const bytea *address, const pg_uuid_t *subject, const char *normal);

/*
 * Seals by the key that the subject has today what another key of the subject has sealed, as the same field; 0 where it
 * does not open, or where there is no key to seal with: none is made.
 */
extern Datum commerce_seal_anew(const bytea *sealed, const pg_uuid_t *subject, const pg_uuid_t *row);

/* Raises that CM040. */
pg_noreturn extern void commerce_refuse_unreadable(void);

#endif
