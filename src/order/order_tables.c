/*
 * order_tables.c: writing the rows of an order, without a statement wherever that makes no difference.
 *
 * A statement on these tables spends most of its time on the CHECKs, which it reads and compiles each time, and on
 * triggers that have nothing to do. What the triggers stand for is true here without them: the sums have been checked
 * before anything is written, the state is one of the machine's, and the order that a line belongs to is there, because
 * it was written just before by the same call. Where the user's own triggers, policies, partitions or defaults have a
 * say, each row goes by a statement; so does a row that a CHECK refuses, for the statement to say why.
 */
#include "order/order_tables.h"

#include "base/plain_table.h"
#include "base/plan.h"
#include "money/amount.h"
#include "order/attachment.h"
#include "order/guest.h"
#include "order/machine.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "nodes/nodeFuncs.h"
#pragma GCC diagnostic pop

#define ORDER_MACHINE "order"
#define FIRST_STATE "placed"

static const PlainColumn order_columns[ORDER_COLUMNS] = {
	[ORDER_ID] = PLAIN("id", UUIDOID),
	[ORDER_CHANNEL] = PLAIN("channel", TEXTOID),
	[ORDER_CUSTOMER] = PLAIN("customer_id", UUIDOID),
	[ORDER_SHIP_TO] = PLAIN("ship_to", JSONBOID),
	[ORDER_SHIP_ADDRESS] = {.name = "ship_address", .own = "sealed", .typmod = SEALED_ADDRESS_TYPMOD},
	[ORDER_SHIPPING_METHOD] = PLAIN("shipping_method", TEXTOID),
	[ORDER_CODES] = PLAIN("codes", TEXTARRAYOID),
	[ORDER_TAX_LEVEL] = PLAIN("tax_level", TEXTOID),
	[ORDER_SUBTOTAL] = PLAIN_OWN("subtotal", "amount"),
	[ORDER_DISCOUNT] = PLAIN_OWN("discount", "amount"),
	[ORDER_SHIPPING] = PLAIN_OWN("shipping", "amount"),
	[ORDER_TAX] = PLAIN_OWN("tax", "amount"),
	[ORDER_INCLUDED_TAX] = PLAIN_OWN("included_tax", "amount"),
	[ORDER_TOTAL] = PLAIN_OWN("total", "amount"),
	[ORDER_PLACED_AT] = PLAIN("placed_at", TIMESTAMPTZOID),
	[ORDER_ROUNDING] = PLAIN_OWN("rounding", "amount"),
	[ORDER_TAX_TREATMENT] = PLAIN("tax_treatment", TEXTOID),
	[ORDER_NUMBER] = PLAIN("number", INT8OID),
	[ORDER_EXPIRES_AT] = PLAIN("expires_at", TIMESTAMPTZOID),
	[ORDER_VERSION] = PLAIN("version", INT4OID),
	[ORDER_CASH_INCREMENT] = PLAIN_OWN("cash_increment", "amount"),
	[ORDER_STATE] = PLAIN("state", TEXTOID),
	[ORDER_CREATED_AT] = {.name = "created_at", .type = TIMESTAMPTZOID, .by_default = "now"},
};

static const PlainColumn line_columns[] = {
	PLAIN("order_id", UUIDOID),
	PLAIN("line", INT4OID),
	PLAIN("sku", TEXTOID),
	PLAIN("title", TEXTOID),
	PLAIN("quantity", INT8OID),
	PLAIN_OWN("unit_price", "amount"),
	PLAIN("per_quantity", INT4OID),
	PLAIN("tax_class", TEXTOID),
	PLAIN_OWN("subtotal", "amount"),
	PLAIN_OWN("discount", "amount"),
	PLAIN_OWN("tax", "amount"),
	PLAIN_OWN("included_tax", "amount"),
	PLAIN_OWN("total", "amount"),
	PLAIN("tax_exempt", BOOLOID),
	PLAIN_OWN("list_price", "amount"),
	PLAIN("gift_of", UUIDOID),
	PLAIN("requires_shipping", BOOLOID),
	PLAIN("cancelled", INT8OID),
	PLAIN("priced_version", INT4OID),
};

static const PlainColumn discount_columns[] = {
	PLAIN("order_id", UUIDOID),       PLAIN("line", INT4OID),   PLAIN("number", INT4OID),
	PLAIN("promotion", UUIDOID),      PLAIN("reason", TEXTOID), PLAIN_OWN("amount", "amount"),
	PLAIN_OWN("saved_tax", "amount"),
};

