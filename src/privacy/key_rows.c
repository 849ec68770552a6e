/*
 * key_rows.c: looking up rows of commerce.data_keys without a statement.
 *
 * Opening a value costs less than a microsecond, running the smallest statement several; and a statement's plan, made
 * when the table was empty, may well read the whole of it for each value of a first large import. So the rows are read
 * through the primary key itself, under a snapshot taken now. That is done where the two tables are what create_shop()
 * makes; where somebody has partitioned or distributed them, put policies on them or changed their columns, or where a
 * parallel query must read with the snapshot it has, a statement does it.
 */
#include "privacy/key_rows.h"

#include "privacy/keyring.h"
#include "privacy/moment.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#pragma GCC diagnostic pop

/* The columns of commerce.data_keys. */
enum
{
	SUBJECT = 1,
	ID,
	EPOCH,
	WRAPPED,
	CREATED_AT,
	RETIRED_BY
};

/* Returns whether a column is where it was made, by its name and type. */
static bool
has_column(Relation relation, int number, const char *name, Oid type)
{
	Form_pg_attribute column;

	if (RelationGetNumberOfAttributes(relation) < number)
		return false;
	column = TupleDescAttr(RelationGetDescr(relation), number - 1);
	return !column->attisdropped && column->atttypid == type && strcmp(NameStr(column->attname), name) == 0;
}

/* Opens a table of the shop for reading; NULL where it is no plain one. */
static Relation
open_plain(const char *name)
{
	Oid schema = get_namespace_oid("commerce", true);
	Oid table = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
	Relation relation = OidIsValid(table) ? table_open(table, AccessShareLock) : NULL;

	if (relation == NULL)
		return NULL;
	if (relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rel->relam == HEAP_TABLE_AM_OID &&
		!relation->rd_rel->relrowsecurity && !relation->rd_rel->relhassubclass)
		return relation;
	table_close(relation, AccessShareLock);
	return NULL;
}

/* Returns the primary key where it is on subject and id; InvalidOid where it is anything else. */
static Oid
find_index(Relation keys)
{
	Oid index = InvalidOid;
	HeapTuple tuple;
	Form_pg_index form;

	if (!has_column(keys, SUBJECT, "subject", UUIDOID) || !has_column(keys, ID, "id", INT8OID) ||
		!has_column(keys, EPOCH, "epoch", INT4OID) || !has_column(keys, WRAPPED, "wrapped", BYTEAOID) ||
		!has_column(keys, RETIRED_BY, "retired_by", UUIDOID))
		return InvalidOid;
	(void) RelationGetIndexList(keys);
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(keys->rd_pkindex));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	form = (Form_pg_index) GETSTRUCT(tuple);
	if (form->indisvalid && form->indnkeyatts == 2 && form->indkey.values[0] == SUBJECT &&
		form->indkey.values[1] == ID)
		index = form->indexrelid;
	ReleaseSysCache(tuple);
	return index;
}

/* Reads the uuid of this installation from its table; false where that has no row, or is not as it was made. */
static bool
read_shop(Snapshot snapshot, uint8 installation[SEALED_UUID_BYTES])
{
	Relation shop = open_plain("shop");
	bool found = false;
	AttrNumber column;
	SysScanDesc scan;
	HeapTuple tuple;
	bool isnull;

	if (shop == NULL)
		return false;
	column = get_attnum(RelationGetRelid(shop), "installation");
	if (column != InvalidAttrNumber && has_column(shop, column, "installation", UUIDOID))
	{
		scan = systable_beginscan(shop, InvalidOid, false, snapshot, 0, NULL);
		tuple = systable_getnext(scan);
		if (HeapTupleIsValid(tuple))
		{
			Datum value = heap_getattr(tuple, column, RelationGetDescr(shop), &isnull);

			found = !isnull;
			if (found)
				memcpy(installation, DatumGetUUIDP(value)->data, SEALED_UUID_BYTES);
		}
		systable_endscan(scan);
	}
	table_close(shop, AccessShareLock);
	return found;
}

/* Finds the uuid of this installation under a snapshot that is no older than a moment; it is read once in each. */
static bool
find_installation(Snapshot snapshot, const Moment *since, uint8 installation[SEALED_UUID_BYTES])
{
	static uint8 read[SEALED_UUID_BYTES];
	static Moment seen;

	if (!commerce_same_moment(&seen, since))
	{
		memset(&seen, 0, sizeof(seen));
		if (!read_shop(snapshot, read))
			return false;
		seen = *since;
	}
	memcpy(installation, read, SEALED_UUID_BYTES);
	return true;
}

/* Copies a tuple into a row; false where its key is not of the size of one. */
static bool
read_tuple(Relation keys, HeapTuple tuple, KeyRow *row)
{
	TupleDesc description = RelationGetDescr(keys);
	bool isnull;
	bytea *wrapped;

	row->id = DatumGetInt64(heap_getattr(tuple, ID, description, &isnull));
	row->epoch = DatumGetInt32(heap_getattr(tuple, EPOCH, description, &isnull));
	wrapped = DatumGetByteaPP(heap_getattr(tuple, WRAPPED, description, &isnull));
	if (VARSIZE_ANY_EXHDR(wrapped) != WRAPPED_KEY_BYTES)
		return false;
	memcpy(row->wrapped, VARDATA_ANY(wrapped), WRAPPED_KEY_BYTES);
	(void) heap_getattr(tuple, RETIRED_BY, description, &isnull);
	row->retired = !isnull;
	return true;
}

/* Is this the better key to seal with? */
static bool
is_better(const KeyRow *row, const KeyRow *best)
{
	return row->epoch > best->epoch || (row->epoch == best->epoch && row->id > best->id);
}

/* Goes through the subject's keys. */
static bool
scan_keys(Relation keys, Oid index, Snapshot snapshot, const pg_uuid_t *subject, int64 id, KeyRow *best)
{
	ScanKeyData wanted[2];
	bool found = false;
	SysScanDesc scan;
	HeapTuple tuple;
	KeyRow row;

	ScanKeyInit(&wanted[0], SUBJECT, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(subject));
	ScanKeyInit(&wanted[1], ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
	scan = systable_beginscan(keys, index, true, snapshot, id == 0 ? 1 : 2, wanted);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (read_tuple(keys, tuple, &row) && (id != 0 || (!row.retired && commerce_keyring_has(row.epoch) &&
														  (!found || is_better(&row, best)))))
		{
			*best = row;
			found = true;
		}
	systable_endscan(scan);
	return found;
}

/* Finds a key of a subject. */
KeyLookup
commerce_find_key_row(const pg_uuid_t *subject, int64 id, uint8 installation[SEALED_UUID_BYTES], KeyRow *row)
{
	Relation keys;
	KeyLookup result = KEY_ASK_SQL;
	Moment since = commerce_moment();
	Snapshot snapshot;
	Oid index;

	if (IsInParallelMode() || (keys = open_plain("data_keys")) == NULL)
		return KEY_ASK_SQL;
	index = find_index(keys);
	if (OidIsValid(index))
	{
		snapshot = RegisterSnapshot(GetLatestSnapshot());
		if (find_installation(snapshot, &since, installation))
			result = scan_keys(keys, index, snapshot, subject, id, row) ? KEY_FOUND : KEY_NOT_THERE;
		UnregisterSnapshot(snapshot);
	}
	table_close(keys, AccessShareLock);
	return result;
}
