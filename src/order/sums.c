/*
 * sums.c: what is stored of an order adds up, whoever stores it.
 *
 * The parts of an order are rows of several tables, so no CHECK can hold them to their sums. checkout() has all numbers
 * at hand and checks them before it writes; for its rows the constraint triggers on these tables are not even queued, by
 * their WHEN clause. For anybody else's rows they wait for the end of the transaction, when all parts are there, and add
 * up each order once.
 */
#include "order/sums.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/owner.h"
#include "base/plan.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "commands/trigger.h"
#include "utils/hsearch.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_check_order_sums);
PG_FUNCTION_INFO_V1(commerce_storing_order);

/* True while checkout() stores an order. */
static bool storing = false;

/* Which sum is wrong, of the first that is; no row where all are right. */
static SavedPlan find_wrong_sum = {
	.sql =
		"SELECT w.what, w.says::text, w.adds_up_to::text FROM commerce.orders o, LATERAL (SELECT"
		" coalesce(sum(commerce.minor_units(l.subtotal)), 0) AS subtotal,"
		" coalesce(sum(commerce.minor_units(l.discount)), 0) AS discount,"
		" coalesce(sum(commerce.minor_units(l.tax)), 0) AS tax FROM commerce.order_lines l WHERE l.order_id "
		"= o.id) l,"
		" LATERAL (SELECT coalesce(sum(commerce.minor_units(d.amount)), 0) AS discount FROM"
		" commerce.order_discounts d WHERE d.order_id = o.id AND d.line = 0) d,"
		" LATERAL (SELECT coalesce(sum(commerce.minor_units(t.amount)), 0) AS tax FROM commerce.order_taxes t"
		" WHERE t.order_id = o.id AND t.line = 0) t, LATERAL (VALUES"
		" ('subtotal of the order', commerce.minor_units(o.subtotal)::numeric, l.subtotal),"
		" ('discount of the order', commerce.minor_units(o.discount), l.discount + d.discount),"
		" ('tax of the order', commerce.minor_units(o.tax), l.tax + t.tax)) w (what, says, adds_up_to)"
		" WHERE o.id = $1 AND w.says <> w.adds_up_to UNION ALL"
		" SELECT 'discount of line ' || l.line, commerce.minor_units(l.discount)::text, d.discount::text"
		" FROM commerce.order_lines l, LATERAL (SELECT coalesce(sum(commerce.minor_units(d.amount)), 0) AS "
		"discount"
		" FROM commerce.order_discounts d WHERE d.order_id = l.order_id AND d.line = l.line) d"
		" WHERE l.order_id = $1 AND commerce.minor_units(l.discount) <> d.discount UNION ALL"
		" SELECT 'tax of line ' || l.line, commerce.minor_units(l.tax)::text, t.tax::text"
		" FROM commerce.order_lines l, LATERAL (SELECT coalesce(sum(commerce.minor_units(t.amount)), 0) AS "
		"tax"
		" FROM commerce.order_taxes t WHERE t.order_id = l.order_id AND t.line = l.line) t"
		" WHERE l.order_id = $1 AND commerce.minor_units(l.tax) <> t.tax LIMIT 1",
	.args = "uuid"};

/* Refuses a quote whose parts do not add up: a fault of this library, which must not reach the books. */
static void
require(bool right, const char *what)
{
	if (!right)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the %s of this order does not add up", what),
						errhint("This is an error of commerce; nothing was stored.")));
}

/* Checks one line. */
static void
check_line(const QuoteLine *line)
{
	wide discount = 0;
	wide tax = 0;
	wide included = 0;

	for (int i = 0; i < line->discount_count; i++)
		discount += line->discounts[i].minor;
	for (int i = 0; i < line->tax_count; i++)
	{
		tax += line->taxes[i].minor;
		included += line->taxes[i].rate->included ? line->taxes[i].minor : 0;
	}
	require(discount == line->discount && discount >= 0, "discount of a line");
	require(tax == line->tax && included == line->included_tax, "tax of a line");
	require(line->total == line->subtotal - line->discount + line->tax - line->included_tax,
			"total of a line");
	require(line->discount <= Max(line->subtotal - line->floor, 0),
			"discount of a line beside its minimum price");
}

