/*
 * proofs_sql.c: proofs about the tree, and judging those that somebody brings.
 *
 * What makes a proof reads the tree that is kept. What judges one reads nothing but its arguments, so that it can run in
 * any database, with a root that was kept elsewhere.
 */
#include "base/pg.h"

#include <sodium.h>

#include "audit/audit.h"
#include "audit/tree.h"
#include "base/ready.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_audit_root);
PG_FUNCTION_INFO_V1(commerce_audit_note);
PG_FUNCTION_INFO_V1(commerce_audit_path);
PG_FUNCTION_INFO_V1(commerce_audit_consistency);
PG_FUNCTION_INFO_V1(commerce_proves_inclusion);
PG_FUNCTION_INFO_V1(commerce_proves_consistency);
PG_FUNCTION_INFO_V1(commerce_proves_checkpoint);

/* Refuses sizes and positions that no tree has. */
static void
check_part(bool there)
{
	if (!there)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a tree has no such part")));
}

/* Reads the hashes of ranges as a bytea[] that outlives SPI. */
static Datum
hash_ranges(const MerkleRange *ranges, int count)
{
	Datum *hashes = palloc(sizeof(Datum) * Max(count, 1));
	ArrayType *array;

	for (int i = 0; i < count; i++)
	{
		MerkleHash hash = commerce_audit_range_hash(ranges[i]);

		hashes[i] = commerce_audit_hash_datum(&hash);
	}
	array = construct_array(hashes, count, BYTEAOID, -1, false, TYPALIGN_INT);
	return SPI_datumTransfer(PointerGetDatum(array), false, -1);
}

/* Reads a proof out of an argument; returns how many hashes it has, -1 for what cannot be one. */
static int
path_argument(FunctionCallInfo fcinfo, int n, MerkleHash path[MERKLE_MAX_PARTS])
{
	Datum *values;
	bool *nulls;
	int count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), BYTEAOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count > MERKLE_MAX_PARTS)
		return -1;
	for (int i = 0; i < count; i++)
		if (nulls[i] || !commerce_audit_datum_hash(values[i], &path[i]))
			return -1;
	return count;
}

/* audit_root(size) */
Datum
commerce_audit_root(PG_FUNCTION_ARGS)
{
	MerkleHash root;

	check_part(PG_GETARG_INT64(0) >= 0);
	SPI_connect();
	commerce_require_shop();
	root = commerce_audit_range_hash((MerkleRange){0, PG_GETARG_INT64(0)});
	SPI_finish();
	PG_RETURN_DATUM(commerce_audit_hash_datum(&root));
}

/* audit_note(size, root, at) */
Datum
commerce_audit_note(PG_FUNCTION_ARGS)
{
	MerkleHash root;
	Datum note;

	SPI_connect();
	commerce_require_shop();
	if (!commerce_audit_datum_hash(PG_GETARG_DATUM(1), &root))
	{
		SPI_finish();
		PG_RETURN_NULL();
	}
	note = CStringGetTextDatum(commerce_audit_note_text(PG_GETARG_INT64(0), &root, PG_GETARG_TIMESTAMPTZ(2)));
	note = SPI_datumTransfer(note, false, -1);
	SPI_finish();
	PG_RETURN_DATUM(note);
}

/* audit_path(position, size) */
Datum
commerce_audit_path(PG_FUNCTION_ARGS)
{
	MerkleRange path[MERKLE_MAX_PARTS];
	Datum result;

	check_part(PG_GETARG_INT64(0) >= 0 && PG_GETARG_INT64(0) < PG_GETARG_INT64(1));
	SPI_connect();
	result = hash_ranges(path, commerce_merkle_inclusion(PG_GETARG_INT64(0), PG_GETARG_INT64(1), path));
	SPI_finish();
	PG_RETURN_DATUM(result);
}

/* audit_consistency_path(old_size, size) */
Datum
commerce_audit_consistency(PG_FUNCTION_ARGS)
{
	MerkleRange path[MERKLE_MAX_PARTS];
	Datum result;

	check_part(PG_GETARG_INT64(0) > 0 && PG_GETARG_INT64(0) <= PG_GETARG_INT64(1));
	SPI_connect();
	result = hash_ranges(path, commerce_merkle_consistency(PG_GETARG_INT64(0), PG_GETARG_INT64(1), path));
	SPI_finish();
	PG_RETURN_DATUM(result);
}

/* verify_inclusion(leaf, position, size, root, path) */
Datum
commerce_proves_inclusion(PG_FUNCTION_ARGS)
{
	MerkleHash path[MERKLE_MAX_PARTS];
	MerkleHash leaf;
	MerkleHash root;
	int count = path_argument(fcinfo, 4, path);

	PG_RETURN_BOOL(
		count >= 0 && commerce_audit_datum_hash(PG_GETARG_DATUM(0), &leaf) &&
		commerce_audit_datum_hash(PG_GETARG_DATUM(3), &root) &&
		commerce_merkle_proves_inclusion(&leaf, PG_GETARG_INT64(1), PG_GETARG_INT64(2), &root, path, count));
}

/* verify_consistency(old_size, old_root, size, root, path) */
Datum
commerce_proves_consistency(PG_FUNCTION_ARGS)
{
	MerkleHash path[MERKLE_MAX_PARTS];
	MerkleHash old_root;
	MerkleHash root;
	int count = path_argument(fcinfo, 4, path);

	PG_RETURN_BOOL(count >= 0 && commerce_audit_datum_hash(PG_GETARG_DATUM(1), &old_root) &&
				   commerce_audit_datum_hash(PG_GETARG_DATUM(3), &root) &&
				   commerce_merkle_proves_consistency(PG_GETARG_INT64(0), &old_root, PG_GETARG_INT64(2),
													  &root, path, count));
}

/* verify_checkpoint(note, signature, public_key) */
Datum
commerce_proves_checkpoint(PG_FUNCTION_ARGS)
{
	const text *note = PG_GETARG_TEXT_PP(0);
	const bytea *signature = PG_GETARG_BYTEA_PP(1);
	const bytea *public_key = PG_GETARG_BYTEA_PP(2);

	PG_RETURN_BOOL(VARSIZE_ANY_EXHDR(signature) == crypto_sign_BYTES &&
				   VARSIZE_ANY_EXHDR(public_key) == crypto_sign_PUBLICKEYBYTES &&
				   crypto_sign_verify_detached((const uint8 *) VARDATA_ANY(signature),
											   (const uint8 *) VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note),
											   (const uint8 *) VARDATA_ANY(public_key)) == 0);
}
