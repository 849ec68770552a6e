/*
 * reservations.c: writing promises down.
 */
#include "inventory/reservations.h"

#include "base/due.h"
#include "base/plain_table.h"
#include "base/plan.h"
#include "base/uuid.h"
#include "escrow/escrow.h"

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
	[SKU] = {"sku", TEXTOID},
	[ID] = {"id", UUIDOID},
	[LOCATION] = {"location", TEXTOID},
	[QUANTITY] = {"quantity", INT8OID},
	[HOLDER] = {"holder", TEXTOID},
	[STATE] = {"state", TEXTOID},
	[EXPIRES_AT] = {"expires_at", TIMESTAMPTZOID},
	[ORDER_ID] = {"order_id", UUIDOID},
	[LINE] = {"line", INT4OID},
	[PER_UNIT] = {"per_unit", INT8OID},
	[CREATED_AT] = {"created_at", TIMESTAMPTZOID},
};

static PlainTable reservations = {.watch = {.table = "reservations"},
								  .columns = columns,
								  .column_count = COLUMNS,
								  .trigger = "reservation_changed"};

static SavedPlan drop_own_holds = {.sql = "UPDATE commerce.reservations SET state = 'released'"
										  " WHERE holder = $1 AND sku = ANY ($2) AND state = 'held'",
								   .args = "text; text[]"};

static SavedPlan write_reservations = {
	.sql = "INSERT INTO commerce.reservations"
		   " (id, sku, location, quantity, line, holder, state, expires_at, order_id)"
		   " SELECT id, sku, location, quantity, line, $6, $7, $8, $9"
		   " FROM unnest($1, $2, $3, $4, $5) AS made (id, sku, location, quantity, line)",
	.args = "uuid[]; text[]; text[]; int8[]; int4[]; text; text; timestamptz; uuid"};

/* Begins a list of reservations to be written. */
Promises
commerce_new_promises(int room)
{
	Promises promises = {.room = room};

	promises.ids = palloc(sizeof(Datum) * room);
	promises.skus = palloc(sizeof(Datum) * room);
	promises.locations = palloc(sizeof(Datum) * room);
	promises.quantities = palloc(sizeof(Datum) * room);
	promises.lines = palloc(sizeof(Datum) * room);
	promises.counters = palloc(sizeof(Counter *) * room);
	return promises;
}

/* Adds one reservation to those to be written. */
void
commerce_add_promise(Promises *promises, const Source *source, Counter *counter, int64 quantity, int line)
{
	if (promises->count == promises->room)
	{
		promises->room *= 2;
		promises->ids = repalloc_huge(promises->ids, sizeof(Datum) * promises->room);
		promises->skus = repalloc_huge(promises->skus, sizeof(Datum) * promises->room);
		promises->locations = repalloc_huge(promises->locations, sizeof(Datum) * promises->room);
		promises->quantities = repalloc_huge(promises->quantities, sizeof(Datum) * promises->room);
		promises->lines = repalloc_huge(promises->lines, sizeof(Datum) * promises->room);
		promises->counters = repalloc_huge(promises->counters, sizeof(Counter *) * promises->room);
	}
	promises->ids[promises->count] = UUIDPGetDatum(commerce_uuidv7());
	promises->skus[promises->count] = CStringGetTextDatum(source->sku);
	promises->locations[promises->count] = CStringGetTextDatum(source->location);
	promises->quantities[promises->count] = Int64GetDatum(quantity);
	promises->lines[promises->count] = Int32GetDatum(line);
	promises->counters[promises->count] = counter;
	promises->count++;
}

/* Releases what the holder holds of the skus. */
void
commerce_release_holds(const char *holder, Datum skus)
{
	(void) commerce_run(&drop_own_holds, PLAN_WRITES, (Datum[]){CStringGetTextDatum(holder), skus}, NULL);
}

/* Begins to watch the table; called once, from _PG_init. */
void
commerce_reservations_init(void)
{
	commerce_plain_table_init(&reservations);
}

/* Writes reservations without a statement, as far as that goes. */
int
commerce_write_directly(const Promises *promises, const StockClaim *claim)
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
	values[PER_UNIT] = Int64GetDatum(1);
	values[CREATED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	for (; written < promises->count; written++)
	{
		values[SKU] = promises->skus[written];
		values[ID] = promises->ids[written];
		values[LOCATION] = promises->locations[written];
		values[QUANTITY] = promises->quantities[written];
		values[LINE] = promises->lines[written];
		if (!commerce_plain_table_insert(&reservations, table, values, nulls))
			break;
		if (promises->counters[written] != NULL)
			commerce_escrow_written(promises->counters[written],
									DatumGetInt64(promises->quantities[written]));
	}
	commerce_plain_table_close(table);
	return written;
}

/* Writes the reservations in one statement; the trigger on them counts. */
void
commerce_write_promises(const Promises *promises, int written, const StockClaim *claim)
{
	Datum holder = claim->holder ? CStringGetTextDatum(claim->holder) : (Datum) 0;
	int count = promises->count - written;
	ArrayType *ids = construct_array(promises->ids + written, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
	ArrayType *skus = construct_array(promises->skus + written, count, TEXTOID, -1, false, TYPALIGN_INT);
	ArrayType *locations =
		construct_array(promises->locations + written, count, TEXTOID, -1, false, TYPALIGN_INT);
	ArrayType *quantities =
		construct_array(promises->quantities + written, count, INT8OID, 8, true, TYPALIGN_DOUBLE);
	ArrayType *lines = construct_array(promises->lines + written, count, INT4OID, 4, true, TYPALIGN_INT);
	char nulls[] = "         ";

	if (count > 0)
	{
		nulls[5] = claim->holder ? ' ' : 'n';
		nulls[7] = claim->order ? 'n' : ' ';
		nulls[8] = claim->order ? ' ' : 'n';
		(void) commerce_run(&write_reservations, PLAN_WRITES,
							(Datum[]){PointerGetDatum(ids), PointerGetDatum(skus), PointerGetDatum(locations),
									  PointerGetDatum(quantities), PointerGetDatum(lines), holder,
									  CStringGetTextDatum(claim->order ? "committed" : "held"),
									  TimestampTzGetDatum(claim->expires_at), UUIDPGetDatum(claim->order)},
							nulls);
	}
	commerce_escrow_settle();
}