static const PlainColumn tax_columns[] = {
	PLAIN("order_id", UUIDOID),
	PLAIN("line", INT4OID),
	PLAIN("tax_class", TEXTOID),
	PLAIN("name", TEXTOID),
	{.name = "rate", .type = NUMERICOID, .typmod = TAX_RATE_TYPMOD},
	PLAIN("included", BOOLOID),
	PLAIN("compound", BOOLOID),
	PLAIN_OWN("amount", "amount"),
};

static SavedPlan write_order = {
	.sql = "INSERT INTO commerce.orders (id, channel, customer_id, ship_to, ship_address, shipping_method, "
		   "codes,"
		   " tax_level, subtotal, discount, shipping, tax, included_tax, total, placed_at, rounding, "
		   "tax_treatment,"
		   " number, expires_at, version, cash_increment, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
		   "$10, $11, $12, "
		   "$13, $14, $15, $16, "
		   "$17, $18,"
		   " $19, $20, $21, $22) RETURNING number",
	.args =
		"uuid; text; uuid; jsonb; commerce.sealed; text; text[]; text; commerce.amount; commerce.amount;"
		" commerce.amount; commerce.amount; commerce.amount; commerce.amount; timestamptz; commerce.amount;"
		" text; int8; timestamptz; int4; commerce.amount; text"};

static SavedPlan write_lines = {
	.sql = "INSERT INTO commerce.order_lines (order_id, line, sku, title, quantity, unit_price, per_quantity,"
		   " tax_class, subtotal, discount, tax, included_tax, total, tax_exempt, list_price, gift_of, "
		   "requires_shipping, cancelled, priced_version)"
		   " SELECT $1, l.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
		   "$17, $18, $19) l",
	.args = "uuid; int4[]; text[]; text[]; int8[]; commerce.amount[]; int4[]; text[]; commerce.amount[];"
			" commerce.amount[]; commerce.amount[]; commerce.amount[]; commerce.amount[]; bool[]; "
			"commerce.amount[]; uuid[]; bool[]; int8[]; int4[]"};

static SavedPlan write_discounts = {
	.sql =
		"INSERT INTO commerce.order_discounts (order_id, line, number, promotion, reason, amount, saved_tax)"
		" SELECT $1, d.* FROM unnest($2, $3, $4, $5, $6, $7) d",
	.args = "uuid; int4[]; int4[]; uuid[]; text[]; commerce.amount[]; commerce.amount[]"};

static SavedPlan write_taxes = {
	.sql =
		"INSERT INTO commerce.order_taxes (order_id, line, tax_class, name, rate, included, compound, amount)"
		" SELECT $1, t.* FROM unnest($2, $3, $4, $5, $6, $7, $8) t",
	.args = "uuid; int4[]; text[]; text[]; numeric[]; bool[]; bool[]; commerce.amount[]"};

/* Says whether a trigger is the order machine's, and the last one that could change the state. */
static bool
is_order_machine(Relation relation, const Trigger *trigger)
{
	AttrNumber state = get_attnum(RelationGetRelid(relation), order_columns[ORDER_STATE].name);

	return trigger->tgnargs == 2 && strcmp(trigger->tgargs[0], ORDER_MACHINE) == 0 && state > 0 &&
		   commerce_guarded_column(relation, trigger) == state &&
		   commerce_later_trigger(relation, trigger, TRIGGER_TYPE_INSERT) == NULL;
}

/* Says whether a trigger leaves alone what checkout() stores: WHEN (NOT commerce.storing_order()). */
static bool
leaves_checkout_alone(const Trigger *trigger)
{
	Node *when = trigger->tgqual ? stringToNode(trigger->tgqual) : NULL;
	Oid function = InvalidOid;

	if (when != NULL && is_notclause(when) && IsA(get_notclausearg(when), FuncExpr))
		function = ((FuncExpr *) get_notclausearg(when))->funcid;
	return OidIsValid(function) && get_func_namespace(function) == get_namespace_oid("commerce", true) &&
		   strcmp(get_func_name(function), "storing_order") == 0;
}

/* The sums were checked before anything is written. */
static bool
stands_in_for_sums(Relation relation, const Trigger *trigger, const char *function)
{
	(void) relation;
	return strcmp(function, "check_order_sums") == 0 || leaves_checkout_alone(trigger);
}

