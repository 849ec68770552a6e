/*
 * reseal_sql.c: what a rotation of data keys does to one value, one key, and the question that it has to ask before it
 * deletes one, called by its batches (sql/privacy/044_data_keys.sql). No plaintext and no key leaves these functions.
 */
#include "base/pg.h"

#include "privacy/datakeys.h"
#include "privacy/envelope.h"
#include "privacy/keyring.h"
#include "privacy/open.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/table.h"
#include "access/transam.h"
#include "funcapi.h"
#include "storage/procarray.h"
#include "utils/rel.h"
#include "utils/xid8.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_sealed_key_sql);
PG_FUNCTION_INFO_V1(commerce_is_under_retired_key);
PG_FUNCTION_INFO_V1(commerce_resealed);
PG_FUNCTION_INFO_V1(commerce_new_data_key);
PG_FUNCTION_INFO_V1(commerce_is_over);

/* Reads the id of the data key in a value's header; a long value stays where it is, out of line. */
static int64
key_of(Datum sealed)
{
	bytea *header = DatumGetByteaPSlice(sealed, 0, SEALED_HEADER_BYTES);

	if (VARSIZE_ANY_EXHDR(header) != SEALED_HEADER_BYTES)
		return 0;
	return commerce_sealed_data_key((const uint8 *) VARDATA_ANY(header));
}

/* sealed_key(value) returns the id of the data key that the value was sealed with. */
Datum
commerce_sealed_key_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(key_of(PG_GETARG_DATUM(0)));
}

/* is_under_retired_key(value, subject) says whether the value was sealed with a key of the subject's that is retired. */
Datum
commerce_is_under_retired_key(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	commerce_keyring_open();
	PG_RETURN_BOOL(commerce_data_key_is_retired(PG_GETARG_UUID_P(1), key_of(PG_GETARG_DATUM(0))));
}

/* resealed(value, subject, row_id) seals by the subject's key of today what a retired one has sealed, or returns NULL. */
Datum
commerce_resealed(PG_FUNCTION_ARGS)
{
	Datum anew;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	commerce_keyring_open();
	if (!commerce_data_key_is_retired(PG_GETARG_UUID_P(1), key_of(PG_GETARG_DATUM(0))))
		PG_RETURN_NULL();
	anew = commerce_seal_anew(PG_GETARG_BYTEA_PP(0), PG_GETARG_UUID_P(1),
							  PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2));
	if (anew == (Datum) 0)
		PG_RETURN_NULL();
	return anew;
}

/* new_data_key(subject, OUT id, OUT epoch, OUT wrapped) draws a key for a subject, to be stored. */
Datum
commerce_new_data_key(PG_FUNCTION_ARGS)
{
	bytea *wrapped = palloc(VARHDRSZ + WRAPPED_KEY_BYTES);
	bool nulls[3] = {false};
	TupleDesc description;
	int32 epoch;
	int64 id;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "new_data_key() returns a row");
	commerce_keyring_open();
	SPI_connect();
	commerce_draw_data_key(PG_GETARG_UUID_P(0), &id, &epoch, (uint8 *) VARDATA(wrapped));
	SPI_finish();
	SET_VARSIZE(wrapped, VARHDRSZ + WRAPPED_KEY_BYTES);
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(description),
						(Datum[]){Int64GetDatum(id), Int32GetDatum(epoch), PointerGetDatum(wrapped)}, nulls));
}

/*
 * is_over(transaction, table) says whether that transaction and all before it have ended and nobody, here or on a standby
 * that gives feedback, has a snapshot that shows the table as it was before: by the rule by which VACUUM goes.
 */
Datum
commerce_is_over(PG_FUNCTION_ARGS)
{
	FullTransactionId transaction = PG_GETARG_FULLTRANSACTIONID(0);
	Relation table = table_open(PG_GETARG_OID(1), AccessShareLock);
	TransactionId horizon = GetOldestNonRemovableTransactionId(table);
	FullTransactionId next = ReadNextFullTransactionId();
	uint32 behind = XidFromFullTransactionId(next) - horizon;

	table_close(table, AccessShareLock);
	PG_RETURN_BOOL(U64FromFullTransactionId(transaction) < U64FromFullTransactionId(next) - behind);
}
