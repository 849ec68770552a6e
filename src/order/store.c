/*
 * store.c: writing an order, one statement a table.
 *
 * What is written is the quote, number by number: nothing is computed here. Of the destination only what prices depend
 * on is kept in the clear; the whole of it is sealed, for the customer or, where a guest buys, for the order.
 */
#include "order/store.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "money/amount.h"
#include "order/columns.h"
#include "outbox/outbox.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/acl.h"
#pragma GCC diagnostic pop

static SavedPlan write_order = {
	.sql = "INSERT INTO commerce.orders (id, state, channel, customer_id, ship_to, ship_address, shipping_method, codes,"
		   " tax_level, subtotal, discount, shipping, tax, included_tax, total, placed_at)"
		   " VALUES ($1, 'placed', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now()) RETURNING number",
	.args = "uuid; text; uuid; jsonb; commerce.sealed; text; text[]; text; commerce.amount; commerce.amount;"
			" commerce.amount; commerce.amount; commerce.amount; commerce.amount"};

static SavedPlan write_lines = {
	.sql = "INSERT INTO commerce.order_lines (order_id, line, sku, title, quantity, unit_price, per_quantity, tax_class,"
		   " subtotal, discount, tax, included_tax, total) SELECT $1, l.* FROM"
		   " unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) l",
	.args = "uuid; int4[]; text[]; text[]; int8[]; commerce.amount[]; int4[]; text[]; commerce.amount[];"
			" commerce.amount[]; commerce.amount[]; commerce.amount[]; commerce.amount[]"};

static SavedPlan write_discounts = {
	.sql = "INSERT INTO commerce.order_discounts (order_id, line, promotion, amount)"
		   " SELECT $1, d.* FROM unnest($2, $3, $4) d",
	.args = "uuid; int4[]; uuid[]; commerce.amount[]"};

static SavedPlan write_taxes = {
	.sql = "INSERT INTO commerce.order_taxes (order_id, line, name, rate, included, amount)"
		   " SELECT $1, t.line, t.name, t.rate / 1000000.0, t.included, t.amount"
		   " FROM unnest($2, $3, $4, $5, $6) t (line, name, rate, included, amount)",
	.args = "uuid; int4[]; text[]; int8[]; bool[]; commerce.amount[]"};

static SavedPlan write_history = {
	.sql = "INSERT INTO commerce.state_history (subject, relation, machine, event, to_state, actor)"
		   " VALUES ($1, 'orders', 'order', 'submit', 'placed', $2)",
	.args = "text; text"};

/* Returns an amount of the quote's currency as a Datum. */
static Datum
money(int64 minor, const Quote *quote)
{
	return AmountGetDatum(commerce_amount_make(minor, quote->currency));
}

/* Returns the type of amounts. */
static Oid
amount_type(void)
{
	return TypenameGetTypid("amount");
}

/* Keeps of a destination what prices depend on. */
static Datum
public_destination(Jsonb *ship_to)
{
	static const char *const keys[] = {"country", "region", "postal_code"};
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		char *value = commerce_json_get_string(&ship_to->root, keys[i]);

		if (value == NULL)
			continue;
		commerce_json_key(&writer, keys[i]);
		commerce_json_string(&writer, value);
	}
	commerce_json_end_object(&writer);
	return PointerGetDatum(commerce_json_finish(&writer));
}

/* Returns whether a destination says more than what is kept in the clear. */
static bool
is_private(Jsonb *ship_to)
{
	return JB_ROOT_COUNT(ship_to) > JB_ROOT_COUNT(DatumGetJsonbP(public_destination(ship_to)));
}
