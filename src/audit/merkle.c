/*
 * merkle.c: the hash tree of RFC 6962.
 *
 * A tree over n leaves is split at the largest power of two below n, and so is each half that is not full yet. So the
 * left part of every split is a full subtree, whose hash never changes again: it is computed once, when its last leaf
 * comes, and kept. Whatever else is asked for, the root of any earlier size or the parts of a proof, is the hash of a
 * range that begins where a full subtree could: a few full subtrees side by side, as many as its length has bits set,
 * folded from the right. That is why a log of millions answers from some dozens of rows.
 *
 * Leaves and inner nodes are hashed with different first bytes, so that no node passes for a leaf.
 */
#include "audit/merkle.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_hash_sha256_BYTES == MERKLE_HASH_BYTES, "size of SHA-256");

/* Hashes a leaf's content. */
MerkleHash
commerce_merkle_leaf(const void *content, size_t length)
{
	static const uint8_t prefix = 0;
	crypto_hash_sha256_state state;
	MerkleHash hash;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, &prefix, 1);
	crypto_hash_sha256_update(&state, content, length);
	crypto_hash_sha256_final(&state, hash.bytes);
	return hash;
}

/* Hashes two subtrees side by side. */
MerkleHash
commerce_merkle_parent(const MerkleHash *left, const MerkleHash *right)
{
	uint8_t both[1 + 2 * MERKLE_HASH_BYTES] = {1};
	MerkleHash hash;

	memcpy(both + 1, left->bytes, MERKLE_HASH_BYTES);
	memcpy(both + 1 + MERKLE_HASH_BYTES, right->bytes, MERKLE_HASH_BYTES);
	crypto_hash_sha256(hash.bytes, both, sizeof(both));
	return hash;
}

/* Returns the largest power of two that is at most n, for n > 0, as its exponent. */
static int
log2_of(int64_t n)
{
	return 63 - __builtin_clzll((unsigned long long) n);
}

/* Lists the full subtrees of a range, from left to right. */
int
commerce_merkle_nodes(MerkleRange range, MerkleNode nodes[MERKLE_MAX_PARTS])
{
	int count = 0;

	while (range.begin < range.end)
	{
		int level = log2_of(range.end - range.begin);

		nodes[count++] = (MerkleNode){level, range.begin >> level};
		range.begin += INT64_C(1) << level;
	}
	return count;
}

/* Folds the hashes of a range's nodes. */
MerkleHash
commerce_merkle_fold(const MerkleHash *hashes, int count)
{
	MerkleHash hash;

	if (count == 0)
	{
		crypto_hash_sha256(hash.bytes, NULL, 0);
		return hash;
	}
	hash = hashes[count - 1];
	for (int i = count - 2; i >= 0; i--)
		hash = commerce_merkle_parent(&hashes[i], &hash);
	return hash;
}

/* Adds a leaf: each peak of the tree that is as high as what has grown so far becomes its left half. */
int
commerce_merkle_append(int64_t size, MerkleHash peaks[MERKLE_MAX_PARTS], const MerkleHash *leaf,
					   MerkleNode grown[MERKLE_MAX_PARTS], MerkleHash hashes[MERKLE_MAX_PARTS])
{
	int peak = __builtin_popcountll((unsigned long long) size);
	int count = 1;

	grown[0] = (MerkleNode){0, size};
	hashes[0] = *leaf;
	while (size & (INT64_C(1) << (count - 1)))
	{
		hashes[count] = commerce_merkle_parent(&peaks[--peak], &hashes[count - 1]);
		grown[count] = (MerkleNode){count, size >> count};
		count++;
	}
	peaks[peak] = hashes[count - 1];
	return count;
}

/* Returns where a range of more than one leaf is split. */
static int64_t
split_of(MerkleRange range)
{
	return range.begin + (INT64_C(1) << log2_of(range.end - range.begin - 1));
}

