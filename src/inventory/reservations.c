/*
 * reservations.c: writing promises down.
 */
#include "inventory/reservations.h"

#include "base/due.h"
#include "base/plan.h"
#include "base/uuid.h"

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
	return promises;
}

/* Adds one reservation to those to be written. */
void
commerce_add_promise(Promises *promises, const Source *source, int64 quantity, int line)
{
	if (promises->count == promises->room)
	{
		promises->room *= 2;
		promises->ids = repalloc_huge(promises->ids, sizeof(Datum) * promises->room);
		promises->skus = repalloc_huge(promises->skus, sizeof(Datum) * promises->room);
		promises->locations = repalloc_huge(promises->locations, sizeof(Datum) * promises->room);
		promises->quantities = repalloc_huge(promises->quantities, sizeof(Datum) * promises->room);
		promises->lines = repalloc_huge(promises->lines, sizeof(Datum) * promises->room);
	}
	promises->ids[promises->count] = UUIDPGetDatum(commerce_uuidv7());
	promises->skus[promises->count] = CStringGetTextDatum(source->sku);
	promises->locations[promises->count] = CStringGetTextDatum(source->location);
	promises->quantities[promises->count] = Int64GetDatum(quantity);
	promises->lines[promises->count] = Int32GetDatum(line);
	promises->count++;
}

/* Releases what the holder holds of the skus. */
void
commerce_release_holds(const char *holder, Datum skus)
{
	(void) commerce_run(&drop_own_holds, PLAN_WRITES, (Datum[]){CStringGetTextDatum(holder), skus}, NULL);
}

/* Writes the reservations in one statement. */
void
commerce_write_promises(const Promises *promises, const StockClaim *claim)
{
	Datum holder = claim->holder ? CStringGetTextDatum(claim->holder) : (Datum) 0;
	ArrayType *ids = construct_array(promises->ids, promises->count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
	ArrayType *sku_names = construct_array(promises->skus, promises->count, TEXTOID, -1, false, TYPALIGN_INT);
	ArrayType *locations =
		construct_array(promises->locations, promises->count, TEXTOID, -1, false, TYPALIGN_INT);
	ArrayType *quantities =
		construct_array(promises->quantities, promises->count, INT8OID, 8, true, TYPALIGN_DOUBLE);
	ArrayType *lines = construct_array(promises->lines, promises->count, INT4OID, 4, true, TYPALIGN_INT);
	char nulls[] = "         ";

	nulls[5] = claim->holder ? ' ' : 'n';
	nulls[7] = claim->order ? 'n' : ' ';
	nulls[8] = claim->order ? ' ' : 'n';
	(void) commerce_run(&write_reservations, PLAN_WRITES,
						(Datum[]){PointerGetDatum(ids), PointerGetDatum(sku_names),
								  PointerGetDatum(locations), PointerGetDatum(quantities),
								  PointerGetDatum(lines), holder,
								  CStringGetTextDatum(claim->order ? "committed" : "held"),
								  TimestampTzGetDatum(claim->expires_at), UUIDPGetDatum(claim->order)},
						nulls);
	if (!claim->order)
		commerce_chores_due(claim->expires_at);
}
