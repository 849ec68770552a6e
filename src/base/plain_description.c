/*
 * plain_description.c: looking at what a table is made of.
 *
 * It is the user's table, so nothing is taken for granted: where a statement would do anything that plain_table.c does
 * not, the answer is that the table is not plain. Checks, index predicates and the WHEN of triggers are evaluated
 * whatever they say, as long as they are made of immutable functions that are built in or members of the extension in C:
 * they run nothing under borrowed rights, which query_to_xml(), though built in, would. That their meaning changes is
 * seen: of a member CREATE OR REPLACE could make anything.
 *
 * A trigger whose WHEN says no to a row makes no difference to it; where it says yes, a statement writes the row. Other
 * triggers must be those that the writer stands in for. A foreign key is such a trigger, too. It asks whether there is a
 * parent and keeps it from being deleted before this transaction ends. A parent that this transaction has just written
 * is there, nobody else sees it, and for its own deletion the trigger on the parent's side looks for children.
 */
#include "base/plain_description.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/genam.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_language_d.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/prs2lock.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#pragma GCC diagnostic pop

/* How often functions have changed, as far as invalidation messages have been read. */
static uint64 function_changes = 0;

/* Notes that some function has changed. */
static void
function_changed(Datum arg, int cache, uint32 hash)
{
	(void) arg;
	(void) cache;
	(void) hash;
	function_changes++;
}

/* Begins to watch functions, once for all tables. */
void
commerce_watch_functions(void)
{
	static bool watching = false;

	if (!watching)
		CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
	watching = true;
}

/* Returns whether a function is a member of the extension, written in C. */
static bool
is_ours(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool in_c = HeapTupleIsValid(tuple) && ((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return in_c && getExtensionOfObject(ProcedureRelationId, function) == get_extension_oid("commerce", true);
}

/* Returns whether a function was made by a user. */
static bool
is_made_by_user(Oid function, void *context)
{
	(void) context;
	return function >= FirstNormalObjectId && !is_ours(function);
}

/* Returns whether an expression calls a function that a user made; a domain's checks call what they like. */
static bool
calls_users_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain) || check_functions_in_node(node, is_made_by_user, context))
		return true;
	return expression_tree_walker(node, calls_users_function, context);
}

/* Returns whether an expression means the same whoever evaluates it, and when. */
static bool
is_plain_expression(Node *node)
{
	return !contain_mutable_functions(node) && !calls_users_function(node, NULL);
}

/* Returns the type that a column is to have. */
static Oid
type_of(const PlainColumn *column)
{
	if (OidIsValid(column->type))
		return column->type;
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(column->own),
						   ObjectIdGetDatum(get_namespace_oid("commerce", false)));
}

/* Returns whether a column has the default that the writer stands in for. */
static bool
has_its_default(const PlainColumn *column, TupleDesc desc, AttrNumber number)
{
	const TupleConstr *constraints = desc->constr;

	if (column->by_default == NULL)
		return true;
	for (int i = 0; constraints != NULL && i < constraints->num_defval; i++)
		if (constraints->defval[i].adnum == number)
		{
			Node *value = stringToNode(constraints->defval[i].adbin);
			Oid function = IsA(value, FuncExpr) ? ((FuncExpr *) value)->funcid : InvalidOid;
			char *name = OidIsValid(function) ? get_func_name(function) : NULL;

			return name != NULL && strcmp(name, column->by_default) == 0 &&
				   (function < FirstNormalObjectId || is_ours(function));
		}
	return false;
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
			int32 typmod = table->columns[c].typmod == 0 ? -1 : table->columns[c].typmod;

			if (attribute->atttypid != type_of(&table->columns[c]) || attribute->atttypmod != typmod ||
				!has_its_default(&table->columns[c], desc, (AttrNumber) (a + 1)))
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

/* Returns whether a trigger is the foreign key from the first column to the parent. */
static bool
is_parent_key(const PlainTable *table, const PlainDescription *description, Relation relation,
			  const Trigger *trigger)
{
	ListCell *cell;
	Oid parent;

	if (table->parent == NULL || trigger->tgfoid != F_RI_FKEY_CHECK_INS || trigger->tgdeferrable)
		return false;
	parent = get_relname_relid(table->parent, RelationGetNamespace(relation));
	foreach (cell, RelationGetFKeyList(relation))
	{
		const ForeignKeyCacheInfo *key = lfirst(cell);

		if (key->conoid == trigger->tgconstraint)
			return OidIsValid(parent) && key->confrelid == parent && key->nkeys == 1 &&
				   key->conkey[0] == description->attributes[0] &&
				   key->confkey[0] == get_attnum(parent, table->parent_key);
	}
	return false;
}

/* Returns whether the writer stands in for a trigger. */
static bool
is_stood_in_for(const PlainTable *table, Relation relation, const Trigger *trigger)
{
	char *function = get_func_name(trigger->tgfoid);

	return table->stands_in != NULL && function != NULL &&
		   get_func_namespace(trigger->tgfoid) == get_namespace_oid("commerce", true) &&
		   table->stands_in(relation, trigger, function);
}

/* Returns whether an expression looks at columns that a row has only once it is stored. */
static bool
needs_stored_row(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno < 0)
		return true;
	return expression_tree_walker(node, needs_stored_row, context);
}

