/*
 * deliver_sql.c: telling the sender that there is something to send, and sending without one.
 */
#include "base/pg.h"

#include "base/owner.h"
#include "base/ready.h"
#include "base/resident.h"
#include "outbox/courier.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/xact.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "tcop/pquery.h"
#include "utils/snapmgr.h"
#pragma GCC diagnostic pop

#define MAX_SECONDS 3600

PG_FUNCTION_INFO_V1(commerce_tell_sender);
PG_FUNCTION_INFO_V1(commerce_wake_sender);
PG_FUNCTION_INFO_V1(commerce_deliver_pending);

/* tell_sender() is a statement trigger on what the sender reads. */
Datum
commerce_tell_sender(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("commerce.tell_sender() is a trigger function")));
	if (((TriggerData *) fcinfo->context)->tg_trigger->tgnargs > 0)
		commerce_resident_wanted_anew();
	else
		commerce_resident_wanted();
	return PointerGetDatum(NULL);
}

/* wake_sender() says that there is something to send. */
Datum
commerce_wake_sender(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	commerce_resident_wanted_anew();
	PG_RETURN_VOID();
}

/* Does a round in a transaction of its own, in READ COMMITTED whatever the session's default, and sends what it took. */
static void
do_round(Round *round)
{
	OwnerScope scope;

	XactIsoLevel = XACT_READ_COMMITTED;
	EnsurePortalSnapshotExists();
	commerce_require_shop();
	commerce_enter_owner(&scope);
	commerce_courier_round(round);
	commerce_leave_owner(&scope);
	commerce_courier_committing(round);
	SPI_commit();
	commerce_courier_start();
}

/* Does rounds until nothing is ready any more or the time is over; then gives back what is under way. */
static void
deliver_until(TimestampTz end)
{
	Round round = {.claim = true, .look = true};
	bool pending = false;

	do_round(&round);
	for (;;)
	{
		TimestampTz now;
		TimestampTz next;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		pending = commerce_courier_collect() || pending;
		now = GetCurrentTimestamp();
		if (now >= end)
			break;
		if (!pending && round.next > now && commerce_http_in_flight() == 0 && !round.unsettled)
			return;
		next = Max(pending ? now : round.next, commerce_courier_rests_until());
		if (next > now)
			commerce_http_wait(TimestampDifferenceMilliseconds(now, Min(end, next)));
		else
		{
			round.look = round.look && round.settled;
			do_round(&round);
			pending = false;
		}
	}
	commerce_courier_give_up();
	round.claim = false;
	do
		do_round(&round);
	while (round.settled);
	/* What somebody keeps from being written down, others find out. */
	if (round.unsettled)
		commerce_courier_forget();
}

/* Refuses where the procedure could not commit. */
static void
require_transactions(FunctionCallInfo fcinfo)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
						errmsg("deliver_pending() cannot run inside a transaction"),
						errhint("CALL it by itself: what is sent cannot be taken back.")));
}

/* deliver_pending(max_seconds) sends what is to be sent, in this session. */
Datum
commerce_deliver_pending(PG_FUNCTION_ARGS)
{
	int seconds = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);

	if (seconds < 1 || seconds > MAX_SECONDS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("max_seconds must be from 1 to %d", MAX_SECONDS)));
	require_transactions(fcinfo);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	commerce_require_shop();
	/* What the caller's transaction has seen so far is not what a round may go by. */
	SPI_commit();
	(void) commerce_http_close();
	commerce_http_open();
	PG_TRY();
	{
		deliver_until(GetCurrentTimestamp() + seconds * USECS_PER_SEC);
	}
	PG_CATCH();
	{
		commerce_courier_forget();
		PG_RE_THROW();
	}
	PG_END_TRY();
	(void) commerce_http_close();
	SPI_finish();
	PG_RETURN_VOID();
}
