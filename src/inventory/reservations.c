/*
 * reservations.c: writing promises down.
 */
#include "inventory/reservations.h"

#include "base/due.h"
#include "base/errors.h"
#include "base/plain_table.h"
#include "base/plan.h"
#include "escrow/escrow.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* Holders are locked by a hash of their name; another of the same hash waits for nothing, which does no harm. */
#define HOLDER_LOCK UINT64CONST(0x686f6c646572)

/* The columns that reservations are written with. */
enum
{
	SKU,
	ID,
	LOCATION,
	QUANTITY,
	HOLDER,
	STATE,
	EXPIRES_AT,
	ORDER_ID,
	LINE,
	PER_UNIT,
	CREATED_AT,
	COLUMNS
};

static const PlainColumn columns[COLUMNS] = {
	[SKU] = PLAIN("sku", TEXTOID),
	[ID] = PLAIN("id", UUIDOID),
	[LOCATION] = PLAIN("location", TEXTOID),
	[QUANTITY] = PLAIN("quantity", INT8OID),
	[HOLDER] = PLAIN("holder", TEXTOID),
	[STATE] = PLAIN("state", TEXTOID),
	[EXPIRES_AT] = PLAIN("expires_at", TIMESTAMPTZOID),
	[ORDER_ID] = PLAIN("order_id", UUIDOID),
	[LINE] = PLAIN("line", INT4OID),
	[PER_UNIT] = PLAIN("per_unit", INT8OID),
	[CREATED_AT] = PLAIN("created_at", TIMESTAMPTZOID),
};

/* What is written here is counted here. */
static bool
stands_in(Relation relation, const Trigger *trigger, const char *function)
{
	(void) relation;
	(void) trigger;
	return strcmp(function, "reservation_changed") == 0;
}

static PlainTable reservations = {
	.watch = {.table = "reservations"}, .columns = columns, .column_count = COLUMNS, .stands_in = stands_in};

/* Hashed: sku = ANY ($2) would compare each hold of a large cart with each line of it. */
#define OF_SKUS "($3 OR sku IN (SELECT unnest($2)))"

static SavedPlan drop_own_holds = {.sql = "UPDATE commerce.reservations SET state = 'released'"
										  " WHERE holder = $1 AND " OF_SKUS " AND state = 'held'",
								   .args = "text; text[]; bool"};

static SavedPlan find_own_holds = {.sql = "SELECT FROM commerce.reservations WHERE holder = $1"
										  " AND " OF_SKUS " AND state = 'held' LIMIT 1",
								   .args = "text; text[]; bool"};

static SavedPlan write_reservations = {
	.sql = "INSERT INTO commerce.reservations"
		   " (id, sku, location, quantity, line, per_unit, holder, state, expires_at, order_id, created_at)"
		   " SELECT made.*, $7, $8, $9, $10, clock_timestamp() FROM unnest($1, $2, $3, $4, $5, $6) AS made",
	.args = "uuid[]; text[]; text[]; int8[]; int4[]; int8[]; text; text; timestamptz; uuid"};

/*
 * Lets nobody else replace or release what the holder holds. Two carts at once for one holder would else both stay, and
 * two that release the same rows in different orders would wait for each other.
 */
void
commerce_lock_holder(const char *holder)
{
	uint64 key = hash_bytes_extended((const unsigned char *) holder, (int) strlen(holder), HOLDER_LOCK);

	(void) DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum((int64) key));
}

/*
 * Releases what the holder holds of the skus, or all of it. The plan has counted those holds as free already, so none
 * may stay: under REPEATABLE READ one that was made since the transaction began cannot be released, and ends it.
 */
void
commerce_release_holds(const char *holder, Datum skus, bool all)
{
	Datum values[] = {CStringGetTextDatum(holder), skus, BoolGetDatum(all)};

	(void) commerce_run(&drop_own_holds, PLAN_WRITES, values, NULL);
	if (IsolationUsesXactSnapshot() && commerce_run(&find_own_holds, PLAN_LATEST, values, NULL) > 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("\"%s\" has taken a hold since this transaction began", holder),
						errhint("Try again.")));
}