/* Compiles what a trigger's WHEN asks for, so that it can be asked of a row before there is a statement. */
static bool
describe_condition(PlainDescription *description, const Trigger *trigger)
{
	Node *condition;

	if (trigger->tgqual == NULL || !TRIGGER_FOR_ROW(trigger->tgtype))
		return false;
	condition = stringToNode(trigger->tgqual);
	if (!is_plain_expression(condition) || needs_stored_row(condition, NULL))
		return false;
	/* On INSERT it knows no row but the new one. */
	description->conditions[description->condition_count++] =
		ExecPrepareQual(make_ands_implicit((Expr *) condition), description->estate);
	return true;
}

/* Finds the triggers on INSERT, and refuses those that the writer cannot stand in for. */
static bool
describe_triggers(const PlainTable *table, PlainDescription *description, Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	if (triggers == NULL)
		return true;
	description->conditions = palloc(sizeof(ExprState *) * triggers->numtriggers);
	for (int t = 0; t < triggers->numtriggers; t++)
	{
		const Trigger *trigger = &triggers->triggers[t];

		if (TRIGGER_FOR_INSERT(trigger->tgtype) && trigger->tgenabled != TRIGGER_DISABLED &&
			!is_stood_in_for(table, relation, trigger) &&
			!is_parent_key(table, description, relation, trigger) &&
			!describe_condition(description, trigger))
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

		if (!is_plain_expression(check))
			return false;
		description->checks[description->check_count++] =
			ExecPrepareExpr((Expr *) check, description->estate);
	}
	return true;
}

/* Describes one index: a B-tree, or a BRIN, whose description of itself must not outlive the insertion. */
static bool
describe_index(PlainDescription *description, Oid relid)
{
	Relation index = index_open(relid, RowExclusiveLock);
	IndexInfo *info = BuildIndexInfo(index);
	bool brin = index->rd_rel->relam == BRIN_AM_OID;
	bool plain = (brin || index->rd_rel->relam == BTREE_AM_OID) && info->ii_Expressions == NIL &&
				 info->ii_ReadyForInserts && info->ii_ExclusionOps == NULL && index->rd_index->indimmediate &&
				 !calls_users_function((Node *) info->ii_Predicate, NULL);

	index_close(index, RowExclusiveLock);
	if (plain)
		description->indexes[description->index_count++] = (PlainIndex){
			.relid = relid,
			.info = brin ? NULL : info,
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
		class->relrowsecurity || relation->rd_rules != NULL)
		return false;
	description->estate = CreateExecutorState();
	/* A copy, because a reference to the relation's own would have to be given back with every transaction. */
	description->slot = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(relation)),
												 table_slot_callbacks(relation));
	return describe_columns(table, description, RelationGetDescr(relation)) &&
		   describe_triggers(table, description, relation) &&
		   describe_checks(description, RelationGetDescr(relation)) &&
		   describe_indexes(description, relation);
}

/* Describes the table anew, where there is need. */
void
commerce_describe_table(PlainTable *table, Relation relation)
{
	PlainDescription *description = table->description;
	MemoryContext caller;

	if (commerce_watch_fresh(&table->watch) && table->watch.relid == RelationGetRelid(relation) &&
		description->functions == function_changes)
		return;
	if (description == NULL)
	{
		description = MemoryContextAllocZero(TopMemoryContext, sizeof(PlainDescription));
		description->memory =
			AllocSetContextCreate(TopMemoryContext, "commerce plain table", ALLOCSET_SMALL_SIZES);
		table->description = description;
	}
	MemoryContextReset(description->memory);
	*description = (PlainDescription){.memory = description->memory, .functions = function_changes};
	commerce_watch_renew(&table->watch);
	caller = MemoryContextSwitchTo(description->memory);
	description->plain = describe(table, description, relation);
	MemoryContextSwitchTo(caller);
}
