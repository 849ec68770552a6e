/*
 * place_order_sql.c: buying a cart, exactly once.
 *
 * The cart's row is locked first and is all that is waited for: whoever changes, merges, expires or buys the cart locks
 * it as well, so what is read behind the lock is what is bought. A second client finds the cart placed and returns its
 * order. Order, stock, claims and the cart's new state are one transaction: whatever fails takes everything with it, and
 * a server that dies on the way has either all of it in its log or none. Under REPEATABLE READ and SERIALIZABLE a cart
 * that changed since the snapshot is 40001, because every change of what is in a cart changes its row.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/ready.h"
#include "base/uuid.h"
#include "money/amount.h"
#include "order/checkout.h"
#include "order/machine.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* The arguments of place_order(). */
enum
{
	CART,
	IDEMPOTENCY_KEY,
	EXPECTED_TOTAL,
	CUSTOMER,
};

PG_FUNCTION_INFO_V1(commerce_place_order);

/* A cart as it is stored; each value may be 0 for NULL. */
typedef struct StoredCart
{
	pg_uuid_t id;
	const char *name; /* the id as text */
	char *state;
	char *holder; /* who holds its stock */
	pg_uuid_t *customer;
	pg_uuid_t *order;
	Datum arguments[CHECKOUT_ARGS]; /* what it says of those of checkout() */
	Datum ship_address;
	bool by_staff;
} StoredCart;

static SavedPlan lock_cart = {
	.sql = "SELECT c.state, c.customer_id, c.order_id, c.channel, c.currency, c.ship_to, c.shipping_method,"
		   " coalesce(c.options, '{}') || jsonb_build_object('holder', commerce.cart_holder(c.id)),"
		   " c.ship_address, commerce.cart_holder(c.id), c.kind <> 'cart'"
		   " FROM commerce.carts c WHERE c.id = $1 FOR NO KEY UPDATE",
	.args = "uuid"};

static SavedPlan read_content = {.sql = "SELECT commerce.cart_content($1), commerce.cart_code_list($1)",
								 .args = "uuid"};

static SavedPlan close_cart = {
	.sql = "UPDATE commerce.carts SET state = 'placed', order_id = $2, placed_at = now(), ship_address = NULL"
		   " WHERE id = $1",
	.args = "uuid; uuid"};

/* What was held of lines that have left the cart again. */
static SavedPlan release_rest = {
	.sql = "SELECT commerce.release_holder($1) WHERE EXISTS"
		   " (SELECT FROM commerce.reservations r WHERE r.holder = $1 AND r.state = 'held')",
	.args = "text"};

/* Returns a column of the first row in memory of its own, 0 for NULL. */
static Datum
copied(int column, bool by_length)
{
	bool isnull;
	Datum value = commerce_value(0, column, &isnull);

	if (isnull)
		return (Datum) 0;
	return by_length ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) : datumCopy(value, false, UUID_LEN);
}

/* Locks the cart and reads its row; P0002 for an unknown one, and for another customer's where one is given. */
static void
read_cart(FunctionCallInfo fcinfo, StoredCart *cart)
{
	bool isnull;

	*cart = (StoredCart){.name = "null"};
	if (!PG_ARGISNULL(CART))
	{
		cart->id = *PG_GETARG_UUID_P(CART);
		cart->name = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&cart->id)));
	}
	if (PG_ARGISNULL(CART) ||
		commerce_run(&lock_cart, PLAN_WRITES, (Datum[]){UUIDPGetDatum(&cart->id)}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no cart %s", cart->name)));
	cart->state = commerce_text(0, 1);
	cart->customer = (pg_uuid_t *) DatumGetPointer(copied(2, false));
	cart->order = (pg_uuid_t *) DatumGetPointer(copied(3, false));
	if (!PG_ARGISNULL(CUSTOMER) &&
		(cart->customer == NULL || memcmp(cart->customer, PG_GETARG_UUID_P(CUSTOMER), UUID_LEN) != 0))
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no cart %s", cart->name)));
	cart->arguments[ARG_CUSTOMER] = PointerGetDatum(cart->customer);
	cart->arguments[ARG_CHANNEL] = copied(4, true);
	cart->arguments[ARG_CURRENCY] = copied(5, true);
	cart->arguments[ARG_SHIP_TO] = copied(6, true);
	cart->arguments[ARG_SHIPPING_METHOD] = copied(7, true);
	cart->arguments[ARG_OPTIONS] = copied(8, true);
	cart->ship_address = copied(9, true);
	cart->holder = commerce_text(0, 10);
	cart->by_staff = DatumGetBool(commerce_value(0, 11, &isnull));
}

/* Reads what is in the cart; 22023 for an empty one. */
static void
read_lines(StoredCart *cart)
{
	(void) commerce_run(&read_content, PLAN_WRITES, (Datum[]){UUIDPGetDatum(&cart->id)}, NULL);
	cart->arguments[ARG_LINES] = copied(1, true);
	cart->arguments[ARG_CODES] = copied(2, true);
	if (JB_ROOT_COUNT(DatumGetJsonbP(cart->arguments[ARG_LINES])) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("cart %s is empty", cart->name),
						commerce_errfacts("cart", cart->name, NULL),
						errhint("Put something into it with commerce.set_cart_line().")));
}

