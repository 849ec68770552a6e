/*
 * merkle.h: the hash tree of RFC 6962 over a log that only grows. Pure: libsodium's SHA-256 and nothing of the server.
 */
#ifndef COMMERCE_AUDIT_MERKLE_H
#define COMMERCE_AUDIT_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_HASH_BYTES 32

/* More than the levels of any tree that an int64 counts the leaves of; no proof and no range has more parts. */
#define MERKLE_MAX_PARTS 64

typedef struct MerkleHash
{
	uint8_t bytes[MERKLE_HASH_BYTES];
} MerkleHash;

/* The full subtree over the 2^level leaves from position << level on: what a tree that grows never computes twice. */
typedef struct MerkleNode
{
	int level;
	int64_t position;
} MerkleNode;

/* The leaves from begin up to, not including, end. */
typedef struct MerkleRange
{
	int64_t begin;
	int64_t end;
} MerkleRange;

/* The hash of a leaf's content, and of two subtrees side by side. */
extern MerkleHash commerce_merkle_leaf(const void *content, size_t length);
extern MerkleHash commerce_merkle_parent(const MerkleHash *left, const MerkleHash *right);

/* The full subtrees that a range of a proof, or a whole tree, consists of, from left to right; returns how many. */
extern int commerce_merkle_nodes(MerkleRange range, MerkleNode nodes[MERKLE_MAX_PARTS]);

/* The hash of a range from those of its nodes; of none, that of an empty tree. */
extern MerkleHash commerce_merkle_fold(const MerkleHash *hashes, int count);

/*
 * Adds a leaf to a tree of so many leaves. peaks holds the hashes of the nodes of the whole tree and is brought up to
 * date; grown takes the nodes that this leaf makes full, itself first. Returns how many those are.
 */
extern int commerce_merkle_append(int64_t size, MerkleHash peaks[MERKLE_MAX_PARTS], const MerkleHash *leaf,
								  MerkleNode grown[MERKLE_MAX_PARTS], MerkleHash hashes[MERKLE_MAX_PARTS]);

/* The ranges whose hashes prove that a leaf is in a tree of so many; returns how many. 0 <= position < size. */
extern int commerce_merkle_inclusion(int64_t position, int64_t size, MerkleRange path[MERKLE_MAX_PARTS]);

/* Those that prove that a tree of old_size leaves is the beginning of one of size; 0 < old_size <= size. */
extern int commerce_merkle_consistency(int64_t old_size, int64_t size, MerkleRange path[MERKLE_MAX_PARTS]);

/* Do the hashes prove it? Any sizes and counts may be given. */
extern bool commerce_merkle_proves_inclusion(const MerkleHash *leaf, int64_t position, int64_t size,
											 const MerkleHash *root, const MerkleHash *path, int count);
extern bool commerce_merkle_proves_consistency(int64_t old_size, const MerkleHash *old_root, int64_t size,
											   const MerkleHash *root, const MerkleHash *path, int count);

#endif
