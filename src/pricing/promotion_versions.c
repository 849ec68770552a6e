/*
 * promotion_versions.c: telling which rows have changed, without reading what they say.
 *
 * A version of a row is never written again: an UPDATE makes another one at another place. When the transaction that made
 * it has ended, no other version by the same transaction comes to its place as long as the table stays in its file, for
 * whoever writes there later is another transaction. So two snapshots that show a version by the same finished transaction
 * at the same place show the same row, whatever became of it in between and in whatever order others committed. That holds
 * until transaction ids come around, of which whoever compares takes care.
 *
 * Versions by the transaction at hand are listed as ones that may be others next time: it may empty its own file, go back
 * to a savepoint and write at the same place again.
 */
#include "pricing/promotion_versions.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#pragma GCC diagnostic pop

#include "base/compat.h"

/* Hashes what the columns are; a column that was dropped counts, so that none comes in its place unseen. */
static uint32
hash_columns(TupleDesc desc)
{
	uint32 hash = (uint32) desc->natts;

	for (int a = 0; a < desc->natts; a++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, a);

		hash = hash_combine(hash, hash_bytes((const unsigned char *) NameStr(attribute->attname),
											 (int) strlen(NameStr(attribute->attname))));
		hash = hash_combine(hash, (uint32) attribute->atttypid);
		hash = hash_combine(hash, (uint32) attribute->atttypmod);
	}
	return hash;
}

/* Describes a table. */
bool
commerce_versioned_table(Relation relation, VersionedTable *table)
{
	Form_pg_class row = relation->rd_rel;
	TupleDesc desc = RelationGetDescr(relation);

	if (row->relkind != RELKIND_RELATION || row->relam != HEAP_TABLE_AM_OID || row->relhassubclass ||
		row->relrowsecurity || row->relhasrules)
		return false;
	for (int a = 0; a < desc->natts; a++)
		if (TupleDescAttr(desc, a)->attgenerated != '\0')
			return false;
	*table = (VersionedTable){.relid = RelationGetRelid(relation),
							  .tablespace = row->reltablespace,
							  .storage = commerce_storage_number(relation),
							  .columns = hash_columns(desc)};
	return true;
}

/* Compares two descriptions. */
bool
commerce_same_versions(const VersionedTable *first, const VersionedTable *second)
{
	return first->relid == second->relid && first->tablespace == second->tablespace &&
		   first->storage == second->storage && first->columns == second->columns;
}

/* Lists what a snapshot shows. The scan begins at the first page, so that places come in their order. */
void
commerce_list_versions(Relation relation, Snapshot snapshot, RowVersions *versions)
{
	TableScanDesc scan = table_beginscan_strat(relation, snapshot, 0, NULL, true, false);
	HeapTuple tuple;
	int room = 64;

	versions->count = 0;
	versions->versions = palloc(sizeof(RowVersion) * room);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		TransactionId xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);

		if (versions->count == room)
		{
			CHECK_FOR_INTERRUPTS();
			room *= 2;
			versions->versions = repalloc_huge(versions->versions, sizeof(RowVersion) * room);
		}
		if (!TransactionIdIsNormal(xmin) || TransactionIdIsCurrentTransactionId(xmin))
			xmin = InvalidTransactionId;
		versions->versions[versions->count++] = (RowVersion){tuple->t_self, xmin, -1};
	}
	table_endscan(scan);
}

/* Finds a version by its place. */
RowVersion *
commerce_find_version(const RowVersions *versions, const ItemPointerData *tid)
{
	int low = 0;
	int high = versions->count - 1;

	while (low <= high)
	{
		int middle = low + (high - low) / 2;
		int order = ItemPointerCompare(unconstify(ItemPointerData *, tid), &versions->versions[middle].tid);

		if (order == 0)
			return &versions->versions[middle];
		if (order > 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return NULL;
}
