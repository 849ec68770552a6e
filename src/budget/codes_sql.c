/*
 * codes_sql.c: create_codes(): codes that nobody guesses, by the million.
 *
 * Codes are written in batches; one that is there already, of
 * whichever promotion, is replaced by another in a later batch.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/letters.h"
#include "base/plan.h"
#include "base/ready.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/pg_collation.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_create_codes);

#define MAX_COUNT 10000000
#define MAX_LENGTH 64
#define BATCH 100000

/* So many possible codes there are at least for each that is made. */
#define CODES_FOR_ONE 100000.0

/* So many batches in a row may make nothing new. */
#define MAX_BARREN 20

/* The arguments. */
enum
{
	ARG_PROMOTION,
	ARG_COUNT,
	ARG_PREFIX,
	ARG_LENGTH,
	ARG_USES,
	ARG_VALID,
};

/* What to make. */
typedef struct Order
{
	char *prefix;
	int count;
	int length; /* of what follows the prefix */
} Order;

static SavedPlan find_promotion = {.sql = "SELECT FROM commerce.promotions WHERE id = $1", .args = "uuid"};

/* Sorted, because neighbours in an index are written faster. */
static SavedPlan write_codes = {.sql = "INSERT INTO commerce.promotion_codes (code, promotion, uses, valid)"
									   " SELECT code, $2, $3, coalesce($4, '(,)') FROM unnest($1) code ORDER "
									   "BY code ON CONFLICT DO NOTHING RETURNING code",
								.args = "text[]; uuid; int8; tstzrange"};

/* Refuses an argument with 22023. */
pg_noreturn static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

/* Reads the arguments, refusing those that make no sense. */
static void
read_order(FunctionCallInfo fcinfo, Order *order)
{
	double possible = 1;

	if (PG_ARGISNULL(ARG_PROMOTION))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("promotion must not be null")));
	order->count = PG_ARGISNULL(ARG_COUNT) ? 0 : PG_GETARG_INT32(ARG_COUNT);
	if (order->count < 1 || order->count > MAX_COUNT)
		refuse("count must be from 1 to 10000000", "Call it again for more.");
	order->length = PG_ARGISNULL(ARG_LENGTH) ? 0 : PG_GETARG_INT32(ARG_LENGTH);
	if (order->length < 1 || order->length > MAX_LENGTH)
		refuse("length must be from 1 to 64", "10 is enough for millions of codes.");
	for (int i = 0; i < order->length; i++)
		possible *= LETTERS;
	if (possible < CODES_FOR_ONE * order->count)
		refuse("so many codes of so few characters would be guessed", "Ask for a greater length.");
	if (!PG_ARGISNULL(ARG_USES) && PG_GETARG_INT64(ARG_USES) < 0)
		refuse("uses must not be negative", "NULL lets any number of orders use a code.");
	order->prefix =
		PG_ARGISNULL(ARG_PREFIX)
			? ""
			: TextDatumGetCString(DirectFunctionCall1Coll(
				  upper, C_COLLATION_OID, DirectFunctionCall1(btrim1, PG_GETARG_DATUM(ARG_PREFIX))));
	/* Here and not in the table, where one code of ten million may be a card number by chance. */
	commerce_refuse_card_number("prefix", order->prefix);
	if (strlen(order->prefix) > MAX_LENGTH)
		refuse("prefix must not be longer than 64 bytes", "It is typed by people.");
}

/* Makes an array of new codes. */
static Datum
make_codes(const Order *order, int count)
{
	size_t prefix = strlen(order->prefix);
	Size size = VARHDRSZ + prefix + (Size) order->length;
	Datum *codes = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
	{
		text *code = palloc(size);

		SET_VARSIZE(code, size);
		memcpy(VARDATA(code), order->prefix, prefix);
		commerce_random_letters(VARDATA(code) + prefix, order->length);
		codes[i] = PointerGetDatum(code);
	}
	return PointerGetDatum(construct_array(codes, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Makes and writes a batch of codes and returns how many of them are new; these go to the result. */
static int
write_batch(FunctionCallInfo fcinfo, const Order *order, int count)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char nulls[] = "    ";
	Datum values[4];
	uint64 rows;

	values[0] = make_codes(order, count);
	values[1] = PG_GETARG_DATUM(ARG_PROMOTION);
	values[2] = PG_ARGISNULL(ARG_USES) ? (Datum) 0 : PG_GETARG_DATUM(ARG_USES);
	values[3] = PG_ARGISNULL(ARG_VALID) ? (Datum) 0 : PG_GETARG_DATUM(ARG_VALID);
	nulls[2] = PG_ARGISNULL(ARG_USES) ? 'n' : ' ';
	nulls[3] = PG_ARGISNULL(ARG_VALID) ? 'n' : ' ';
	rows = commerce_run(&write_codes, PLAN_WRITES, values, nulls);
	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;
		Datum code = commerce_value(row, 1, &isnull);

		tuplestore_putvalues(result->setResult, result->setDesc, &code, &isnull);
	}
	SPI_freetuptable(SPI_tuptable);
	return (int) rows;
}

/* create_codes(promotion, count, prefix, length, uses, valid) */
Datum
commerce_create_codes(PG_FUNCTION_ARGS)
{
	MemoryContext batch;
	Order order;
	int barren = 0;

	SPI_connect();
	commerce_require_shop();
	read_order(fcinfo, &order);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (commerce_run(&find_promotion, PLAN_LATEST, &fcinfo->args[ARG_PROMOTION].value, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there is no promotion %s",
						DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(ARG_PROMOTION)))),
				 errhint("commerce.promotions has an id for each.")));
	batch = AllocSetContextCreate(CurrentMemoryContext, "commerce codes", ALLOCSET_DEFAULT_SIZES);
	while (order.count > 0)
	{
		MemoryContext caller = MemoryContextSwitchTo(batch);
		int made;

		CHECK_FOR_INTERRUPTS();
		made = write_batch(fcinfo, &order, Min(order.count, BATCH));
		order.count -= made;
		barren = made > 0 ? 0 : barren + 1;
		if (barren == MAX_BARREN)
			refuse("nearly all codes of so few characters are there already", "Ask for a greater length.");
		MemoryContextSwitchTo(caller);
		MemoryContextReset(batch);
	}
	SPI_finish();
	return (Datum) 0;
}
