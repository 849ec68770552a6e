/*
 * promotion_versions.h: which versions of which rows the compiled promotions are of; private to the room.
 */
#ifndef COMMERCE_PRICING_PROMOTION_VERSIONS_H
#define COMMERCE_PRICING_PROMOTION_VERSIONS_H

#include "base/pg.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "storage/itemptr.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

/* A version of a row, and what was made of it. */
typedef struct RowVersion
{
	ItemPointerData tid;
	TransactionId xmin; /* invalid: it may be another at the same place next time */
	int place;          /* for whoever keeps them; -1: nothing was made of it */
} RowVersion;

/* The versions of rows that a snapshot shows, in the order of their places in the table. */
typedef struct RowVersions
{
	RowVersion *versions;
	int count;
} RowVersions;

/* What the places of versions mean something in: one file of one table whose columns are what they were. */
typedef struct VersionedTable
{
	Oid relid;
	Oid tablespace;
	uint64 storage;
	uint32 columns; /* a hash over them */
} VersionedTable;

/*
 * Describes a table; false where versions of its rows say nothing about what a statement reads: no plain heap, or one with
 * children, policies or generated columns.
 */
extern bool commerce_versioned_table(Relation relation, VersionedTable *table);

/* Do two descriptions mean the same file and columns? */
extern bool commerce_same_versions(const VersionedTable *first, const VersionedTable *second);

/* Lists the versions that a snapshot shows, in the current memory context. */
extern void commerce_list_versions(Relation relation, Snapshot snapshot, RowVersions *versions);

/* Finds a version by its place; NULL where there is none. */
extern RowVersion *commerce_find_version(const RowVersions *versions, const ItemPointerData *tid);

#endif
