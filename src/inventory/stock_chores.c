/*
 * stock_chores.c: telling the outside world when a level crosses a line, and taking expired lots off sale.
 *
 * Who sells the last unit does not tell: he does not know yet whether he will commit, and many of them at once would
 * have to agree on who does. So each counter has a band of numbers within which there is nothing to tell. Who ends a
 * transaction and leaves a counter outside its band raises the counter's flag, and the worker is woken. He looks at
 * what is committed, tells each crossing once, and sets the band by what he found; where that has changed meanwhile,
 * the flag is up again at once.
 */
#include "inventory/stock_chores.h"

#include "base/chores.h"
#include "inventory/stock_counters.h"

static SavedPlan announce = {.sql = "SELECT FROM commerce.announce_stock($1)", .args = "text[]"};

static SavedPlan read_bands = {
	.sql = "SELECT l.sku, l.location,"
		   " CASE WHEN l.available <= 0 THEN 'out' WHEN l.available <= l.low_stock THEN 'low' ELSE 'ok' END,"
		   " coalesce(l.low_stock, 0), coalesce(l.backorder_limit, 4611686018427387904)"
		   " FROM commerce.stock_levels l WHERE l.sku = ANY ($1)",
	.args = "text[]"};

static SavedPlan take_lots_off_sale = {
	.sql = "SELECT date_trunc('day', now()) + interval '1 day' FROM commerce.expire_lots()"};

/* Collects the skus of counters. */
static void
collect(const char *name, int length, void *context)
{
	List **skus = context;
	char *sku;
	char *location;

	commerce_stock_counter_name(name, length, &sku, &location);
	*skus = lappend(*skus, sku);
}

/* Collects the skus of all counters. */
static void
collect_all(List **skus)
{
	EscrowReading *readings;
	int count = commerce_escrow_read(&commerce_stock_space, &readings);

	for (int i = 0; i < count; i++)
		collect(readings[i].name, readings[i].length, skus);
}

/* Makes a text[] of the skus. */
static Datum
array_of(List *skus)
{
	Datum *values = palloc(sizeof(Datum) * Max(list_length(skus), 1));
	int count = 0;
	ListCell *cell;

	foreach (cell, skus)
		values[count++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Sets the bands of the counters of these skus by what is committed now. */
static void
set_bands(Datum skus)
{
	uint64 rows = commerce_run(&read_bands, PLAN_LATEST, &skus, NULL);
	bool isnull;

	for (uint64 i = 0; i < rows; i++)
	{
		char *sku = commerce_text(i, 1);
		char *location = commerce_text(i, 2);
		int length = (int) (strlen(sku) + 1 + strlen(location));
		char *name = psprintf("%s%c%s", sku, '\1', location);
		int64 low;
		int64 high;

		name[strlen(sku)] = '\0';
		commerce_stock_band(commerce_text(i, 3), DatumGetInt64(commerce_value(i, 4, &isnull)),
							DatumGetInt64(commerce_value(i, 5, &isnull)), &low, &high);
		if (length <= COUNTER_NAME_MAX)
			commerce_escrow_set_band(&commerce_stock_space, name, length, low, high);
	}
}

/* Looks at every level and tells what has crossed a line. */
static void
announce_all(void)
{
	List *loaded = NIL;

	(void) commerce_run(&announce, PLAN_WRITES, (Datum[]){(Datum) 0}, "n");
	collect_all(&loaded);
	set_bands(array_of(loaded));
}

/* Tells what has crossed a line. Where flags were lost, every level is looked at. */
static TimestampTz
announce_flagged(void)
{
	List *flagged = NIL;
	int lost = commerce_escrow_flagged(&commerce_stock_space, collect, &flagged);
	Datum skus = array_of(flagged);

	if (lost > 0)
		announce_all();
	else if (flagged != NIL)
	{
		(void) commerce_run(&announce, PLAN_WRITES, &skus, NULL);
		set_bands(skus);
	}
	commerce_escrow_found(lost);
	return DT_NOEND;
}

/*
 * Looks at every level once after the server has started, and once an hour: a crash takes flags along, and what was sold
 * under row locks has raised none.
 */
static TimestampTz
check_levels(void)
{
	announce_all();
	return GetCurrentTimestamp() + USECS_PER_HOUR;
}

/* Takes lots off sale whose last day is over; once a day. */
static TimestampTz
expire_lots(void)
{
	return commerce_chore_ask(&take_lots_off_sale);
}

static const CommerceChore announcing = {.name = "announcing stock", .run = announce_flagged};
static const CommerceChore checking_levels = {
	.name = "checking levels of stock", .run = check_levels, .timed = true};
static const CommerceChore expiring_lots = {.name = "expiring lots", .run = expire_lots, .timed = true};

/* Registers the chores. */
void
commerce_stock_chores_init(void)
{
	commerce_register_chore(&announcing);
	commerce_register_chore(&checking_levels);
	commerce_register_chore(&expiring_lots);
}
