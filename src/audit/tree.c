/*
 * tree.c: reading the tree that is kept, and what a checkpoint says of it.
 */
#include "audit/tree.h"

#include "base/plan.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

static SavedPlan read_nodes = {
	.sql =
		"SELECT n.hash FROM unnest($1, $2) WITH ORDINALITY AS a (level, position, nth)"
		" LEFT JOIN commerce.audit_nodes n ON n.level = a.level AND n.position = a.position ORDER BY a.nth",
	.args = "int2[]; int8[]"};

static SavedPlan read_installation = {.sql = "SELECT installation::text FROM commerce.shop"};

/* Makes a bytea of a hash. */
Datum
commerce_audit_hash_datum(const MerkleHash *hash)
{
	bytea *value = palloc(VARHDRSZ + MERKLE_HASH_BYTES);

	SET_VARSIZE(value, VARHDRSZ + MERKLE_HASH_BYTES);
	memcpy(VARDATA(value), hash->bytes, MERKLE_HASH_BYTES);
	return PointerGetDatum(value);
}

/* Makes a hash of a bytea. */
bool
commerce_audit_datum_hash(Datum value, MerkleHash *hash)
{
	const bytea *bytes = DatumGetByteaPP(value);

	if (VARSIZE_ANY_EXHDR(bytes) != MERKLE_HASH_BYTES)
		return false;
	memcpy(hash->bytes, VARDATA_ANY(bytes), MERKLE_HASH_BYTES);
	return true;
}

/* Reads nodes by one statement. */
void
commerce_audit_read_nodes(const MerkleNode *nodes, int count, MerkleHash *hashes)
{
	Datum *levels = palloc(sizeof(Datum) * Max(count, 1));
	Datum *positions = palloc(sizeof(Datum) * Max(count, 1));

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		levels[i] = Int16GetDatum((int16) nodes[i].level);
		positions[i] = Int64GetDatum(nodes[i].position);
	}
	(void) commerce_run(
		&read_nodes, PLAN_LATEST,
		(Datum[]){PointerGetDatum(construct_array(levels, count, INT2OID, 2, true, TYPALIGN_SHORT)),
				  PointerGetDatum(construct_array(positions, count, INT8OID, 8, true, TYPALIGN_DOUBLE))},
		NULL);
	for (int i = 0; i < count; i++)
	{
		bool isnull;
		Datum value = commerce_value((uint64) i, 1, &isnull);

		if (isnull || !commerce_audit_datum_hash(value, &hashes[i]))
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
							errmsg("node " INT64_FORMAT " of level %d of the audit tree is missing",
								   nodes[i].position, nodes[i].level),
							errhint("SELECT * FROM commerce.verify_audit() tells what else is.")));
	}
}

/* Returns the hash over a range. */
MerkleHash
commerce_audit_range_hash(MerkleRange range)
{
	MerkleNode nodes[MERKLE_MAX_PARTS];
	MerkleHash hashes[MERKLE_MAX_PARTS];
	int count = commerce_merkle_nodes(range, nodes);

	commerce_audit_read_nodes(nodes, count, hashes);
	return commerce_merkle_fold(hashes, count);
}

/* Returns the text of a checkpoint: which shop, how many entries, their root, and when, in seconds of Unix time. */
char *
commerce_audit_note_text(int64 size, const MerkleHash *root, TimestampTz at)
{
	char hex[2 * MERKLE_HASH_BYTES + 1];

	for (int i = 0; i < MERKLE_HASH_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", root->bytes[i]);
	(void) commerce_run(&read_installation, PLAN_LATEST, NULL, NULL);
	return psprintf("commerce audit checkpoint\ninstallation %s\nsize " INT64_FORMAT "\nroot %s\ntime %lld\n",
					commerce_text(0, 1), size, hex, (long long) timestamptz_to_time_t(at));
}
