/*
 * audit_signer.h: signing checkpoints of the audit log with a key that the database does not hold.
 */
#ifndef COMMERCE_PRIVACY_AUDIT_SIGNER_H
#define COMMERCE_PRIVACY_AUDIT_SIGNER_H

/* Offers the key to the audit log; called once, from _PG_init. */
extern void commerce_audit_signer_init(void);

#endif