/* Returns the SHA-256 of the request: which cart, and for how much. What is in the cart is not the client's word. */
static Datum
request_hash(FunctionCallInfo fcinfo, const StoredCart *cart)
{
	char *text = psprintf("place_order %s", cart->name);

	if (!PG_ARGISNULL(EXPECTED_TOTAL))
		text = psprintf("%s for %s", text, commerce_amount_print(PG_GETARG_AMOUNT(EXPECTED_TOTAL)));
	return DirectFunctionCall1(sha256_bytea, CStringGetTextDatum(text));
}

/* Claims the key where there is one; *order is the cart's, or the new one's. Returns whether the request is new. */
static bool
claim(FunctionCallInfo fcinfo, const StoredCart *cart, pg_uuid_t *order)
{
	return PG_ARGISNULL(IDEMPOTENCY_KEY) ||
		   commerce_claim_key(text_to_cstring(PG_GETARG_TEXT_PP(IDEMPOTENCY_KEY)), request_hash(fcinfo, cart),
							  false, order);
}

/* Refuses a cart that is not open. */
static void
require_open(const StoredCart *cart)
{
	const Machine *machine = commerce_machine("cart");

	if (commerce_transition_by_event(machine, cart->state, "place") == NULL)
		commerce_refuse_transition(machine, cart->state, "place", NULL);
}

/* Buys what is in the cart. A guest's address comes to belong to the order, as it does in a checkout. */
static void
buy(FunctionCallInfo fcinfo, StoredCart *cart, const pg_uuid_t *order)
{
	LOCAL_FCINFO(call, CHECKOUT_ARGS);
	CartOrigin origin = {.id = &cart->id, .by_staff = cart->by_staff, .ship_address = cart->ship_address};

	if (cart->ship_address != (Datum) 0 && cart->customer == NULL)
		origin.ship_address =
			commerce_reseal(DatumGetByteaPP(cart->ship_address), "address", &cart->id, order);
	InitFunctionCallInfoData(*call, NULL, CHECKOUT_ARGS, InvalidOid, NULL, NULL);
	for (int i = 0; i < CHECKOUT_ARGS; i++)
		call->args[i] = (NullableDatum){cart->arguments[i], cart->arguments[i] == (Datum) 0};
	call->args[ARG_EXPECTED_TOTAL] = fcinfo->args[EXPECTED_TOTAL];
	commerce_place(call, order, &origin);
	(void) commerce_run(&release_rest, PLAN_WRITES, (Datum[]){CStringGetTextDatum(cart->holder)}, NULL);
	if (commerce_run(&close_cart, PLAN_WRITES, (Datum[]){UUIDPGetDatum(&cart->id), UUIDPGetDatum(order)},
					 NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
						errmsg("a trigger kept the cart from being placed")));
}

/* place_order(cart, idempotency_key, expected_total, customer) */
Datum
commerce_place_order(PG_FUNCTION_ARGS)
{
	pg_uuid_t *order = commerce_uuidv7();
	StoredCart cart;
	Datum result;

	SPI_connect();
	commerce_require_shop();
	read_cart(fcinfo, &cart);
	if (cart.order)
	{
		*order = *cart.order;
		(void) claim(fcinfo, &cart, order);
	}
	else
	{
		require_open(&cart);
		if (claim(fcinfo, &cart, order))
		{
			read_lines(&cart);
			buy(fcinfo, &cart, order);
		}
	}
	result = SPI_datumTransfer(UUIDPGetDatum(order), false, UUID_LEN);
	SPI_finish();
	return result;
}
