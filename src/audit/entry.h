/*
 * entry.h: what an entry of the audit log says, as the bytes that its leaf is the hash of. Pure.
 */
#ifndef COMMERCE_AUDIT_ENTRY_H
#define COMMERCE_AUDIT_ENTRY_H

#include "audit/merkle.h"

#define AUDIT_ID_BYTES 16
#define AUDIT_SALT_BYTES 16

/* Texts are UTF-8 or whatever the server's encoding is; NULL for what is not said. */
typedef struct AuditEntry
{
	uint8_t id[AUDIT_ID_BYTES];
	int64_t at; /* microseconds since 2000-01-01, as PostgreSQL counts */
	const char *actor;
	const char *login;
	const char *kind;
	const char *relation;
	const char *subject;
	const char *detail;
	uint8_t salt[AUDIT_SALT_BYTES];
} AuditEntry;

/* The leaf of an entry. */
extern MerkleHash commerce_audit_leaf(const AuditEntry *entry);

#endif
