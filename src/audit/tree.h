/*
 * tree.h: the tree as it is kept in commerce.audit_nodes. Private to the room.
 */
#ifndef COMMERCE_AUDIT_TREE_H
#define COMMERCE_AUDIT_TREE_H

#include "base/pg.h"

#include "audit/merkle.h"

/* Reads nodes, in their order; XX001 where one is missing. Needs an SPI connection. */
extern void commerce_audit_read_nodes(const MerkleNode *nodes, int count, MerkleHash *hashes);

/* The hash over a range that begins where a full subtree could. Needs an SPI connection. */
extern MerkleHash commerce_audit_range_hash(MerkleRange range);

/* The text that a checkpoint signs, as an auditor can write it himself. Needs an SPI connection. */
extern char *commerce_audit_note_text(int64 size, const MerkleHash *root, TimestampTz at);

/* Between hashes and bytea; false for one of another length. */
extern Datum commerce_audit_hash_datum(const MerkleHash *hash);
extern bool commerce_audit_datum_hash(Datum value, MerkleHash *hash);

#endif
