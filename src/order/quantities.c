/*
 * quantities.c: how many units of a sku an order may have.
 *
 * Most shops have no such rules, and their orders pay one comparison: whether there are any is remembered until
 * commerce.quantity_rules changes. Where there are some, one statement judges all lines, and whoever breaks rules is told
 * all of them at once. Gifts are not judged: nobody asked for them.
 */
#include "order/quantities.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/watch.h"
#include "order/columns.h"

static TableWatch watch = {.table = "quantity_rules"};
static bool any_rules = false;
static bool known = false; /* false also while and after a failed reading */

static SavedPlan find_any = {.sql = "SELECT FROM commerce.quantity_rules LIMIT 1"};

static SavedPlan find_broken = {.sql = "SELECT * FROM commerce.broken_quantities($1, $2, $3)",
								.args = "text[]; int8[]; text"};

/* Begins to watch the rules. */
void
commerce_quantities_init(void)
{
	commerce_watch(&watch);
}

/* Returns whether the shop has any rules, as committed by now. */
static bool
has_rules(void)
{
	if (known && commerce_watch_fresh(&watch))
		return any_rules;
	known = false;
	commerce_watch_renew(&watch);
	any_rules = commerce_run(&find_any, PLAN_LATEST, NULL, NULL) > 0;
	known = true;
	return any_rules;
}

/* Writes one number of a rule, null where it asks for none. */
static void
put_number(JsonWriter *detail, uint64 row, int column, const char *key)
{
	bool isnull;
	Datum value = commerce_value(row, column, &isnull);

	commerce_json_key(detail, key);
	if (isnull)
		commerce_json_null(detail);
	else
		commerce_json_int(detail, DatumGetInt64(value));
}

/* Refuses an order, with each sku that breaks its rule. */
pg_noreturn static void
refuse(uint64 rows)
{
	JsonWriter detail = JSON_WRITER_INIT;
	static const char *const numbers[] = {"quantity", "minimum", "maximum", "increment"};
	char *first = commerce_text(0, 1);

	commerce_json_object(&detail);
	commerce_json_key(&detail, "lines");
	commerce_json_array(&detail);
	for (uint64 row = 0; row < rows; row++)
	{
		commerce_json_object(&detail);
		commerce_json_key(&detail, "sku");
		commerce_json_string(&detail, commerce_text(row, 1));
		for (int i = 0; i < (int) lengthof(numbers); i++)
			put_number(&detail, row, i + 2, numbers[i]);
		commerce_json_end_object(&detail);
	}
	commerce_json_end_array(&detail);
	commerce_json_end_object(&detail);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 rows == 1 ? errmsg("\"%s\" is not sold in this quantity", first)
					   : errmsg("\"%s\" and " INT64_FORMAT " more are not sold in these quantities", first,
								(int64) rows - 1),
			 commerce_errdetail(&detail),
			 errhint("DETAIL says what each asks for; commerce.check_quantities() tells beforehand.")));
}

/* Refuses a quote that breaks rules. */
void
commerce_require_quantities(const Quote *quote)
{
	Columns columns;
	Datum values[3] = {0};
	char nulls[] = "   ";
	uint64 rows;

	if (!has_rules())
		return;
	commerce_columns_init(&columns, 2, quote->line_count);
	for (int i = 0; i < quote->line_count; i++)
		if (quote->lines[i].gift_of < 0)
			commerce_columns_add(&columns, (Datum[]){CStringGetTextDatum(quote->lines[i].sku),
													 Int64GetDatum(quote->lines[i].quantity)});
	values[0] = commerce_columns_array(&columns, 0, TEXTOID);
	values[1] = commerce_columns_array(&columns, 1, INT8OID);
	if (quote->customer_group)
		values[2] = CStringGetTextDatum(quote->customer_group);
	else
		nulls[2] = 'n';
	rows = commerce_run(&find_broken, PLAN_READS, values, nulls);
	if (rows > 0)
		refuse(rows);
}
