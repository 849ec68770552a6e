/*
 * entry.c: the leaf of an entry.
 *
 * Every part is preceded by its length, so that no two entries are the same bytes, and the salt makes a leaf say nothing
 * about an entry that is no longer there: few possible contents could otherwise be tried out.
 *
 * Of its detail the leaf holds a hash with a salt of its own. So a detail that has to be forgotten can go with that salt,
 * and its hash stays: of everything else, who did what to whom and when, the leaf is still the proof.
 */
#include "audit/entry.h"

#include <sodium.h>
#include <string.h>

#define PURPOSE "commerce.audit.v1"
#define DETAIL_PURPOSE "commerce.audit.detail.v1"

static void
add_number(crypto_hash_sha256_state *state, uint64_t value)
{
	uint8_t bytes[8];

	for (int i = 7; i >= 0; i--, value >>= 8)
		bytes[i] = (uint8_t) value;
	crypto_hash_sha256_update(state, bytes, sizeof(bytes));
}

/* Adds a text; one that is not there is longer than any. */
static void
add_text(crypto_hash_sha256_state *state, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	add_number(state, text ? length : UINT64_MAX);
	if (length > 0)
		crypto_hash_sha256_update(state, (const uint8_t *) text, length);
}

/* Hashes a detail. */
MerkleHash
commerce_audit_detail(const char *detail, const uint8_t salt[AUDIT_SALT_BYTES])
{
	crypto_hash_sha256_state state;
	MerkleHash hash;

	crypto_hash_sha256_init(&state);
	add_text(&state, DETAIL_PURPOSE);
	crypto_hash_sha256_update(&state, salt, AUDIT_SALT_BYTES);
	add_text(&state, detail);
	crypto_hash_sha256_final(&state, hash.bytes);
	return hash;
}

/* Hashes an entry. */
MerkleHash
commerce_audit_leaf(const AuditEntry *entry)
{
	static const uint8_t prefix = 0;
	crypto_hash_sha256_state state;
	MerkleHash leaf;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, &prefix, 1);
	add_text(&state, PURPOSE);
	crypto_hash_sha256_update(&state, entry->id, AUDIT_ID_BYTES);
	add_number(&state, (uint64_t) entry->at);
	add_text(&state, entry->actor);
	add_text(&state, entry->login);
	add_text(&state, entry->kind);
	add_text(&state, entry->relation);
	add_text(&state, entry->subject);
	crypto_hash_sha256_update(&state, entry->detail.bytes, MERKLE_HASH_BYTES);
	crypto_hash_sha256_update(&state, entry->salt, AUDIT_SALT_BYTES);
	crypto_hash_sha256_final(&state, leaf.bytes);
	return leaf;
}
