/*
 * cart_trigger.c: what is put into carts and taken out changes the carts.
 *
 * A statement trigger looks at all rows that a statement wrote and touches each cart of theirs once, in the order of their
 * ids, so that two who fill several carts each do not wait for each other. INSERT … ON CONFLICT fires it for INSERT and for
 * UPDATE, of which one has no rows: looking at none has to cost next to nothing.
 *
 * When a cart expires is moved further than it must be, so that few changes of a cart move the entry of an index; until
 * then its row is changed in place.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/owner.h"
#include "base/plan.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#pragma GCC diagnostic pop

#define CART "cart_id"

PG_FUNCTION_INFO_V1(commerce_cart_filled);

static SavedPlan touch = {.sql =
							  "UPDATE commerce.carts x SET changed_at = clock_timestamp(),"
							  " expires_at = CASE WHEN x.expires_at >= now() + s.cart_ttl THEN x.expires_at"
							  " ELSE now() + s.cart_ttl + s.cart_ttl / 32 END"
							  " FROM commerce.shop s WHERE x.id = $1 AND x.state = 'open'",
						  .args = "uuid"};

static SavedPlan refuse = {
	.sql = "SELECT commerce.refuse_cart(x.id, x.state, 'change') FROM commerce.carts x WHERE x.id = $1",
	.args = "uuid"};

/* Carts of the rows of a statement. */
typedef struct CartList
{
	pg_uuid_t *ids;
	int count;
	int room;
} CartList;

/* Orders ids as the server does. */
static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

/* Notes a cart; rows of one cart mostly follow each other. */
static void
add_cart(CartList *carts, const pg_uuid_t *id)
{
	if (carts->count > 0 && compare_ids(&carts->ids[carts->count - 1], id) == 0)
		return;
	if (carts->count == carts->room)
	{
		carts->room = Max(8, carts->room * 2);
		carts->ids = carts->ids ? repalloc_huge(carts->ids, sizeof(pg_uuid_t) * (Size) carts->room)
								: palloc(sizeof(pg_uuid_t) * (Size) carts->room);
	}
	carts->ids[carts->count++] = *id;
}

/* Notes the carts of rows; NULL: there are none. */
static void
add_rows(CartList *carts, Tuplestorestate *rows, TupleDesc desc)
{
	TupleTableSlot *slot;
	int column;

	if (rows == NULL)
		return;
	column = SPI_fnumber(desc, CART);
	if (column <= 0 || SPI_gettypeid(desc, column) != UUIDOID)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("what is in carts has no column \"%s\" of type uuid", CART)));
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	tuplestore_select_read_pointer(rows, 0);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool isnull;
		Datum id = slot_getattr(slot, column, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (!isnull)
			add_cart(carts, DatumGetUUIDP(id));
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Touches carts, each once, and refuses one that is not open. */
static void
touch_carts(CartList *carts)
{
	OwnerScope scope;

	qsort(carts->ids, (size_t) carts->count, sizeof(pg_uuid_t), compare_ids);
	SPI_connect();
	commerce_enter_owner(&scope);
	for (int i = 0; i < carts->count; i++)
	{
		Datum id = UUIDPGetDatum(&carts->ids[i]);

		if (i > 0 && compare_ids(&carts->ids[i - 1], &carts->ids[i]) == 0)
			continue;
		/* One that is gone went with its lines. */
		if (commerce_run(&touch, PLAN_WRITES, &id, NULL) == 0)
			(void) commerce_run(&refuse, PLAN_WRITES, &id, NULL);
	}
	commerce_leave_owner(&scope);
	SPI_finish();
}

/* The trigger: AFTER, FOR EACH STATEMENT, with the rows before and after. */
Datum
commerce_cart_filled(PG_FUNCTION_ARGS)
{
	const TriggerData *data = (TriggerData *) fcinfo->context;
	CartList carts = {0};

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function touches carts as an AFTER trigger FOR EACH STATEMENT")));
	add_rows(&carts, data->tg_oldtable, RelationGetDescr(data->tg_relation));
	add_rows(&carts, data->tg_newtable, RelationGetDescr(data->tg_relation));
	if (carts.count > 0)
		touch_carts(&carts);
	return PointerGetDatum(NULL);
}
