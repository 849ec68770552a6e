/*
 * entry.h: what an entry of the audit log says, as the bytes that its leaf is the hash of. Pure.
 */
#ifndef COMMERCE_AUDIT_ENTRY_H
#define COMMERCE_AUDIT_ENTRY_H

#include "audit/merkle.h"

#define AUDIT_ID_BYTES 16

/* What is stored as salt: one for the entry and one for its detail; of a detail that was erased its hash instead. */
#define AUDIT_SALT_BYTES 16
#define AUDIT_SALTS_BYTES (2 * AUDIT_SALT_BYTES)
#define AUDIT_ERASED_BYTES (AUDIT_SALT_BYTES + MERKLE_HASH_BYTES)

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
	MerkleHash detail;
	uint8_t salt[AUDIT_SALT_BYTES];
} AuditEntry;

/* The hash of a detail, with a salt of its own. */
extern MerkleHash commerce_audit_detail(const char *detail, const uint8_t salt[AUDIT_SALT_BYTES]);

/* The leaf of an entry. */
extern MerkleHash commerce_audit_leaf(const AuditEntry *entry);

#endif
