/*
 * verify_budgets_sql.c: are the counters of budgets right, and what if they are wrong?
 *
 * They drift only when claims change behind their backs: with triggers disabled. Repair takes at once what counts too
 * little as claimed, because that could let a limit be exceeded.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "base/ready.h"
#include "budget/claim_counters.h"

PG_FUNCTION_INFO_V1(commerce_verify_budgets);

/* verify_budgets(repair) lists the counters that differ from the tables, and puts them right when asked to. */
Datum
commerce_verify_budgets(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool repair = PG_GETARG_BOOL(0);
	EscrowReading *readings;
	int count;

	SPI_connect();
	commerce_require_shop();
	SPI_finish();
	InitMaterializedSRF(fcinfo, 0);
	count = commerce_escrow_read(&commerce_claims_space, &readings);
	for (int i = 0; i < count; i++)
	{
		EscrowReading reading;
		int64 tables;
		pg_uuid_t budget;
		char *key;
		Datum values[6];
		bool nulls[6] = {0};

		if (!commerce_escrow_differs(&commerce_claims_space, &readings[i], commerce_claims_committed,
									 &reading, &tables))
			continue;
		commerce_claims_counter_name(reading.name, reading.length, &budget, &key);
		values[0] = UUIDPGetDatum(&budget);
		values[1] = CStringGetTextDatum(key);
		values[2] = Int64GetDatum(-(reading.value + reading.pending));
		values[3] = Int64GetDatum(-tables);
		values[4] = Int64GetDatum(reading.pending);
		values[5] = BoolGetDatum(repair && commerce_escrow_correct(&commerce_claims_space, &reading, tables));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