/* Begins to watch the table. */
void
commerce_reservations_init(void)
{
	commerce_plain_table_init(&reservations);
}

/* Writes promises without a statement, as far as that goes. */
int
commerce_write_directly(const StockPromise *promises, int count, const StockNeed *needs,
						const StockClaim *claim)
{
	Relation table = commerce_plain_table_open(&reservations);
	bool nulls[COLUMNS] = {[HOLDER] = claim->holder == NULL,
						   [EXPIRES_AT] = claim->order != NULL,
						   [ORDER_ID] = claim->order == NULL};
	Datum values[COLUMNS];
	int written = 0;

	if (claim->order == NULL)
		commerce_chores_due(claim->expires_at);
	if (table == NULL)
		return 0;
	values[HOLDER] = claim->holder ? CStringGetTextDatum(claim->holder) : (Datum) 0;
	values[STATE] = CStringGetTextDatum(claim->order ? "committed" : "held");
	values[EXPIRES_AT] = TimestampTzGetDatum(claim->expires_at);
	values[ORDER_ID] = UUIDPGetDatum(claim->order);
	values[CREATED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	for (; written < count; written++)
	{
		const StockPromise *promise = &promises[written];

		values[SKU] = CStringGetTextDatum(promise->sku);
		values[ID] = UUIDPGetDatum(&promise->id);
		values[LOCATION] = CStringGetTextDatum(promise->location);
		values[QUANTITY] = Int64GetDatum(promise->quantity);
		values[LINE] = Int32GetDatum(needs[promise->need].line);
		values[PER_UNIT] = Int64GetDatum(promise->per_unit);
		if (!commerce_plain_table_insert(&reservations, table, values, nulls))
			break;
		if (promise->counter != NULL)
			commerce_escrow_written(promise->counter, promise->quantity);
	}
	commerce_plain_table_close(&reservations, table);
	return written;
}

/* Makes an array of one column of the promises. */
#define COLUMN(name, count, type, length, by_value, alignment)                                               \
	PointerGetDatum(construct_array(name, count, type, length, by_value, alignment))

/* Writes in one statement the promises that are not written yet; the trigger on them counts. */
void
commerce_write_promises(const StockPromise *promises, int written, int count, const StockNeed *needs,
						const StockClaim *claim)
{
	Datum *columns[6];
	Datum values[10];
	char nulls[] = "          ";

	promises += written;
	count -= written;
	if (count == 0)
		return;
	for (size_t i = 0; i < lengthof(columns); i++)
		columns[i] = palloc_extended(sizeof(Datum) * count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		columns[0][i] = UUIDPGetDatum(&promises[i].id);
		columns[1][i] = CStringGetTextDatum(promises[i].sku);
		columns[2][i] = CStringGetTextDatum(promises[i].location);
		columns[3][i] = Int64GetDatum(promises[i].quantity);
		columns[4][i] = Int32GetDatum(needs[promises[i].need].line);
		columns[5][i] = Int64GetDatum(promises[i].per_unit);
	}
	values[0] = COLUMN(columns[0], count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
	values[1] = COLUMN(columns[1], count, TEXTOID, -1, false, TYPALIGN_INT);
	values[2] = COLUMN(columns[2], count, TEXTOID, -1, false, TYPALIGN_INT);
	values[3] = COLUMN(columns[3], count, INT8OID, 8, true, TYPALIGN_DOUBLE);
	values[4] = COLUMN(columns[4], count, INT4OID, 4, true, TYPALIGN_INT);
	values[5] = COLUMN(columns[5], count, INT8OID, 8, true, TYPALIGN_DOUBLE);
	values[6] = claim->holder ? CStringGetTextDatum(claim->holder) : (Datum) 0;
	values[7] = CStringGetTextDatum(claim->order ? "committed" : "held");
	values[8] = TimestampTzGetDatum(claim->expires_at);
	values[9] = UUIDPGetDatum(claim->order);
	nulls[6] = claim->holder ? ' ' : 'n';
	nulls[8] = claim->order ? 'n' : ' ';
	nulls[9] = claim->order ? ' ' : 'n';
	(void) commerce_run(&write_reservations, PLAN_WRITES, values, nulls);
}