/* Turns a path that was written from the root down into one from the leaf up. */
static void
reverse(MerkleRange *path, int count)
{
	for (int i = 0; i < count / 2; i++)
	{
		MerkleRange other = path[i];

		path[i] = path[count - 1 - i];
		path[count - 1 - i] = other;
	}
}

/* Lists the ranges beside the way from the root to a leaf. */
int
commerce_merkle_inclusion(int64_t position, int64_t size, MerkleRange path[MERKLE_MAX_PARTS])
{
	MerkleRange range = {0, size};
	int count = 0;

	while (range.end - range.begin > 1)
	{
		int64_t split = split_of(range);

		if (position < split)
		{
			path[count++] = (MerkleRange){split, range.end};
			range.end = split;
		}
		else
		{
			path[count++] = (MerkleRange){range.begin, split};
			range.begin = split;
		}
	}
	reverse(path, count);
	return count;
}

/* Lists the ranges beside the way from the root to the end of the older tree, and that end where it is no whole tree. */
int
commerce_merkle_consistency(int64_t old_size, int64_t size, MerkleRange path[MERKLE_MAX_PARTS])
{
	MerkleRange range = {0, size};
	bool whole = true;
	int count = 0;

	while (range.end != old_size)
	{
		int64_t split = split_of(range);

		if (old_size <= split)
		{
			path[count++] = (MerkleRange){split, range.end};
			range.end = split;
		}
		else
		{
			path[count++] = (MerkleRange){range.begin, split};
			range.begin = split;
			whole = false;
		}
	}
	if (!whole)
		path[count++] = range;
	reverse(path, count);
	return count;
}

static bool
equal(const MerkleHash *a, const MerkleHash *b)
{
	return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

/* Computes the root that the path leads to, as RFC 9162, 2.1.3.2. */
bool
commerce_merkle_proves_inclusion(const MerkleHash *leaf, int64_t position, int64_t size,
								 const MerkleHash *root, const MerkleHash *path, int count)
{
	MerkleHash hash = *leaf;
	int64_t node = position;
	int64_t last = size - 1;

	if (position < 0 || position >= size)
		return false;
	for (int i = 0; i < count; i++)
	{
		if (last == 0)
			return false;
		if ((node & 1) || node == last)
		{
			hash = commerce_merkle_parent(&path[i], &hash);
			while (!(node & 1) && node != 0)
			{
				node >>= 1;
				last >>= 1;
			}
		}
		else
			hash = commerce_merkle_parent(&hash, &path[i]);
		node >>= 1;
		last >>= 1;
	}
	return last == 0 && equal(&hash, root);
}

/* Computes both roots that the path leads to, as RFC 9162, 2.1.4.2. */
bool
commerce_merkle_proves_consistency(int64_t old_size, const MerkleHash *old_root, int64_t size,
								   const MerkleHash *root, const MerkleHash *path, int count)
{
	int64_t node = old_size - 1;
	int64_t last = size - 1;
	MerkleHash older;
	MerkleHash newer;
	int next = 0;

	if (old_size <= 0 || old_size > size)
		return false;
	if (old_size == size)
		return count == 0 && equal(old_root, root);
	while (node & 1)
	{
		node >>= 1;
		last >>= 1;
	}
	/* An older tree that is full stands for itself. */
	if (node == 0)
		older = *old_root;
	else if (count > 0)
		older = path[next++];
	else
		return false;
	newer = older;
	for (; next < count; next++)
	{
		if (last == 0)
			return false;
		if ((node & 1) || node == last)
		{
			older = commerce_merkle_parent(&path[next], &older);
			newer = commerce_merkle_parent(&path[next], &newer);
			while (!(node & 1) && node != 0)
			{
				node >>= 1;
				last >>= 1;
			}
		}
		else
			newer = commerce_merkle_parent(&newer, &path[next]);
		node >>= 1;
		last >>= 1;
	}
	return last == 0 && equal(&older, old_root) && equal(&newer, root);
}