/* Checks what is about to be stored. */
void
commerce_check_quote_sums(const Quote *quote)
{
	wide subtotal = 0;
	wide discount = quote->shipping.discount;
	wide tax = quote->shipping.tax;
	wide total = quote->shipping.total + quote->rounding;

	check_line(&quote->shipping);
	for (int i = 0; i < quote->line_count; i++)
	{
		const QuoteLine *line = &quote->lines[i];

		check_line(line);
		subtotal += line->subtotal;
		discount += line->discount;
		tax += line->tax;
		total += line->total;
	}
	require(subtotal == quote->subtotal, "subtotal");
	require(discount == quote->discount, "discount");
	require(tax == quote->tax, "tax");
	require(total == quote->total, "total");
}

/* Says whether an order is being stored whose sums are checked. */
void
commerce_set_storing(bool now)
{
	storing = now;
}

/* storing_order(): is checkout() storing an order? */
Datum
commerce_storing_order(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_BOOL(storing);
}

/*
 * Remembers that an order was checked; false where it was already, and nothing can have changed since. Where a savepoint
 * is rolled back the rows are what they were before it and commands count on from where they were, so what was checked
 * in one subtransaction is forgotten in any other.
 */
static bool
first_time(const pg_uuid_t *order)
{
	static HTAB *checked = NULL;
	static FullTransactionId transaction;
	static SubTransactionId subtransaction;
	static CommandId command;
	FullTransactionId now = GetTopFullTransactionId();
	bool found;

	if (checked && (!FullTransactionIdEquals(transaction, now) ||
					subtransaction != GetCurrentSubTransactionId() || command != GetCurrentCommandId(false)))
	{
		hash_destroy(checked);
		checked = NULL;
	}
	if (checked == NULL)
	{
		HASHCTL control = {.keysize = UUID_LEN, .entrysize = UUID_LEN};

		checked = hash_create("orders that add up", 64, &control, HASH_ELEM | HASH_BLOBS);
		transaction = now;
		subtransaction = GetCurrentSubTransactionId();
		command = GetCurrentCommandId(false);
	}
	(void) hash_search(checked, order, HASH_ENTER, &found);
	return !found;
}

/* Adds up the order that a row belongs to; 23514 where a sum is wrong. */
static void
check_order(HeapTuple row, TupleDesc desc, const char *key)
{
	int number = SPI_fnumber(desc, key);
	bool isnull = true;
	Datum order = number > 0 ? heap_getattr(row, number, desc, &isnull) : (Datum) 0;

	if (isnull || SPI_gettypeid(desc, number) != UUIDOID || !first_time(DatumGetUUIDP(order)))
		return;
	if (commerce_run(&find_wrong_sum, PLAN_WRITES, &order, NULL) == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
					errmsg("the %s is %s minor units, but its parts add up to %s", commerce_text(0, 1),
						   commerce_text(0, 2), commerce_text(0, 3)),
					commerce_errfacts("order", DatumGetCString(DirectFunctionCall1(uuid_out, order)), "what",
									  commerce_text(0, 1), "says", commerce_text(0, 2), "adds_up_to",
									  commerce_text(0, 3), NULL),
					errhint("Write all parts of an order in one transaction: commerce.orders, order_lines, "
							"order_discounts (with a reason where no promotion is known) and order_taxes.")));
}

/* Constraint trigger on the tables of an order: check_order_sums(name of the column that holds the order). */
Datum
commerce_check_order_sums(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc desc;
	OwnerScope scope;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		data->tg_trigger->tgnargs != 1)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("check_order_sums() is a row trigger with one argument")));
	desc = RelationGetDescr(data->tg_relation);
	commerce_enter_owner(&scope);
	SPI_connect();
	check_order(data->tg_trigtuple, desc, data->tg_trigger->tgargs[0]);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		check_order(data->tg_newtuple, desc, data->tg_trigger->tgargs[0]);
	SPI_finish();
	commerce_leave_owner(&scope);
	return PointerGetDatum(NULL);
}
