/*
 * audit.h: noting who did what, when.
 */
#ifndef COMMERCE_AUDIT_AUDIT_H
#define COMMERCE_AUDIT_AUDIT_H

#include "base/pg.h"

#define AUDIT_PUBLIC_KEY_BYTES 32
#define AUDIT_SIGNATURE_BYTES 64

/* What happened. Each text may be NULL but kind; detail may be NULL. */
typedef struct AuditFacts
{
	const char *kind;
	const char *relation;
	const char *subject;
	const Jsonb *detail;
} AuditFacts;

/* Begins to watch the table and registers the chore that seals it; called once, from _PG_init. */
extern void commerce_audit_init(void);

/* Writes an entry about what the acting role does now; it is there if this transaction commits. */
extern void commerce_audit(const AuditFacts *facts);

/*
 * Writes an entry that stays though the transaction be rolled back, and also in one that is READ ONLY: for what cannot be
 * undone, as that somebody was shown something. 25006 on a standby.
 */
extern void commerce_audit_for_good(const AuditFacts *facts);

/*
 * Signs a message with a key that is kept outside of the database; false where there is none. The room that keeps keys
 * says how, in _PG_init; until then nothing is signed.
 */
typedef bool (*AuditSigner)(const char *message, size_t length, uint8 signature[AUDIT_SIGNATURE_BYTES],
							uint8 public_key[AUDIT_PUBLIC_KEY_BYTES]);
extern AuditSigner commerce_audit_signer;

#endif
