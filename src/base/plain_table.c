/*
 * plain_table.c: inserting into a heap as the executor would, without the executor.
 *
 * A statement that inserts one row spends most of its time on getting ready: it compiles every CHECK and every index
 * predicate anew. Here that is done once, and again when the server says that something about the table has changed.
 * It is the user's table, so nothing is taken for granted: what the table is made of is looked at, and where a
 * statement would do anything that this does not, the answer is that the table is not plain. Checks and predicates are
 * evaluated whatever they say, as long as they are made of built-in, immutable functions: their meaning cannot change
 * unseen, and they run nothing under borrowed rights, which query_to_xml(), though built in, would.
 */
#include "base/plain_table.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/prs2lock.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

typedef struct PlainIndex
{
	Oid relid;
	IndexInfo *info;
	ExprState *predicate; /* NULL: every row */
} PlainIndex;

/* What a plain table is made of. */
struct PlainDescription
{
	MemoryContext memory;
	bool plain;
	EState *estate;
	TupleTableSlot *slot;
	AttrNumber *attributes; /* of the columns */
	ExprState **checks;
	int check_count;
	PlainIndex *indexes;
	int index_count;
};

/* Begins to watch the table. */
void
commerce_plain_table_init(PlainTable *table)
{
	commerce_watch(&table->watch);
}

static bool
is_made_by_user(Oid function, void *context)
{
	(void) context;
	return function >= FirstNormalObjectId;
}

/* Returns whether an expression calls a function that is not built in; a domain's checks call what they like. */
static bool
calls_users_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain) || check_functions_in_node(node, is_made_by_user, context))
		return true;
	return expression_tree_walker(node, calls_users_function, context);
}

/* Finds the columns, and refuses others that a row without them could not leave empty. */
static bool
describe_columns(const PlainTable *table, PlainDescription *description, TupleDesc desc)
{
	int found = 0;

	description->attributes = palloc0(sizeof(AttrNumber) * table->column_count);
	for (int a = 0; a < desc->natts; a++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, a);
		int c = 0;

		if (attribute->attisdropped)
			continue;
		while (c < table->column_count && strcmp(NameStr(attribute->attname), table->columns[c].name) != 0)
			c++;
		if (attribute->attgenerated || attribute->attidentity)
			return false;
		if (c < table->column_count)
		{
			if (attribute->atttypid != table->columns[c].type || attribute->atttypmod >= 0)
				return false;
			description->attributes[c] = (AttrNumber) (a + 1);
			found++;
		}
		else if (attribute->atthasdef || attribute->attnotnull ||
				 getBaseType(attribute->atttypid) != attribute->atttypid)
			return false;
	}
	return found == table->column_count;
}

/* Returns whether no trigger fires on INSERT but the one that the writer stands in for. */
static bool
describe_triggers(const PlainTable *table, Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	for (int t = 0; triggers != NULL && t < triggers->numtriggers; t++)
	{
		const Trigger *trigger = &triggers->triggers[t];
		char *function;

		if (!TRIGGER_FOR_INSERT(trigger->tgtype) || trigger->tgenabled == TRIGGER_DISABLED)
			continue;
		function = get_func_name(trigger->tgfoid);
		if (table->trigger == NULL || function == NULL || strcmp(function, table->trigger) != 0 ||
			get_func_namespace(trigger->tgfoid) != get_namespace_oid("commerce", true))
			return false;
	}
	return true;
}

/* Compiles the checks. */
static bool
describe_checks(PlainDescription *description, TupleDesc desc)
{
	int count = desc->constr ? desc->constr->num_check : 0;

	description->checks = palloc(sizeof(ExprState *) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		Node *check = stringToNode(desc->constr->check[i].ccbin);

		if (contain_mutable_functions(check) || calls_users_function(check, NULL))
			return false;
		description->checks[description->check_count++] =
			ExecPrepareExpr((Expr *) check, description->estate);
	}
	return true;
}

