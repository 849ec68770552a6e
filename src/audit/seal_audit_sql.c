/*
 * seal_audit_sql.c: entering what was written into the tree, and signing it.
 *
 * Entries are written by transactions that know nothing of each other and wait for nobody; their order is made here,
 * afterwards, by one who works at a time. Only entries of transactions that are over are taken, those that are older than
 * every one still running: nothing can come up between them later, so that "after the last one taken" is all there is to
 * remember. In another cluster, after a restore or an upgrade, transactions are numbered otherwise; there what is left
 * over is found by looking for all that has no leaf yet, once; and when the numbers of the new cluster come to where those
 * of the old one were, entries of then are met again, and passed over because they have a leaf.
 *
 * Each batch ends with a checkpoint: the root over everything so far, signed. Leaves, nodes, checkpoint and how far it
 * has come are one transaction; a crash leaves all of it or nothing.
 */
#include "base/pg.h"

#include "audit/audit.h"
#include "audit/seal_audit.h"
#include "audit/tree.h"
#include "base/chores.h"
#include "base/plan.h"
#include "base/ready.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/transam.h"
#include "access/xlog.h"
#include "utils/fmgrprotos.h"
#include "utils/xid8.h"
#pragma GCC diagnostic pop

#define BATCH 10000
#define MAX_BATCH 100000

/* Entries wait so long for company, so that a checkpoint is about more than one of them. */
#define PATIENCE (INT64CONST(10) * USECS_PER_SEC)

AuditSigner commerce_audit_signer = NULL;

PG_FUNCTION_INFO_V1(commerce_seal_audit);
PG_FUNCTION_INFO_V1(commerce_audit_unborn);

/* How far the tree has come, and what it grows from. */
typedef struct Growth
{
	int64 size;
	MerkleHash peaks[MERKLE_MAX_PARTS];
	bool moved; /* it was last in another cluster */
	Datum over; /* before anything was looked for, transactions with lower numbers were over */
	Datum written_in;
	Datum entry; /* of the last leaf */
} Growth;

/* Columns of nodes to be written. */
typedef struct GrownNodes
{
	Datum *levels;
	Datum *positions;
	Datum *hashes;
	Datum *entries;
	bool *no_entry;
	int count;
} GrownNodes;

static SavedPlan lock_tree = {
	.sql = "SELECT t.size, t.last_written_in, t.last_entry, t.cluster IS DISTINCT FROM $1,"
		   " pg_snapshot_xmin(pg_current_snapshot()) FROM commerce.audit_tree t FOR NO KEY UPDATE",
	.args = "int8"};

static SavedPlan find_next = {
	.sql = "SELECT a.id, a.leaf, a.written_in FROM commerce.audit_log a"
		   " WHERE (a.written_in, a.id) > ($1, $2) AND a.written_in < pg_snapshot_xmin(pg_current_snapshot())"
		   " AND NOT EXISTS (SELECT FROM commerce.audit_nodes n WHERE n.entry = a.id)"
		   " ORDER BY a.written_in, a.id LIMIT $3",
	.args = "xid8; uuid; int4"};

static SavedPlan find_left_over = {
	.sql = "SELECT a.id, a.leaf, a.written_in FROM commerce.audit_log a"
		   " WHERE NOT EXISTS (SELECT FROM commerce.audit_nodes n WHERE n.entry = a.id)"
		   " AND (a.written_in < pg_snapshot_xmin(pg_current_snapshot())"
		   " OR a.written_in >= pg_snapshot_xmax(pg_current_snapshot())) ORDER BY a.id LIMIT $1",
	.args = "int4"};

static SavedPlan write_nodes = {.sql = "INSERT INTO commerce.audit_nodes (level, position, hash, entry) "
									   "SELECT * FROM unnest($1, $2, $3, $4)",
								.args = "int2[]; int8[]; bytea[]; uuid[]"};

static SavedPlan write_tree = {
	.sql = "UPDATE commerce.audit_tree SET size = $1, last_written_in = coalesce($2, last_written_in),"
		   " last_entry = coalesce($3, last_entry), cluster = $4",
	.args = "int8; xid8; uuid; int8"};

/*
 * Where the tree came from elsewhere, what was over before it was looked for is all there, and what follows comes after
 * it. What has ended since was perhaps not seen.
 */
static SavedPlan settle_tree = {
	.sql = "UPDATE commerce.audit_tree SET cluster = $1, last_entry = '00000000-0000-0000-0000-000000000000',"
		   " last_written_in = $2",
	.args = "int8; xid8"};

static SavedPlan write_checkpoint = {
	.sql = "INSERT INTO commerce.audit_checkpoints (size, root, at, public_key, signature)"
		   " VALUES ($1, $2, $3, $4, $5)",
	.args = "int8; bytea; timestamptz; bytea; bytea"};