/* Whether the machine has the state, commerce_write_order() asks. */
static bool
stands_in_for_machine(Relation relation, const Trigger *trigger, const char *function)
{
	return stands_in_for_sums(relation, trigger, function) ||
		   (strcmp(function, "enforce_state_machine") == 0 && is_order_machine(relation, trigger));
}

static PlainTable orders = {.watch = {.table = "orders"},
							.columns = order_columns,
							.column_count = ORDER_COLUMNS,
							.stands_in = stands_in_for_machine};

/* A table of what an order has several of, and the statement that writes its rows. */
#define PART(name, list, statement)                                                                          \
	{                                                                                                        \
		.table = {.watch = {.table = name},                                                                  \
				  .columns = list,                                                                           \
				  .column_count = lengthof(list),                                                            \
				  .stands_in = stands_in_for_sums,                                                           \
				  .parent = "orders",                                                                        \
				  .parent_key = "id"},                                                                       \
		.plan = &statement                                                                                   \
	}

static struct
{
	PlainTable table;
	SavedPlan *plan;
} parts[ORDER_PARTS] = {
	[ORDER_LINES] = PART("order_lines", line_columns, write_lines),
	[ORDER_DISCOUNTS] = PART("order_discounts", discount_columns, write_discounts),
	[ORDER_TAXES] = PART("order_taxes", tax_columns, write_taxes),
};

/* Begins to watch the tables. */
void
commerce_order_tables_init(void)
{
	commerce_plain_table_init(&orders);
	for (int i = 0; i < ORDER_PARTS; i++)
		commerce_plain_table_init(&parts[i].table);
	commerce_guest_init();
}

/* Writes the row of an order without a statement, or says that it takes one. */
static bool
write_order_plainly(const Datum *values, const bool *nulls)
{
	Relation table = commerce_plain_table_open(&orders);
	const Machine *machine;
	bool written;

	if (table == NULL)
		return false;
	machine = commerce_find_machine(ORDER_MACHINE);
	written = machine != NULL && commerce_machine_has_state(machine, FIRST_STATE) &&
			  commerce_plain_table_insert(&orders, table, values, nulls);
	commerce_plain_table_close(&orders, table);
	return written;
}

/* Writes the row of an order. */
int64
commerce_write_order(Datum *values, bool *nulls, bool *plainly)
{
	char flags[ORDER_COLUMNS];
	bool isnull;

	values[ORDER_STATE] = CStringGetTextDatum(FIRST_STATE);
	values[ORDER_CREATED_AT] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	nulls[ORDER_STATE] = nulls[ORDER_CREATED_AT] = false;
	*plainly = write_order_plainly(values, nulls);
	if (*plainly)
		return DatumGetInt64(values[ORDER_NUMBER]);
	for (int c = 0; c < ORDER_COLUMNS; c++)
		flags[c] = nulls[c] ? 'n' : ' ';
	(void) commerce_run(&write_order, PLAN_WRITES, values, flags);
	return DatumGetInt64(commerce_value(0, 1, &isnull));
}

/* Writes rows of a part without a statement, as far as that goes; returns how many. */
static int
write_part_plainly(PlainTable *part, const pg_uuid_t *order, const Columns *rows)
{
	Relation table = commerce_plain_table_open(part);
	Datum values[MAX_COLUMNS + 1] = {UUIDPGetDatum(order)};
	bool nulls[MAX_COLUMNS + 1] = {false};
	int written = 0;

	if (table == NULL)
		return 0;
	for (; written < rows->count; written++)
	{
		for (int c = 0; c < rows->width; c++)
		{
			values[c + 1] = rows->values[c][written];
			nulls[c + 1] = rows->nulls[c][written];
		}
		if (!commerce_plain_table_insert(part, table, values, nulls))
			break;
	}
	commerce_plain_table_close(part, table);
	return written;
}

/* Writes rows that belong to an order. */
void
commerce_write_order_part(OrderPart part, const pg_uuid_t *order, Columns *rows, bool *plainly)
{
	Datum values[MAX_COLUMNS + 1] = {UUIDPGetDatum(order)};

	if (*plainly && rows->count > 0)
		commerce_columns_drop(rows, write_part_plainly(&parts[part].table, order, rows));
	if (rows->count == 0)
		return;
	*plainly = false;
	for (int c = 0; c < rows->width; c++)
	{
		const PlainColumn *column = &parts[part].table.columns[c + 1];

		values[c + 1] =
			commerce_columns_array(rows, c, OidIsValid(column->type) ? column->type : commerce_amount_type());
	}
	(void) commerce_run(parts[part].plan, PLAN_WRITES, values, NULL);
}
