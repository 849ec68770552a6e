// sources: src/audit/merkle.c
// libs: -lsodium
/*
 * merkle.c: the tree of the audit log. Known answers of Certificate Transparency, and for all trees of up to MOST leaves
 * what the definition of RFC 6962, taken literally, says; and that nothing else proves anything.
 */
#include <stdio.h>
#include <string.h>

#include "audit/merkle.h"

#define MOST 70

static int tests = 0;
static int failures = 0;

static MerkleHash leaves[MOST];
static MerkleHash nodes[8][MOST];

/* Reports one test. */
static void
ok(bool holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++tests, what);
	failures += !holds;
}

/* The definition: the hash of the leaves from begin up to end. */
static MerkleHash
defined(int begin, int end)
{
	MerkleHash left, right;
	int split = 1;

	if (end - begin == 1)
		return leaves[begin];
	while (split * 2 < end - begin)
		split *= 2;
	left = defined(begin, begin + split);
	right = defined(begin + split, end);
	return commerce_merkle_parent(&left, &right);
}

static bool
same(const MerkleHash *a, const MerkleHash *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The hash of a range, from the nodes that were kept. */
static MerkleHash
kept(MerkleRange range)
{
	MerkleNode list[MERKLE_MAX_PARTS];
	MerkleHash hashes[MERKLE_MAX_PARTS];
	int count = commerce_merkle_nodes(range, list);

	for (int i = 0; i < count; i++)
		hashes[i] = nodes[list[i].level][list[i].position];
	return commerce_merkle_fold(hashes, count);
}

/* Grows a tree over leaves 0 up to MOST and keeps what becomes full. */
static bool
grow(void)
{
	MerkleHash peaks[MERKLE_MAX_PARTS];
	bool right = true;

	for (int n = 0; n < MOST; n++)
	{
		MerkleNode grown[MERKLE_MAX_PARTS];
		MerkleHash hashes[MERKLE_MAX_PARTS];
		MerkleHash root = defined(0, n + 1);
		MerkleHash folded;
		int count = commerce_merkle_append(n, peaks, &leaves[n], grown, hashes);

		for (int i = 0; i < count; i++)
			nodes[grown[i].level][grown[i].position] = hashes[i];
		folded = commerce_merkle_fold(peaks, __builtin_popcount((unsigned) n + 1));
		right = right && same(&folded, &root);
		folded = kept((MerkleRange){0, n + 1});
		right = right && same(&folded, &root);
	}
	return right;
}

/* The log of the tests of Certificate Transparency, and its roots. */
static void
test_known(void)
{
	static const struct
	{
		const char *content;
		size_t length;
		const char *root;
	} known[] = {
		{"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"\x50\x51\x52\x53\x54\x55\x56\x57", 8, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
		 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	};
	MerkleHash empty = commerce_merkle_fold(NULL, 0);
	char hex[65];
	bool right = true;

	for (int n = 0; n < 8; n++)
	{
		MerkleHash root;

		leaves[n] = commerce_merkle_leaf(known[n].content, known[n].length);
		root = defined(0, n + 1);
		for (int i = 0; i < MERKLE_HASH_BYTES; i++)
			sprintf(hex + 2 * i, "%02x", root.bytes[i]);
		right = right && strcmp(hex, known[n].root) == 0;
	}
	ok(right, "the roots of Certificate Transparency's log of 8");
	for (int i = 0; i < MERKLE_HASH_BYTES; i++)
		sprintf(hex + 2 * i, "%02x", empty.bytes[i]);
	ok(strcmp(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") == 0,
	   "the root of an empty log");
}

/* Counts how many changes of a proof, each of one bit or number, prove something. */
static int
forged_inclusion(int position, int size, const MerkleHash *root, MerkleHash *path, int count)
{
	const MerkleHash *leaf = &leaves[position];
	int forged = 0;

	for (int other = -1; other <= size; other++)
		forged += other != position && commerce_merkle_proves_inclusion(leaf, other, size, root, path, count);
	for (int i = 0; i < count; i++)
	{
		path[i].bytes[(position + i) % MERKLE_HASH_BYTES] ^= 1 << (i % 8);
		forged += commerce_merkle_proves_inclusion(leaf, position, size, root, path, count);
		path[i].bytes[(position + i) % MERKLE_HASH_BYTES] ^= 1 << (i % 8);
	}
	forged += count > 0 && commerce_merkle_proves_inclusion(leaf, position, size, root, path, count - 1);
	path[count] = *root;
	forged += commerce_merkle_proves_inclusion(leaf, position, size, root, path, count + 1);
	return forged;
}

static void
test_inclusion(void)
{
	bool right = true;
	int forged = 0;

	for (int size = 1; size <= MOST; size++)
		for (int position = 0; position < size; position++)
		{
			MerkleRange ranges[MERKLE_MAX_PARTS];
			MerkleHash path[MERKLE_MAX_PARTS + 1];
			MerkleHash root = kept((MerkleRange){0, size});
			int count = commerce_merkle_inclusion(position, size, ranges);

			for (int i = 0; i < count; i++)
				path[i] = kept(ranges[i]);
			right =
				right && commerce_merkle_proves_inclusion(&leaves[position], position, size, &root, path, count);
			forged += forged_inclusion(position, size, &root, path, count);
		}
	ok(right, "every leaf of every tree is proved to be in it");
	ok(forged == 0, "no changed proof proves that a leaf is in a tree");
}

static void
test_consistency(void)
{
	bool right = true;
	int forged = 0;

	for (int size = 1; size <= MOST; size++)
		for (int old = 1; old <= size; old++)
		{
			MerkleRange ranges[MERKLE_MAX_PARTS];
			MerkleHash path[MERKLE_MAX_PARTS + 1];
			MerkleHash root = kept((MerkleRange){0, size});
			MerkleHash older = kept((MerkleRange){0, old});
			MerkleHash other = older;
			int count = commerce_merkle_consistency(old, size, ranges);

			for (int i = 0; i < count; i++)
				path[i] = kept(ranges[i]);
			right = right && commerce_merkle_proves_consistency(old, &older, size, &root, path, count);
			other.bytes[old % MERKLE_HASH_BYTES] ^= 1;
			forged += commerce_merkle_proves_consistency(old, &other, size, &root, path, count);
			for (int i = 0; i < count; i++)
			{
				path[i].bytes[(old + i) % MERKLE_HASH_BYTES] ^= 1 << (i % 8);
				forged += commerce_merkle_proves_consistency(old, &older, size, &root, path, count);
				path[i].bytes[(old + i) % MERKLE_HASH_BYTES] ^= 1 << (i % 8);
			}
			for (int wrong = 0; wrong <= size + 1; wrong++)
				forged +=
					wrong != old && commerce_merkle_proves_consistency(wrong, &older, size, &root, path, count);
			forged += count > 0 && commerce_merkle_proves_consistency(old, &older, size, &root, path, count - 1);
			path[count] = root;
			forged += commerce_merkle_proves_consistency(old, &older, size, &root, path, count + 1);
		}
	ok(right, "every tree is proved to go on with every earlier one");
	ok(forged == 0, "no changed proof proves that a tree goes on with another");
}

int
main(void)
{
	test_known();
	for (int n = 8; n < MOST; n++)
		leaves[n] = commerce_merkle_leaf(&n, sizeof(n));
	ok(grow(), "a tree that grows leaf by leaf has the roots of the definition");
	test_inclusion();
	test_consistency();
	printf("1..%d\n", tests);
	return failures > 0;
}
