/*
 * purpose.h: what a customer's value is revealed for, and that it was. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_PURPOSE_H
#define COMMERCE_PRIVACY_PURPOSE_H

#include "base/pg.h"

/* Refuses a purpose that says nothing, with 22023. */
extern void commerce_require_purpose(const text *purpose);

/*
 * Writes into the audit log that values of a subject were revealed, to stay whatever becomes of the transaction; nothing
 * where commerce.audit_reveals is off. 25006 on a standby. Call it before the value is handed out.
 */
extern void commerce_note_reveal(const pg_uuid_t *subject, const char *fields, const text *purpose);

#endif
