/*
 * provider_calls.c: what is asked of providers, and what becomes of it.
 *
 * What a call is, what an answer means and what is booked is said in SQL (sql/order/102_provider_calls.sql and on); here
 * calls are taken, sent and their answers brought back. A call may move money, so more is asked of it than of an event:
 *
 * It is known for certain to have been taken before it is sent: the commit waits for the disk. Whoever is killed then
 * leaves a lease, and whoever finds that one over knows that the call may have been sent, and asks what became of it.
 *
 * It is written to the network once. Where not a byte was written it is sent again; where one was, and no answer came to
 * its end, nobody knows: an answer that stops halfway, or is too long, says nothing.
 *
 * What came of it is booked in a transaction of its own, behind the lock of its order. A clerk may hold that, perhaps for
 * minutes; then the answer is kept, with its lease, and tried again every now and then, while all others go on: it does not
 * count as being sent, and all that wait so wait for no longer together than one would.
 *
 * Functions of adapters are the shop's own and may do anything. They run one at a time, in rounds of their own, each in a
 * subtransaction and to a limit; an adapter that took long rests (provider_rest.c). A call whose answer was not understood
 * in time is asked about later, as one without an answer is; one that could not be asked about in time waits.
 */
#include "order/provider_calls.h"

#include "base/chores.h"
#include "base/plan.h"
#include "base/resident.h"
#include "order/provider_call.h"
#include "order/provider_rest.h"
#include "outbox/courier.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* So many are taken at once, and in hand at a time; of each provider fewer, so that two dozen may hang and others go on. */
#define CALLS_AT_ONCE 100
#define CALLS_IN_HAND 400
#define CALLS_OF_PROVIDER 16

/* Beside them, so many whose answer waits for a lock. */
#define ANSWERS_APART 100

/* How long booking waits for locks, all that wait together, in milliseconds; after how long each tries again. */
#define PATIENCE_MS 50
#define BOOK_AGAIN (INT64CONST(500000))

/* As each attempt costs as much as this, and most of the time is for others. */
#define BOOK_SHARE (INT64CONST(50000))

/* After how long a call is asked about again, where its adapter could not, in microseconds. */
#define ASK_AGAIN (INT64CONST(600) * USECS_PER_SEC)

#define STOPPED "the sender was stopped"

static SavedPlan claim = {
	.sql = "SELECT c.\"order\", c.call, c.token, c.provider, c.secret, c.method, c.url,"
		   " c.headers, c.body, c.what FROM commerce.claim_provider_calls($1, $2, $3, $4) c",
	.args = "int4; interval; int4; uuid[]"};

static SavedPlan question = {
	.sql = "SELECT q.method, q.url, q.headers, q.body FROM commerce.question_of_call($1, $2, $3, $4) q",
	.args = "uuid; uuid; uuid; interval"};

static SavedPlan put_off = {.sql = "SELECT commerce.put_off_call($1, $2, $3, $4, $5)",
							.args = "uuid; uuid; uuid; interval; text"};

static SavedPlan ask_next = {.sql = "SELECT commerce.next_provider_call()"};

static List *calls = NIL;               /* in hand */
static MemoryContext all_memory = NULL; /* of calls, each in a context of its own below it */
static bool has_sent = false;           /* this process has had something to do */

static bool settle(Round *round);
static void send_calls(Round *round);
static void call_over(HttpRequest *request, bool given_up);
static void forget(void);

static const SendSource source = {.settle = settle, .round = send_calls, .over = call_over, .forget = forget};

/* Lets a call go. */
static void
let_go(Call *call)
{
	calls = list_delete_ptr(calls, call);
	commerce_wipe_provider_request(&call->request);
	MemoryContextDelete(call->memory);
}

/* Writes the request of a call, in the call's memory. */
static void
write_request(Call *call)
{
	MemoryContext before = MemoryContextSwitchTo(call->memory);

	commerce_write_provider_request(&call->request, &call->written);
	MemoryContextSwitchTo(before);
}

/* Reads the uuid in a column. */
static pg_uuid_t
uuid_at(uint64 row, int column)
{
	bool isnull;

	return *DatumGetUUIDP(commerce_value(row, column, &isnull));
}

/* Takes a request, in the columns from "first" on, into the call's memory; false where there is none yet. */
static bool
take_request(Call *call, uint64 row, int first)
{
	MemoryContext before = MemoryContextSwitchTo(call->memory);
	bool isnull;

	call->request.method = commerce_text(row, first);
	if (call->request.method != NULL)
	{
		call->request.url = commerce_text(row, first + 1);
		call->written.headers = DatumGetJsonbPCopy(commerce_value(row, first + 2, &isnull));
		call->written.body = commerce_text(row, first + 3);
		call->request.answer = palloc(HTTP_ANSWER_MAX);
	}
	MemoryContextSwitchTo(before);
	return call->request.method != NULL;
}

