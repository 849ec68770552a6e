/*
 * guest_sql.c: finding guests' orders by an e-mail address. In C, so that the address never is a parameter of a statement,
 * where an extension that logs parameters would see it.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "base/ready.h"
#include "privacy/blind.h"
#include "privacy/convert.h"
#include "privacy/open.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/array.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_find_guests);
PG_FUNCTION_INFO_V1(commerce_guest_carts);

/* So many destinations are in memory at a time. */
#define BATCH 1000

static SavedPlan find_by_email = {
	.sql = "SELECT ARRAY(SELECT g.order_id FROM commerce.guests g WHERE g.email_blind = ANY ($1) ORDER BY 1)",
	.args = "bytea[]"};

/* Destinations of guests that are kept for what nobody bought, in the order of their ids. */
static SavedPlan read_destinations = {
	.sql = "SELECT x.id, x.ship_address FROM (SELECT c.id, c.ship_address FROM commerce.carts c"
		   " WHERE c.customer_id IS NULL AND c.ship_address IS NOT NULL"
		   " UNION ALL SELECT q.id, q.ship_address FROM commerce.quotes q"
		   " WHERE q.customer_id IS NULL AND q.ship_address IS NOT NULL) x"
		   " WHERE x.id > $1 ORDER BY x.id LIMIT $2",
	.args = "uuid; int4"};

/* A destination, and of which cart or quote it is. */
typedef struct Destination
{
	pg_uuid_t of;
	bytea *sealed;
} Destination;

/* Reads the destinations after an id into memory of the caller's; returns how many. */
static int
read_batch(const pg_uuid_t *after, Destination *batch)
{
	Datum values[] = {UUIDPGetDatum(after), Int32GetDatum(BATCH)};
	int count = (int) commerce_run(&read_destinations, PLAN_READS, values, NULL);

	for (int i = 0; i < count; i++)
	{
		bool isnull;

		batch[i].of = *DatumGetUUIDP(commerce_value((uint64) i, 1, &isnull));
		batch[i].sealed = DatumGetByteaPCopy(commerce_value((uint64) i, 2, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return count;
}

/* Adds those of a batch that name the address, in its normal form, to what was found. */
static ArrayBuildState *
add_found(ArrayBuildState *found, const Destination *batch, int count, const char *normal,
		  MemoryContext result)
{
	for (int i = 0; i < count; i++)
		if (commerce_names_email(batch[i].sealed, &batch[i].of, normal))
			found = accumArrayResult(found, UUIDPGetDatum(&batch[i].of), false, UUIDOID, result);
	return found;
}

/* guest_carts(email) returns carts and quotes of guests, not bought, whose destination names this address. */
Datum
commerce_guest_carts(PG_FUNCTION_ARGS)
{
	BlindRule rule = commerce_blind_rule("email");
	char *normal = commerce_normal_form(commerce_text_to_utf8(PG_GETARG_TEXT_PP(0)), &rule);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "commerce destinations", ALLOCSET_DEFAULT_SIZES);
	ArrayBuildState *found = initArrayResult(UUIDOID, caller, false);
	Destination *batch = palloc(sizeof(Destination) * BATCH);
	pg_uuid_t after = {0};
	int count;

	SPI_connect();
	commerce_require_shop();
	do
	{
		MemoryContext outer = MemoryContextSwitchTo(memory);

		count = read_batch(&after, batch);
		found = add_found(found, batch, count, normal, caller);
		if (count > 0)
			after = batch[count - 1].of;
		MemoryContextSwitchTo(outer);
		MemoryContextReset(memory);
	} while (count == BATCH);
	SPI_finish();
	PG_RETURN_DATUM(makeArrayResult(found, caller));
}

/* find_guests(email) returns the orders whose destination named this address, in any spelling. */
Datum
commerce_find_guests(PG_FUNCTION_ARGS)
{
	char *email = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	BlindRule rule = commerce_blind_rule("email");
	Datum blinds, found;
	bool complete, isnull;
	int count;

	SPI_connect();
	commerce_require_shop();
	blinds = commerce_blinds_to_find(email, &rule, &count, &complete);
	(void) commerce_run(&find_by_email, PLAN_READS, &blinds, NULL);
	found = SPI_datumTransfer(commerce_value(0, 1, &isnull), false, -1);
	/* Who asks to be forgotten must not be told that he is, where some could not be looked for. */
	if (!complete)
		commerce_refuse_incomplete_search();
	SPI_finish();
	return found;
}