static SavedPlan ask_when = {
	.sql = "SELECT CASE WHEN t.cluster IS DISTINCT FROM $1 OR EXISTS (SELECT FROM commerce.audit_log a"
		   " WHERE (a.written_in, a.id) > (t.last_written_in, t.last_entry)"
		   " AND a.written_in < pg_snapshot_xmax(pg_current_snapshot())"
		   " AND NOT EXISTS (SELECT FROM commerce.audit_nodes n WHERE n.entry = a.id))"
		   " THEN greatest(clock_timestamp(), coalesce((SELECT max(c.at) FROM commerce.audit_checkpoints c), "
		   "'-infinity') + interval '10 seconds') END FROM commerce.audit_tree t",
	.args = "int8"};

/* Returns what tells this cluster from others. */
static Datum
this_cluster(void)
{
	return Int64GetDatum((int64) GetSystemIdentifier());
}

/* Locks the tree, so that nobody else makes it grow, and reads how far it is. */
static void
read_growth(Growth *growth)
{
	MerkleNode nodes[MERKLE_MAX_PARTS];
	Datum cluster = this_cluster();
	bool isnull;

	if (commerce_run(&lock_tree, PLAN_WRITES, &cluster, NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("commerce.audit_tree has no row"),
						errhint("Restore it: it says how far the audit log is sealed.")));
	growth->size = DatumGetInt64(commerce_value(0, 1, &isnull));
	growth->written_in = commerce_value(0, 2, &isnull);
	growth->entry =
		UUIDPGetDatum(memcpy(palloc(UUID_LEN), DatumGetUUIDP(commerce_value(0, 3, &isnull)), UUID_LEN));
	growth->moved = DatumGetBool(commerce_value(0, 4, &isnull));
	growth->over = commerce_value(0, 5, &isnull);
	commerce_audit_read_nodes(nodes, commerce_merkle_nodes((MerkleRange){0, growth->size}, nodes),
							  growth->peaks);
}

/* Finds the entries that come next; returns how many, as the result of the last statement. */
static int
find_entries(const Growth *growth, int batch)
{
	if (growth->moved)
		return (int) commerce_run(&find_left_over, PLAN_LATEST, (Datum[]){Int32GetDatum(batch)}, NULL);
	return (int) commerce_run(&find_next, PLAN_LATEST,
							  (Datum[]){growth->written_in, growth->entry, Int32GetDatum(batch)}, NULL);
}

/* Makes room for the nodes that so many leaves can bring: fewer than two each, and what was nearly full before. */
static void
make_room(GrownNodes *grown, int leaves)
{
	size_t room = 2 * (size_t) leaves + MERKLE_MAX_PARTS;

	grown->levels = palloc(sizeof(Datum) * room);
	grown->positions = palloc(sizeof(Datum) * room);
	grown->hashes = palloc(sizeof(Datum) * room);
	grown->entries = palloc(sizeof(Datum) * room);
	grown->no_entry = palloc(sizeof(bool) * room);
	grown->count = 0;
}

/* Adds a leaf to the tree, and what it makes full to the nodes to be written. */
static void
grow(Growth *growth, GrownNodes *grown, const MerkleHash *leaf, Datum entry)
{
	MerkleNode nodes[MERKLE_MAX_PARTS];
	MerkleHash hashes[MERKLE_MAX_PARTS];
	int count = commerce_merkle_append(growth->size, growth->peaks, leaf, nodes, hashes);

	for (int i = 0; i < count; i++, grown->count++)
	{
		grown->levels[grown->count] = Int16GetDatum((int16) nodes[i].level);
		grown->positions[grown->count] = Int64GetDatum(nodes[i].position);
		grown->hashes[grown->count] = commerce_audit_hash_datum(&hashes[i]);
		grown->entries[grown->count] = entry;
		grown->no_entry[grown->count] = i > 0;
	}
	growth->size++;
}

/* Enters the entries of the last result; what that was is lost afterwards. */
static void
enter(Growth *growth, GrownNodes *grown, int count)
{
	make_room(grown, count);
	for (int i = 0; i < count; i++)
	{
		bool isnull;
		pg_uuid_t *entry = palloc(UUID_LEN);
		MerkleHash leaf;

		memcpy(entry, DatumGetUUIDP(commerce_value((uint64) i, 1, &isnull)), UUID_LEN);
		(void) commerce_audit_datum_hash(commerce_value((uint64) i, 2, &isnull), &leaf);
		growth->written_in = commerce_value((uint64) i, 3, &isnull);
		growth->entry = UUIDPGetDatum(entry);
		grow(growth, grown, &leaf, growth->entry);
	}
}

