/*
 * guest.c: by what a guest is found again, written beside his order, without a statement where that makes no difference.
 */
#include "order/guest.h"

#include "base/plain_table.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#pragma GCC diagnostic pop

enum
{
	GUEST_ORDER,
	GUEST_EMAIL,
	GUEST_EMAIL_BLIND,
	GUEST_CREATED_AT,
	GUEST_COLUMNS
};

static const PlainColumn columns[GUEST_COLUMNS] = {
	[GUEST_ORDER] = PLAIN("order_id", UUIDOID),
	[GUEST_EMAIL] = {.name = "email", .own = "sealed", .typmod = SEALED_EMAIL_TYPMOD},
	[GUEST_EMAIL_BLIND] = PLAIN("email_blind", BYTEAOID),
	[GUEST_CREATED_AT] = {.name = "created_at", .type = TIMESTAMPTZOID, .by_default = "now"},
};

static SavedPlan write_guest = {
	.sql = "INSERT INTO commerce.guests (order_id, email, email_blind, created_at) VALUES ($1, $2, $3, $4)",
	.args = "uuid; commerce.sealed; bytea; timestamptz"};

static PlainTable guests = {.watch = {.table = "guests"},
							.columns = columns,
							.column_count = GUEST_COLUMNS,
							.statement = &write_guest};

/* Begins to watch the table. */
void
commerce_guest_init(void)
{
	commerce_plain_table_init(&guests);
}

/* Says whether a destination in the clear has anything under this name: most name no address, and need no opening. */
static bool
names_email(const Jsonb *ship_to)
{
	JsonbValue value;

	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &ship_to->root), "email",
										strlen("email"), &value) != NULL;
}

/* Writes down the address of a guest. */
void
commerce_store_guest(const pg_uuid_t *order, Datum address, const Jsonb *ship_to)
{
	Datum values[GUEST_COLUMNS] = {UUIDPGetDatum(order)};
	bool nulls[GUEST_COLUMNS] = {false};

	if ((ship_to != NULL && !names_email(ship_to)) ||
		!commerce_seal_email_of(DatumGetByteaPP(address), order, &values[GUEST_EMAIL],
								&values[GUEST_EMAIL_BLIND]))
		return;
	values[GUEST_CREATED_AT] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	commerce_plain_table_write(&guests, values, nulls, false);
}
