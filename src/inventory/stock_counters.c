/*
 * stock_counters.c: what a counter of stock is called and what it starts from.
 */
#include "inventory/stock_counters.h"

#include "base/owner.h"
#include "base/plan.h"

static void load_headroom(const char *name, int length, CounterLevel *level);

/* A load that prepares its statements looks at the shop's version, too. */
static const char *const also_read[] = {"stock_alerts", "schema_version", NULL};

const EscrowSpace commerce_stock_space = {
	.tables = {"stock", "reservations"}, .reads = also_read, .load = load_headroom};

/* What was told last about a level, and the lines it is told by. 4611686018427387904 is UNLIMITED_UNITS. */
static SavedPlan read_lines = {
	.sql = "SELECT coalesce(s.low_stock, 0), coalesce(s.backorder_limit, 4611686018427387904),"
		   " coalesce((SELECT a.level FROM commerce.stock_alerts a"
		   " WHERE a.sku = s.sku AND a.location = s.location ORDER BY a.number DESC LIMIT 1), 'ok')"
		   " FROM commerce.stock s WHERE s.sku = $1 AND s.location = $2",
	.args = "text; text"};

static SavedPlan read_headroom = {
	.sql = "SELECT (coalesce((SELECT s.on_hand - s.safety_stock - s.damaged - s.quality_control - s.other"
		   " + coalesce(s.backorder_limit, 4611686018427387904)"
		   " FROM commerce.stock s WHERE s.sku = $1 AND s.location = $2), 0)"
		   " - coalesce((SELECT sum(r.quantity) FROM commerce.reservations r"
		   " WHERE r.sku = $1 AND r.location = $2 AND r.state IN ('held', 'committed')), 0))::int8",
	.args = "text; text"};

static SavedPlan lock_row = {
	.sql = "SELECT FROM commerce.stock WHERE sku = $1 AND location = $2 FOR NO KEY UPDATE",
	.args = "text; text"};

/* Splits a counter's name. */
void
commerce_stock_counter_name(const char *name, int length, char **sku, char **location)
{
	const char *separator = memchr(name, '\0', length);

	*sku = pnstrdup(name, separator - name);
	*location = pnstrdup(separator + 1, length - (separator + 1 - name));
}

/* Reads what is committed: the level, less what active reservations hold, overdue ones included. */
int64
commerce_stock_headroom(const char *name, int length)
{
	OwnerScope scope;
	char *sku;
	char *location;
	bool isnull;
	int64 headroom;

	commerce_stock_counter_name(name, length, &sku, &location);
	commerce_enter_owner(&scope);
	SPI_connect();
	(void) commerce_run(&read_headroom, PLAN_COMMITTED,
						(Datum[]){CStringGetTextDatum(sku), CStringGetTextDatum(location)}, NULL);
	headroom = DatumGetInt64(commerce_value(0, 1, &isnull));
	SPI_finish();
	commerce_leave_owner(&scope);
	return headroom;
}

/* Says between which numbers of headroom a level stays what it is. */
void
commerce_stock_band(const char *level, int64 low_stock, int64 limit, int64 *low, int64 *high)
{
	int64 something = limit + 1;
	int64 plenty = limit + low_stock + 1;

	*low = PG_INT64_MIN;
	*high = PG_INT64_MAX;
	if (strcmp(level, "out") == 0)
		*high = something;
	else if (strcmp(level, "low") == 0)
	{
		*low = something;
		*high = plenty;
	}
	else
		*low = plenty;
}

/* Says what a counter starts from: the headroom, and the band of what was told last, so that nothing stays untold. */
static void
load_headroom(const char *name, int length, CounterLevel *level)
{
	OwnerScope scope;
	char *sku;
	char *location;
	bool isnull;

	level->value = commerce_stock_headroom(name, length);
	commerce_stock_band("ok", 0, 0, &level->low, &level->high);
	commerce_stock_counter_name(name, length, &sku, &location);
	commerce_enter_owner(&scope);
	SPI_connect();
	if (commerce_run(&read_lines, PLAN_COMMITTED,
					 (Datum[]){CStringGetTextDatum(sku), CStringGetTextDatum(location)}, NULL) > 0)
		commerce_stock_band(commerce_text(0, 3), DatumGetInt64(commerce_value(0, 1, &isnull)),
							DatumGetInt64(commerce_value(0, 2, &isnull)), &level->low, &level->high);
	SPI_finish();
	commerce_leave_owner(&scope);
}

/* Writes the name of the counter of a sku at a location and returns its length; 0 where it is too long to be counted. */
static int
name_counter(char *name, const char *sku, const char *location)
{
	size_t sku_length = strlen(sku);
	size_t length = sku_length + 1 + strlen(location);

	if (length > COUNTER_NAME_MAX)
		return 0;
	memcpy(name, sku, sku_length + 1);
	memcpy(name + sku_length + 1, location, length - sku_length - 1);
	return (int) length;
}

/* Opens the counter of a sku at a location. */
Counter *
commerce_stock_counter(const char *sku, const char *location)
{
	char name[COUNTER_NAME_MAX + 2];
	int length = name_counter(name, sku, location);

	return length > 0 ? commerce_escrow_open(&commerce_stock_space, name, length) : NULL;
}

/* Reads the counter of a sku at a location, where there is one. */
bool
commerce_stock_peek(const char *sku, const char *location, int64 *headroom)
{
	char name[COUNTER_NAME_MAX + 2];
	int length = name_counter(name, sku, location);

	return length > 0 && commerce_escrow_peek(&commerce_stock_space, name, length, headroom);
}

/* Locks the row of stock. */
void
commerce_lock_stock(const char *sku, const char *location)
{
	(void) commerce_run(&lock_row, PLAN_WRITES,
						(Datum[]){CStringGetTextDatum(sku), CStringGetTextDatum(location)}, NULL);
}
