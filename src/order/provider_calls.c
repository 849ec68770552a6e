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
 * minutes; then the answer is kept, with its lease, and tried again every now and then, while all others go on.
 */
#include "order/provider_calls.h"

#include "base/chores.h"
#include "base/plan.h"
#include "base/resident.h"
#include "order/provider_request.h"
#include "outbox/courier.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#pragma GCC diagnostic pop

/* So many are in hand at a time; of each provider fewer, as claim_provider_calls() has it. */
#define CALLS_AT_ONCE 100

/* In microseconds: the longest request, and what it may take to book its outcome. */
#define LEASE (INT64CONST(30) * USECS_PER_SEC)

/* How long booking waits for a lock, and after how long it tries again, in microseconds. */
#define PATIENCE "50ms"
#define BOOK_AGAIN (INT64CONST(500000))

/* As a provider is not asked to wait longer. */
#define WAIT_MOST INT64CONST(86400)

/* A call in hand: leased, and sent, or about to be; then heard of. */
typedef struct Call
{
	HttpRequest request; /* first, so that one is the other */
	MemoryContext memory;
	pg_uuid_t order;
	pg_uuid_t id;
	pg_uuid_t token;
	ProviderRequest written;
	bool heard;
	const char *trouble; /* why there is no answer; NULL: there is one */
	TimestampTz again;   /* when booking is tried; DT_NOEND: it is given up */
} Call;

static SavedPlan claim = {.sql = "SELECT c.\"order\", c.call, c.token, c.provider, c.secret, c.method, c.url,"
								 " c.headers, c.body FROM commerce.claim_provider_calls($1, $2) c",
						  .args = "int4; interval"};

static SavedPlan finish = {.sql = "SELECT commerce.finish_provider_call($1, $2, $3, $4, $5, $6, $7, $8)",
						   .args = "uuid; uuid; uuid; int4; text; int4; bool; text"};

static SavedPlan keep = {.sql = "SELECT commerce.keep_provider_call($1, $2, $3, $4)",
						 .args = "uuid; uuid; uuid; interval"};

static SavedPlan ask_next = {.sql = "SELECT commerce.next_provider_call()"};

static List *calls = NIL;               /* in hand */
static MemoryContext all_memory = NULL; /* of calls, each in a context of its own below it */
static bool has_sent = false;           /* this process has had something to do */

static bool settle(Round *round);
static void send_calls(Round *round);
static void call_over(HttpRequest *request, bool given_up);
static void forget(void);

static const SendSource source = {.settle = settle, .round = send_calls, .over = call_over, .forget = forget};

/*
 * Does something with a call in a subtransaction, so that an error undoes that alone; returns the error's code, 0 for none.
 * A query that is cancelled ends all the same.
 */
static int
attempt(void (*work)(Call *call), Call *call)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		work(call);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return 0;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED &&
		error->sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE)
		ereport(WARNING,
				(errcode(error->sqlerrcode), errmsg("a call to a provider is held up: %s", error->message),
				 errdetail("Call %s.",
						   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&call->id))))));
	return error->sqlerrcode;
}

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
	call->written.headers = DatumGetJsonbPCopy(commerce_value(row, 8, &isnull));
	call->written.body = commerce_text(row, 9);
	call->request.source = &source;
	call->request.method = commerce_text(row, 6);
	call->request.url = commerce_text(row, 7);
	call->request.answer = palloc(HTTP_ANSWER_MAX);
	call->request.once = true;
	call->request.retry_after = -1;
	MemoryContextSwitchTo(TopMemoryContext);
	calls = lappend(calls, call);
	MemoryContextSwitchTo(before);
}

