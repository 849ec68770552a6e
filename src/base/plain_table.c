/*
 * plain_table.c: inserting into a heap as the executor would, without the executor.
 *
 * A statement that inserts one row spends most of its time on getting ready: it compiles every CHECK and every index
 * predicate anew. Here that is done once, and again when the server says that something about the table has changed.
 * Where the table is such that a statement would do more (plain_description.c looks), or where this row is, a statement
 * has to do it.
 */
#include "base/plain_description.h"

#include "base/owner.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#pragma GCC diagnostic pop

/* Begins to watch the table. */
void
commerce_plain_table_init(PlainTable *table)
{
	commerce_watch(&table->watch);
	commerce_watch_functions();
}

/* Opens the table for writing rows, or says by NULL that a statement has to. */
Relation
commerce_plain_table_open_for_good(PlainTable *table)
{
	Oid relid = commerce_watch_fresh(&table->watch)
					? table->watch.relid
					: get_relname_relid(table->watch.table, get_namespace_oid("commerce", false));
	Relation relation;

	if (!OidIsValid(relid) || IsInParallelMode())
		return NULL;
	relation = table_open(relid, RowExclusiveLock);
	commerce_describe_table(table, relation);
	/* Whoever was interrupted by an error has closed nothing; the transaction did. */
	for (int i = 0; i < table->description->index_count; i++)
		table->description->indexes[i].relation = NULL;
	if (table->description->plain)
		return relation;
	table_close(relation, NoLock);
	return NULL;
}

/* The same for rows that live with the transaction, which one that is READ ONLY does not write. */
Relation
commerce_plain_table_open(PlainTable *table)
{
	Relation relation = commerce_plain_table_open_for_good(table);

	if (relation != NULL)
		PreventCommandIfReadOnly("INSERT");
	return relation;
}

/* Puts a row into the slot. */
static void
fill_slot(const PlainTable *table, const Datum *values, const bool *nulls)
{
	const PlainDescription *description = table->description;
	TupleTableSlot *slot = description->slot;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int c = 0; c < table->column_count; c++)
	{
		slot->tts_values[description->attributes[c] - 1] = values[c];
		slot->tts_isnull[description->attributes[c] - 1] = nulls[c];
	}
	ExecStoreVirtualTuple(slot);
}

/* Returns whether the row in the slot breaks no rule of the table and fires no trigger. */
static bool
may_be_stored(const PlainDescription *description, ExprContext *context)
{
	TupleTableSlot *slot = description->slot;

	for (int a = 0; a < slot->tts_tupleDescriptor->natts; a++)
		if (slot->tts_isnull[a] && TupleDescAttr(slot->tts_tupleDescriptor, a)->attnotnull)
			return false;
	for (int i = 0; i < description->check_count; i++)
		if (!ExecCheck(description->checks[i], context))
			return false;
	for (int i = 0; i < description->condition_count; i++)
		if (ExecQual(description->conditions[i], context))
			return false;
	return true;
}

/* Enters the row in the slot into one index. */
static void
enter_index(const PlainDescription *description, PlainIndex *plain, Relation relation, ExprContext *context)
{
	TupleTableSlot *slot = description->slot;
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];
	IndexInfo *info;

	if (plain->predicate != NULL && !ExecQual(plain->predicate, context))
		return;
	if (plain->relation == NULL)
		plain->relation = index_open(plain->relid, RowExclusiveLock);
	info = plain->info ? plain->info : BuildIndexInfo(plain->relation);
	FormIndexDatum(info, slot, description->estate, values, nulls);
	(void) index_insert(plain->relation, values, nulls, &slot->tts_tid, relation,
						info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
	if (plain->info == NULL)
		commerce_end_index_insert(plain->relation, info);
}

/* Writes a row. */
static bool
insert_row(PlainTable *table, Relation relation, const Datum *values, const bool *nulls, int options)
{
	PlainDescription *description = table->description;
	ExprContext *context = GetPerTupleExprContext(description->estate);
	bool stored;

	fill_slot(table, values, nulls);
	description->slot->tts_tableOid = RelationGetRelid(relation);
	context->ecxt_scantuple = description->slot;
	stored = may_be_stored(description, context);
	if (stored)
	{
		table_tuple_insert(relation, description->slot, GetCurrentCommandId(true), options, NULL);
		for (int i = 0; i < description->index_count; i++)
			enter_index(description, &description->indexes[i], relation, context);
	}
	ExecClearTuple(description->slot);
	ResetExprContext(context);
	return stored;
}

/* Writes a row that lives with the transaction. */
bool
commerce_plain_table_insert(PlainTable *table, Relation relation, const Datum *values, const bool *nulls)
{
	return insert_row(table, relation, values, nulls, 0);
}

/* Writes a row that stays: a frozen one counts as committed long ago. */
bool
commerce_plain_table_insert_for_good(PlainTable *table, Relation relation, const Datum *values,
									 const bool *nulls)
{
	return insert_row(table, relation, values, nulls, TABLE_INSERT_FROZEN);
}

/* Closes the table and those of its indexes that were opened. */
static void
close_relations(PlainTable *table, Relation relation)
{
	for (int i = 0; i < table->description->index_count; i++)
	{
		PlainIndex *plain = &table->description->indexes[i];

		if (plain->relation != NULL)
			index_close(plain->relation, RowExclusiveLock);
		plain->relation = NULL;
	}
	table_close(relation, NoLock);
}

/* Ends writing. */
void
commerce_plain_table_close(PlainTable *table, Relation relation)
{
	close_relations(table, relation);
	CommandCounterIncrement();
}

/* Writes a row by a statement. */
static void
write_by_statement(const PlainTable *table, const Datum *values, const bool *nulls)
{
	char *flags = palloc(table->column_count);
	OwnerScope scope;

	for (int c = 0; c < table->column_count; c++)
		flags[c] = nulls[c] ? 'n' : ' ';
	SPI_connect();
	commerce_enter_owner(&scope);
	(void) commerce_run(table->statement, PLAN_WRITES, values, flags);
	commerce_leave_owner(&scope);
	SPI_finish();
	pfree(flags);
}

/* Writes one row in either way. */
void
commerce_plain_table_write(PlainTable *table, const Datum *values, const bool *nulls, bool for_good)
{
	Relation relation =
		for_good ? commerce_plain_table_open_for_good(table) : commerce_plain_table_open(table);
	bool written = false;

	if (relation != NULL)
	{
		written = for_good ? commerce_plain_table_insert_for_good(table, relation, values, nulls)
						   : commerce_plain_table_insert(table, relation, values, nulls);
		/* A frozen row is there for everyone at once; to begin another command for it would make this one look changed. */
		if (for_good)
			close_relations(table, relation);
		else
			commerce_plain_table_close(table, relation);
	}
	if (!written)
		write_by_statement(table, values, nulls);
}