/* Takes one row of what was claimed into hand. */
static void
take(uint64 row)
{
	MemoryContext memory = AllocSetContextCreate(all_memory, "commerce provider call", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	Call *call = palloc0(sizeof(Call));
	bool isnull;
	Datum value;

	call->memory = memory;
	call->order = uuid_at(row, 1);
	call->id = uuid_at(row, 2);
	call->token = uuid_at(row, 3);
	call->written.provider = uuid_at(row, 4);
	value = commerce_value(row, 5, &isnull);
	call->written.secret = isnull ? NULL : DatumGetByteaPCopy(value);
	call->what = commerce_text(row, 10);
	call->lease_until = GetCurrentTimestamp() + LEASE;
	call->patience = PATIENCE_MS;
	call->request.source = &source;
	call->request.once = true;
	call->unasked = !take_request(call, row, 6);
	call->request.retry_after = -1;
	MemoryContextSwitchTo(TopMemoryContext);
	calls = lappend(calls, call);
	MemoryContextSwitchTo(before);
}

/* Sends a call whose request is there, or hears at once why it cannot. */
static void
send_call(Call *call)
{
	const ErrorData *error = commerce_attempt_call(write_request, call);

	if (error == NULL)
	{
		commerce_send(&call->request);
		return;
	}
	commerce_tell_of_call(call, error->sqlerrcode, error->message);
	call->heard = true;
	call->trouble = "the provider's secret cannot be opened";
	commerce_wipe_provider_request(&call->request);
}

/* Returns whether a call's answer waits for a lock that somebody holds. */
static bool
waits_for_lock(const Call *call)
{
	return call->heard && call->locked;
}

/* Lists the calls that do not count as being sent: their answers are here, and others are asked meanwhile. */
static Datum
list_answered(int *count)
{
	Datum ids[ANSWERS_APART];
	ListCell *cell;

	*count = 0;
	foreach (cell, calls)
	{
		Call *call = lfirst(cell);

		if (*count < ANSWERS_APART && waits_for_lock(call))
			ids[(*count)++] = UUIDPGetDatum(&call->id);
	}
	return PointerGetDatum(construct_array(ids, *count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

/* Takes what is due; returns whether there may be more. */
static bool
claim_due(Round *round)
{
	int had = list_length(calls);
	int apart;
	Datum answered = list_answered(&apart);
	int room = Min(Min(round->room, CALLS_AT_ONCE), CALLS_IN_HAND - (had - apart));
	Interval lease = {.time = LEASE};
	uint64 rows;

	if (room <= 0)
		return false;
	rows = commerce_run(
		&claim, PLAN_WRITES,
		(Datum[]){Int32GetDatum(room), IntervalPGetDatum(&lease), Int32GetDatum(CALLS_OF_PROVIDER), answered},
		NULL);
	if (rows == 0)
		return false;
	round->durable = true;
	has_sent = true;
	if (all_memory == NULL)
		all_memory = AllocSetContextCreate(TopMemoryContext, "commerce provider calls", ALLOCSET_SMALL_SIZES);
	for (uint64 i = 0; i < rows; i++)
		take(i);
	for (int i = had; i < list_length(calls); i++)
	{
		Call *call = list_nth(calls, i);

		if (!call->unasked)
			send_call(call);
	}
	return rows == (uint64) room;
}

/* Hears how a call went. */
static void
call_over(HttpRequest *request, bool given_up)
{
	Call *call = (Call *) request;

	commerce_wipe_provider_request(&call->request);
	call->heard = true;
	call->trouble = given_up ? STOPPED : request->error;
	/* It may be kept for a while: as much of it as has come. */
	call->request.answer = repalloc(call->request.answer, Max(call->request.answer_length, 1));
}

/* Returns how many answers wait for locks. */
static int
count_waiting(void)
{
	int count = 0;
	ListCell *cell;

	foreach (cell, calls)
		count += waits_for_lock(lfirst(cell));
	return count;
}

/* Keeps an answer until later; lets it go where it is nobody's any more. */
static void
keep_answer(Round *round, Call *call, TimestampTz again)
{
	call->again = again;
	if (call->lease_until > again + LEASE_LEFT)
		return;
	round->durable = true;
	if (commerce_attempt_call(commerce_prolong_call, call) != NULL || call->again == DT_NOEND)
		let_go(call);
}

/* Books what came of one call, if what its adapter and whoever has its order locked allow it. */
static void
settle_answer(Round *round, Call *call, TimestampTz rests_until)
{
	TimestampTz now = GetCurrentTimestamp();
	const ErrorData *error;

	if (call->trouble == NULL && rests_until > now)
	{
		if (round->claim)
		{
			keep_answer(round, call, rests_until);
			return;
		}
		call->trouble = STOPPED;
	}
	call->patience = Max(1, PATIENCE_MS / Max(1, count_waiting()));
	error = call->trouble == NULL ? commerce_attempt_adapter(commerce_book_call, call)
								  : commerce_attempt_call(commerce_book_call, call);
	if (error == NULL)
	{
		round->durable = true;
		let_go(call);
	}
	else if (commerce_is_in_the_way(error->sqlerrcode))
	{
		call->locked = true;
		keep_answer(round, call, GetCurrentTimestamp() + Max(BOOK_AGAIN, BOOK_SHARE * count_waiting()));
	}
	else
	{
		bool ended = error->sqlerrcode == ERRCODE_QUERY_CANCELED;

		if (!ended || call->trouble != NULL)
			commerce_tell_of_call(call, error->sqlerrcode, error->message);
		/* Without it nobody knows, and the provider is asked; where not even that can be written, when the lease is over. */
		if (call->trouble != NULL)
			let_go(call);
		else
			call->trouble = ended ? TOOK_TOO_LONG : "its answer could not be booked";
	}
}

/* Has the adapter of a call build the question what became of it. */
static void
build_question(Call *call)
{
	Interval lease = {.time = LEASE};

	if (commerce_run(&question, PLAN_WRITES,
					 (Datum[]){UUIDPGetDatum(&call->order), UUIDPGetDatum(&call->id),
							   UUIDPGetDatum(&call->token), IntervalPGetDatum(&lease)},
					 NULL) == 0)
		call->again = DT_NOEND;
	else
		call->unasked = !take_request(call, 0, 1);
}

/* How long a call that was not asked about waits, and why; for give_back(). */
static Interval putting_off;
static const char *put_off_for;

/* Gives a call back that was not asked about. */
static void
give_back(Call *call)
{
	(void) commerce_run(&put_off, PLAN_WRITES,
						(Datum[]){UUIDPGetDatum(&call->order), UUIDPGetDatum(&call->id),
								  UUIDPGetDatum(&call->token), IntervalPGetDatum(&putting_off),
								  put_off_for ? CStringGetTextDatum(put_off_for) : (Datum) 0},
						put_off_for ? NULL : "    n");
}

/* Asks what became of one call, if its adapter can. */
static void
ask(Round *round, Call *call, TimestampTz rests_until)
{
	TimestampTz now = GetCurrentTimestamp();

	round->durable = true;
	putting_off = (Interval){.time = Max(rests_until - now, 0)};
	put_off_for = NULL;
	if (round->claim && rests_until <= now)
	{
		const ErrorData *error = commerce_attempt_adapter(build_question, call);

		if (error == NULL && call->again == DT_NOEND)
		{
			let_go(call);
			return;
		}
		if (error == NULL)
		{
			call->lease_until = now + LEASE;
			send_call(call);
			return;
		}
		if (commerce_is_in_the_way(error->sqlerrcode))
			putting_off.time = USECS_PER_SEC;
		else
		{
			putting_off.time = ASK_AGAIN;
			put_off_for = error->sqlerrcode == ERRCODE_QUERY_CANCELED
							  ? TOOK_TOO_LONG
							  : psprintf("the adapter failed with %s", unpack_sql_state(error->sqlerrcode));
		}
	}
	/* Where it cannot even be given back, its lease ends by itself. */
	(void) commerce_attempt_call(give_back, call);
	let_go(call);
}

/* Has all others have their turn before a call has it again. */
static void
let_others_first(Call *call)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	calls = lappend(list_delete_ptr(calls, call), call);
	MemoryContextSwitchTo(before);
}

/* Goes on with one call. */
static bool
settle(Round *round)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell *cell;

	foreach (cell, calls)
	{
		Call *call = lfirst(cell);
		TimestampTz rests_until;

		if (!call->unasked && (!call->heard || call->again > now))
			continue;
		let_others_first(call);
		rests_until = commerce_provider_rests_until(&call->written.provider);
		if (call->unasked)
			ask(round, call, rests_until);
		else
			settle_answer(round, call, rests_until);
		return true;
	}
	return false;
}

/* Finds out when there is something to do though nothing is heard. */
static void
find_next(Round *round)
{
	TimestampTz next = commerce_chore_ask(&ask_next);
	ListCell *cell;

	if (next != DT_NOEND || has_sent || calls != NIL)
		round->moot = false;
	round->next = Min(round->next, next);
	foreach (cell, calls)
	{
		const Call *call = lfirst(cell);

		if (!call->heard && !call->unasked)
			continue;
		round->unsettled = true;
		round->next = Min(round->next, call->again);
	}
}

/* Does a round. */
static void
send_calls(Round *round)
{
	bool more = round->claim && claim_due(round);

	find_next(round);
	if (more)
		round->next = DT_NOBEGIN;
}

/* Forgets everything, after an error. */
static void
forget(void)
{
	ListCell *cell;

	foreach (cell, calls)
		commerce_wipe_provider_request(&((Call *) lfirst(cell))->request);
	list_free(calls);
	calls = NIL;
	if (all_memory != NULL)
		MemoryContextDelete(all_memory);
	all_memory = NULL;
	commerce_provider_rests_forget();
}

/* Finds calls that nobody told of: that came by a restore, say. */
static TimestampTz
find_calls(void)
{
	TimestampTz when = commerce_chore_ask(&ask_next);

	if (when != DT_NOEND)
		commerce_resident_wanted_at(when);
	return DT_NOEND;
}

static const CommerceChore finding_calls = {.name = "looking for calls to send", .run = find_calls};

/* Registers calls. */
void
commerce_provider_calls_init(void)
{
	commerce_register_source(&source);
	commerce_register_chore(&finding_calls);
}
