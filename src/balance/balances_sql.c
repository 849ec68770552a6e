/*
 * balances_sql.c: taking from a balance, what is on it, and whether its counter is right.
 *
 * An amount is taken before its entry is written. With a counter nobody waits: the take is one instruction that succeeds
 * only where there is enough, takes of transactions under way included. Where there is no counter, the row of the balance
 * is locked, and what is left is added up behind the lock with a snapshot of that moment.
 */
#include "base/pg.h"

#include "balance/balances.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/letters.h"
#include "base/plan.h"
#include "base/ready.h"
#include "money/amount.h"

#define MAX_LENGTH 64

/* The arguments of take_balance(). */
enum
{
	ARG_BALANCE,
	ARG_KIND,
	ARG_AMOUNT,
	ARG_ORDER,
	ARG_PAYMENT,
	ARG_REASON,
	ARG_AT_MOST,
};

PG_FUNCTION_INFO_V1(commerce_take_balance);
PG_FUNCTION_INFO_V1(commerce_balance_reading);
PG_FUNCTION_INFO_V1(commerce_verify_balances);
PG_FUNCTION_INFO_V1(commerce_random_code);

static SavedPlan write_entry = {
	.sql = "INSERT INTO commerce.balance_entries (balance_id, kind, amount, order_id, payment_id, reason)"
		   " VALUES ($1, $2, $3, $4, $5, $6)",
	.args = "uuid; text; commerce.amount; uuid; uuid; text"};

/* Raises CM033 about a balance on which only so much is left. */
pg_noreturn static void
refuse(const pg_uuid_t *balance, Amount amount, int64 left)
{
	int currency = commerce_amount_currency(amount);
	JsonWriter writer = JSON_WRITER_INIT;

	left = Max(left, 0);
	commerce_json_object(&writer);
	commerce_json_key(&writer, "balance");
	commerce_json_string(&writer, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(balance))));
	commerce_json_key(&writer, "requested");
	commerce_json_money(&writer, commerce_amount_minor(amount), currency);
	commerce_json_key(&writer, "left");
	commerce_json_money(&writer, left, currency);
	commerce_json_end_object(&writer);
	ereport(ERROR, (errcode(ERRCODE_BUDGET_EXHAUSTED),
					errmsg("only %s are left on the balance",
						   commerce_amount_print(commerce_amount_make(left, currency))),
					commerce_errdetail(&writer), errhint("Take no more than is left.")));
}

/* Returns how much to take where so much is left; refuses where that is not enough. */
static int64
share_of(const pg_uuid_t *balance, Amount amount, bool at_most, int64 left)
{
	int64 minor = commerce_amount_minor(amount);

	if (at_most)
		minor = Min(minor, left);
	if (left < minor || minor <= 0)
		refuse(balance, amount, left);
	return minor;
}

/* Takes by the counter; others may take meanwhile. Returns how much was taken. */
static int64
take(const pg_uuid_t *balance, Amount amount, bool at_most, Counter *counter)
{
	for (;;)
	{
		int64 minor = share_of(balance, amount, at_most, commerce_escrow_balance(counter));

		if (commerce_escrow_take(counter, minor))
			return minor;
		CHECK_FOR_INTERRUPTS();
	}
}

/* take_balance(balance, kind, amount, order, payment, reason, at_most) */
Datum
commerce_take_balance(PG_FUNCTION_ARGS)
{
	Datum values[ARG_REASON + 1];
	char nulls[] = "      ";
	const pg_uuid_t *balance = PG_GETARG_UUID_P(ARG_BALANCE);
	Amount amount = PG_GETARG_AMOUNT(ARG_AMOUNT);
	bool at_most = !PG_ARGISNULL(ARG_AT_MOST) && PG_GETARG_BOOL(ARG_AT_MOST);
	Counter *counter;
	int64 unwritten = 0;
	int64 taken;

	if (PG_ARGISNULL(ARG_BALANCE) || PG_ARGISNULL(ARG_AMOUNT) || commerce_amount_minor(amount) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("what is taken from a balance is greater than zero")));
	for (int i = 0; i <= ARG_REASON; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	SPI_connect();
	counter = commerce_balance_counter(balance);
	if (counter != NULL)
	{
		unwritten = commerce_escrow_unwritten(counter);
		taken = take(balance, amount, at_most, counter);
	}
	else
	{
		commerce_lock_balance(balance);
		taken = share_of(balance, amount, at_most, commerce_balance_summed(balance));
	}
	values[ARG_AMOUNT] = AmountGetDatum(commerce_amount_make(-taken, commerce_amount_currency(amount)));
	(void) commerce_run(&write_entry, PLAN_WRITES, values, nulls);
	if (counter != NULL)
		commerce_escrow_settle(counter, unwritten);
	SPI_finish();
	PG_RETURN_AMOUNT(commerce_amount_make(taken, commerce_amount_currency(amount)));
}

/* balance_reading(balance) says what is left and what of it others are spending. */
Datum
commerce_balance_reading(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *balance = PG_GETARG_UUID_P(0);
	const char *name = (const char *) balance->data;
	EscrowReading reading;
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {0};
	int64 left;
	int64 in_flight = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "balance_reading() returns a row");
	SPI_connect();
	if (!commerce_escrow_peek(&commerce_balances_space, name, UUID_LEN, &left))
		left = commerce_balance_summed(balance);
	else if (commerce_escrow_read_one(&commerce_balances_space, name, UUID_LEN, &reading))
		in_flight = reading.pending;
	SPI_finish();
	values[0] = Int64GetDatum(left);
	values[1] = Int64GetDatum(in_flight);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* Fills in the balance of a counter's name. */
static int
name_columns(const char *name, int length, Datum *values)
{
	pg_uuid_t *balance = palloc(sizeof(pg_uuid_t));

	memcpy(balance->data, name, Min(length, UUID_LEN));
	values[0] = UUIDPGetDatum(balance);
	return 1;
}

static const EscrowReport report = {.committed = commerce_balance_committed, .names = name_columns};

/* verify_balances(repair) lists the counters that differ from the tables, and puts them right when asked to. */
Datum
commerce_verify_balances(PG_FUNCTION_ARGS)
{
	SPI_connect();
	commerce_require_shop();
	SPI_finish();
	InitMaterializedSRF(fcinfo, 0);
	commerce_escrow_verify(&commerce_balances_space, &report, PG_GETARG_BOOL(0),
						   (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/* random_code(length) */
Datum
commerce_random_code(PG_FUNCTION_ARGS)
{
	int length = PG_GETARG_INT32(0);
	text *code;

	if (length < 1 || length > MAX_LENGTH)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a code has 1 to %d characters", MAX_LENGTH)));
	code = palloc(VARHDRSZ + length);
	SET_VARSIZE(code, VARHDRSZ + length);
	commerce_random_letters(VARDATA(code), length);
	PG_RETURN_TEXT_P(code);
}