/* Takes what is due; returns whether there may be more. */
static bool
claim_due(Round *round)
{
	int room = Min(round->room, CALLS_AT_ONCE - list_length(calls));
	int had = list_length(calls);
	Interval lease = {.time = LEASE};
	uint64 rows;

	if (room <= 0)
		return false;
	rows = commerce_run(&claim, PLAN_WRITES, (Datum[]){Int32GetDatum(room), IntervalPGetDatum(&lease)}, NULL);
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

		if (attempt(write_request, call) == 0)
			commerce_send(&call->request);
		else
		{
			call->heard = true;
			call->trouble = "the provider's secret cannot be opened";
			commerce_wipe_provider_request(&call->request);
		}
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
	call->trouble = given_up ? "the sender was stopped" : request->error;
}

/* Returns an answer as a text of this database; NULL, with a reason, where it is none. */
static const char *
read_text(Call *call)
{
	const char *bytes = call->request.answer;
	int length = (int) call->request.answer_length;
	int encoding = GetDatabaseEncoding();
	char *text;
	Oid conversion;

	if (!pg_verify_mbstr(PG_UTF8, bytes, length, true))
		return NULL;
	text = palloc0((Size) length * MAX_CONVERSION_GROWTH + 1);
	if (length == 0 || encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		memcpy(text, bytes, (size_t) length);
		return text;
	}
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, (unsigned char *) call->request.answer,
									  length, (unsigned char *) text, length * MAX_CONVERSION_GROWTH + 1,
									  true) < length)
		return NULL;
	return text;
}

/* Books what came of a call, where its order can be had soon. */
static void
book(Call *call)
{
	const HttpRequest *request = &call->request;
	const char *body = call->trouble == NULL ? read_text(call) : NULL;
	const char *trouble = call->trouble == NULL && body == NULL ? "the answer is no text" : call->trouble;
	int64 wait = Min(request->retry_after, WAIT_MOST);
	char nulls[] = {' ',
					' ',
					' ',
					trouble ? 'n' : ' ',
					trouble ? 'n' : ' ',
					wait < 0 ? 'n' : ' ',
					' ',
					trouble ? ' ' : 'n',
					'\0'};
	int level = NewGUCNestLevel();

	(void) set_config_option("lock_timeout", PATIENCE, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	(void) commerce_run(&finish, PLAN_WRITES,
						(Datum[]){UUIDPGetDatum(&call->order), UUIDPGetDatum(&call->id),
								  UUIDPGetDatum(&call->token), Int32GetDatum(request->status),
								  trouble ? (Datum) 0 : CStringGetTextDatum(body),
								  Int32GetDatum((int32) wait), BoolGetDatum(request->sent),
								  trouble ? CStringGetTextDatum(trouble) : (Datum) 0},
						nulls);
	AtEOXact_GUC(true, level);
}

/* Has the lease of a call go on; where somebody else has it, there is nothing to book any more. */
static void
prolong(Call *call)
{
	Interval lease = {.time = LEASE};

	(void) commerce_run(&keep, PLAN_WRITES,
						(Datum[]){UUIDPGetDatum(&call->order), UUIDPGetDatum(&call->id),
								  UUIDPGetDatum(&call->token), IntervalPGetDatum(&lease)},
						NULL);
	if (!DatumGetBool(commerce_value_or(0, 1, BoolGetDatum(false))))
		call->again = DT_NOEND;
}

/* Books what came of one call. */
static bool
settle(Round *round)
{
	TimestampTz now = GetCurrentTimestamp();
	Call *call = NULL;
	ListCell *cell;

	foreach (cell, calls)
	{
		Call *one = lfirst(cell);

		if (one->heard && one->again <= now)
		{
			call = one;
			break;
		}
	}
	if (call == NULL)
		return false;
	round->durable = true;
	switch (attempt(book, call))
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_T_R_DEADLOCK_DETECTED:
		case ERRCODE_T_R_SERIALIZATION_FAILURE:
			call->again = GetCurrentTimestamp() + BOOK_AGAIN;
			if (attempt(prolong, call) != 0 || call->again == DT_NOEND)
				let_go(call);
			break;
		default:
			/* Where it cannot be booked, for a reason that was logged, the provider is asked when the lease is over. */
			let_go(call);
	}
	return true;
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

		if (!call->heard)
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