/* Writes the nodes. */
static void
store_nodes(const GrownNodes *grown)
{
	int dims[] = {grown->count};
	int bounds[] = {1};

	(void) commerce_run(
		&write_nodes, PLAN_WRITES,
		(Datum[]){
			PointerGetDatum(construct_array(grown->levels, grown->count, INT2OID, 2, true, TYPALIGN_SHORT)),
			PointerGetDatum(
				construct_array(grown->positions, grown->count, INT8OID, 8, true, TYPALIGN_DOUBLE)),
			PointerGetDatum(construct_array(grown->hashes, grown->count, BYTEAOID, -1, false, TYPALIGN_INT)),
			PointerGetDatum(construct_md_array(grown->entries, grown->no_entry, 1, dims, bounds, UUIDOID,
											   UUID_LEN, false, TYPALIGN_CHAR))},
		NULL);
}

/* Makes a bytea. */
static Datum
bytea_datum(const uint8 *bytes, size_t length)
{
	bytea *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	memcpy(VARDATA(value), bytes, length);
	return PointerGetDatum(value);
}

/* Signs what there is now, where there is a key to sign with. */
static void
store_checkpoint(const Growth *growth)
{
	MerkleHash root = commerce_merkle_fold(growth->peaks, __builtin_popcountll((uint64) growth->size));
	/* Whole seconds, which is what the text says. */
	TimestampTz at = GetCurrentTimestamp() / USECS_PER_SEC * USECS_PER_SEC;
	char *note = commerce_audit_note_text(growth->size, &root, at);
	uint8 signature[AUDIT_SIGNATURE_BYTES];
	uint8 public_key[AUDIT_PUBLIC_KEY_BYTES];
	bool is_signed =
		commerce_audit_signer != NULL && commerce_audit_signer(note, strlen(note), signature, public_key);

	(void) commerce_run(&write_checkpoint, PLAN_WRITES,
						(Datum[]){Int64GetDatum(growth->size), commerce_audit_hash_datum(&root),
								  TimestampTzGetDatum(at),
								  is_signed ? bytea_datum(public_key, AUDIT_PUBLIC_KEY_BYTES) : (Datum) 0,
								  is_signed ? bytea_datum(signature, AUDIT_SIGNATURE_BYTES) : (Datum) 0},
						is_signed ? NULL : "   nn");
}

/* Seals up to batch entries; returns how many. Needs an SPI connection. */
int
commerce_audit_seal(int batch)
{
	Growth growth;
	GrownNodes grown;
	Datum cluster = this_cluster();
	int count;

	read_growth(&growth);
	count = find_entries(&growth, batch);
	if (count > 0)
	{
		enter(&growth, &grown, count);
		store_nodes(&grown);
		(void) commerce_run(&write_tree, PLAN_WRITES,
							(Datum[]){Int64GetDatum(growth.size), growth.written_in, growth.entry, cluster},
							growth.moved ? " nnn" : NULL);
		store_checkpoint(&growth);
	}
	if (growth.moved && count < batch)
		(void) commerce_run(&settle_tree, PLAN_WRITES, (Datum[]){cluster, growth.over}, NULL);
	return count;
}

/* seal_audit(batch) */
Datum
commerce_seal_audit(PG_FUNCTION_ARGS)
{
	int batch = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	int count;

	if (batch < 1 || batch > MAX_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("batch must be from 1 to %d", MAX_BATCH)));
	SPI_connect();
	commerce_require_shop();
	count = commerce_audit_seal(batch);
	SPI_finish();
	PG_RETURN_INT64(count);
}

/* audit_unborn(written_in) asks whether a transaction is yet to come. */
Datum
commerce_audit_unborn(PG_FUNCTION_ARGS)
{
	FullTransactionId written_in = DatumGetFullTransactionId(PG_GETARG_DATUM(0));

	PG_RETURN_BOOL(!FullTransactionIdPrecedes(written_in, ReadNextFullTransactionId()));
}

/* Seals one batch in the background, not more often than patience has it. */
static TimestampTz
seal(void)
{
	Datum cluster = this_cluster();
	TimestampTz due = DT_NOEND;

	if (commerce_run(&ask_when, PLAN_WRITES, &cluster, NULL) == 1)
		due = DatumGetTimestampTz(commerce_value_or(0, 1, TimestampTzGetDatum(DT_NOEND)));
	if (due > GetCurrentTimestamp())
		return due;
	return commerce_audit_seal(BATCH) == BATCH ? DT_NOBEGIN : GetCurrentTimestamp() + PATIENCE;
}

static const CommerceChore sealing = {.name = "sealing the audit log", .run = seal};

/* Registers the chore. */
void
commerce_seal_audit_init(void)
{
	commerce_register_chore(&sealing);
}
