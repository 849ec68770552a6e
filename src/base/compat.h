/*
 * compat.h: the only place that knows which PostgreSQL it is built against.
 *
 * Each shim names what changed upstream and in which version. An unknown version is a build error: better than a
 * build that behaves in a way nobody tested.
 */
#ifndef COMMERCE_BASE_COMPAT_H
#define COMMERCE_BASE_COMPAT_H

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "commerce builds against PostgreSQL 15 to 18"
#endif

/* 16 gave stringToQualifiedNameList() an error context for soft errors. */
#if PG_VERSION_NUM < 160000
#define commerce_qualified_name(name) stringToQualifiedNameList(name)
#else
#define commerce_qualified_name(name) stringToQualifiedNameList(name, NULL)
#endif

/* 16 renamed relfilenode to relfilelocator, and 17 gave processes a number of their own. */
#if PG_VERSION_NUM < 160000
#define commerce_storage_number(table) ((table)->rd_node.relNode)
#define commerce_storage_is_swapped(table) ((table)->rd_firstRelfilenodeSubid != InvalidSubTransactionId)
#else
#define commerce_storage_number(table) ((table)->rd_locator.relNumber)
#define commerce_storage_is_swapped(table) ((table)->rd_firstRelfilelocatorSubid != InvalidSubTransactionId)
#endif
#if PG_VERSION_NUM < 170000
#define commerce_my_process() (MyProc->pgprocno)
#else
#define commerce_my_process() MyProcNumber
#endif

/* 17 let an index keep something from one row to the next, a pinned page in the case of BRIN, and asks for an end of it. */
#if PG_VERSION_NUM < 170000
#define commerce_end_index_insert(index, info) ((void) (index), (void) (info))
#else
#define commerce_end_index_insert(index, info) index_insert_cleanup(index, info)
#endif

/* 17 renamed ShmemVariableCache to TransamVariables. */
#if PG_VERSION_NUM < 170000
#define commerce_completed_transactions() (ShmemVariableCache->xactCompletionCount)
#else
#define commerce_completed_transactions() (TransamVariables->xactCompletionCount)
#endif

/* 17 lets a resource owner, instead of a memory context, own a set of events; NULL for one that stays. */
#if PG_VERSION_NUM < 170000
#define commerce_create_wait_event_set(count) CreateWaitEventSet(TopMemoryContext, count)
#else
#define commerce_create_wait_event_set(count) CreateWaitEventSet(NULL, count)
#endif

/* 18 replaced the suffix pg_attribute_noreturn() by a prefix, which stands before extern or static. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 18 made module magic carry a name and version that pg_get_loaded_modules() shows. */
#ifdef PG_MODULE_MAGIC_EXT
#define COMMERCE_MODULE_MAGIC(module, edition) PG_MODULE_MAGIC_EXT(.name = module, .version = edition)
#else
#define COMMERCE_MODULE_MAGIC(module, edition) PG_MODULE_MAGIC
#endif

#endif