/* Describes one index. */
static bool
describe_index(PlainDescription *description, Oid relid)
{
	Relation index = index_open(relid, RowExclusiveLock);
	IndexInfo *info = BuildIndexInfo(index);
	bool plain = index->rd_rel->relam == BTREE_AM_OID && info->ii_Expressions == NIL &&
				 info->ii_ReadyForInserts && info->ii_ExclusionOps == NULL && index->rd_index->indimmediate &&
				 !calls_users_function((Node *) info->ii_Predicate, NULL);

	index_close(index, RowExclusiveLock);
	if (plain)
		description->indexes[description->index_count++] = (PlainIndex){
			.relid = relid,
			.info = info,
			.predicate =
				info->ii_Predicate ? ExecPrepareQual(info->ii_Predicate, description->estate) : NULL};
	return plain;
}

/* Describes the indexes. */
static bool
describe_indexes(PlainDescription *description, Relation relation)
{
	List *indexes = RelationGetIndexList(relation);
	ListCell *cell;

	description->indexes = palloc(sizeof(PlainIndex) * Max(list_length(indexes), 1));
	foreach (cell, indexes)
		if (!describe_index(description, lfirst_oid(cell)))
			return false;
	return true;
}

/* Looks at what the table is made of and says whether it is plain. */
static bool
describe(const PlainTable *table, PlainDescription *description, Relation relation)
{
	const FormData_pg_class *class = relation->rd_rel;

	if (class->relkind != RELKIND_RELATION || class->relam != HEAP_TABLE_AM_OID || class->relispartition ||
		class->relrowsecurity || relation->rd_rules != NULL || !describe_triggers(table, relation))
		return false;
	description->estate = CreateExecutorState();
	/* A copy, because a reference to the relation's own would have to be given back with every transaction. */
	description->slot = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(relation)),
												 table_slot_callbacks(relation));
	return describe_columns(table, description, RelationGetDescr(relation)) &&
		   describe_checks(description, RelationGetDescr(relation)) &&
		   describe_indexes(description, relation);
}

/* Describes the table anew. */
static void
refresh(PlainTable *table, Relation relation)
{
	PlainDescription *description = table->description;
	MemoryContext caller;

	if (description == NULL)
	{
		description = MemoryContextAllocZero(TopMemoryContext, sizeof(PlainDescription));
		description->memory =
			AllocSetContextCreate(TopMemoryContext, "commerce plain table", ALLOCSET_SMALL_SIZES);
		table->description = description;
	}
	MemoryContextReset(description->memory);
	*description = (PlainDescription){.memory = description->memory};
	commerce_watch_renew(&table->watch);
	caller = MemoryContextSwitchTo(description->memory);
	description->plain = describe(table, description, relation);
	MemoryContextSwitchTo(caller);
}

/* Opens the table for writing rows, or says by NULL that a statement has to. */
Relation
commerce_plain_table_open_for_good(PlainTable *table)
{
	Oid relid = get_relname_relid(table->watch.table, get_namespace_oid("commerce", false));
	Relation relation;

	if (!OidIsValid(relid) || IsInParallelMode())
		return NULL;
	relation = table_open(relid, RowExclusiveLock);
	if (!commerce_watch_fresh(&table->watch) || table->watch.relid != relid)
		refresh(table, relation);
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

/* Returns whether the row in the slot breaks no rule of the table. */
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
	return true;
}

/* Enters the row in the slot into one index. */
static void
enter_index(const PlainDescription *description, const PlainIndex *plain, Relation relation,
			ExprContext *context)
{
	TupleTableSlot *slot = description->slot;
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];
	Relation index;

	if (plain->predicate != NULL && !ExecQual(plain->predicate, context))
		return;
	index = index_open(plain->relid, RowExclusiveLock);
	FormIndexDatum(plain->info, slot, description->estate, values, nulls);
	(void) index_insert(index, values, nulls, &slot->tts_tid, relation,
						plain->info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, plain->info);
	index_close(index, RowExclusiveLock);
}

/* Writes a row. */
static bool
insert_row(PlainTable *table, Relation relation, const Datum *values, const bool *nulls, int options)
{
	PlainDescription *description = table->description;
	ExprContext *context = GetPerTupleExprContext(description->estate);
	bool stored;

	fill_slot(table, values, nulls);
	context->ecxt_scantuple = description->slot;
	stored = may_be_stored(description, context);
	if (stored)
	{
		description->slot->tts_tableOid = RelationGetRelid(relation);
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

/* Ends writing. */
void
commerce_plain_table_close(Relation relation)
{
	table_close(relation, NoLock);
	CommandCounterIncrement();
}
