/*
 * deliveries.c: which events are sent to whom, and what becomes of them.
 *
 * A delivery is taken by a lease: until it ends nobody else sends it, and after that whoever was first has no say any
 * more, because his token is not the one that stands there. So a sender that dies takes nothing with it, and one that
 * was only slow spoils nothing. The lease is longer than the longest request; what is not sent in time is not begun.
 *
 * Each endpoint has so many requests at a time, so one that hangs keeps nothing from the others; one that has failed
 * several times in a row has a single one, until it answers.
 */
#include "outbox/deliveries.h"

#include "base/plan.h"
#include "base/uuid.h"
#include "outbox/courier.h"
#include "outbox/message.h"
#include "outbox/retry.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "utils/hsearch.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* So many events are looked at in one round. */
#define DISPATCH_BATCH 500

/* In microseconds: the longest request, and what it may take to write down how it went. */
#define LEASE (INT64CONST(20) * USECS_PER_SEC)

/* An endpoint that has failed so often in a row has one request at a time. */
#define DOUBTFUL_AFTER 3

/* What is known of an endpoint from one round to the next. */
typedef struct Endpoint
{
	pg_uuid_t id;
	int most;      /* so many requests at a time; 0: none, it is told by NOTIFY */
	int in_flight; /* requests that are not settled yet */
	int failures;  /* in a row */
	bool seen;     /* in this round */
} Endpoint;

/* An event for an endpoint, leased. */
typedef struct Delivery
{
	HttpRequest request; /* first, so that one is the other */
	MemoryContext memory;
	pg_uuid_t endpoint;
	char *aggregate;
	pg_uuid_t event;
	int attempt;
	const char *outcome; /* as settle_deliveries() has it; NULL: it is under way */
	const char *error;
	TimestampTz again; /* for retry */
} Delivery;

static SavedPlan dispatch = {.sql = "SELECT commerce.dispatch_events($1)", .args = "int4"};

static SavedPlan list_endpoints = {
	.sql = "SELECT e.id, CASE WHEN e.url LIKE 'notify:%' THEN 0 ELSE e.max_in_flight END"
		   " FROM commerce.endpoints e WHERE e.enabled"};

static SavedPlan claim = {.sql = "SELECT c.endpoint, c.aggregate, c.event, c.attempt, c.body, c.url, "
								 "c.secret, c.previous_secret, c.headers"
								 " FROM commerce.claim_deliveries($1, $2, $3, $4, $5) c",
						  .args = "uuid[]; int4[]; int4; uuid; interval"};

static SavedPlan settle = {.sql = "SELECT commerce.settle_deliveries($1, $2, $3, $4, $5, $6, $7, $8)",
						   .args = "uuid[]; text[]; uuid[]; uuid; text[]; int4[]; text[]; timestamptz[]"};

static SavedPlan ask_next = {.sql = "SELECT commerce.next_delivery()"};

static HTAB *endpoints = NULL;
static MemoryContext all_memory = NULL; /* of deliveries, each in a context of its own below it */
static List *ended = NIL;               /* deliveries whose outcome is to be written down */
static pg_uuid_t token;                 /* of this process */
static bool more_to_look_at = false;

static void delivery_over(HttpRequest *request, bool given_up);
static void deliver(Round *round);
static void forget(void);

static const SendSource deliveries = {.round = deliver, .over = delivery_over, .forget = forget};

/* Returns what is known of an endpoint, made where nothing is. */
static Endpoint *
endpoint_of(const pg_uuid_t *id)
{
	bool found;
	Endpoint *endpoint;

	if (endpoints == NULL)
	{
		HASHCTL control = {
			.keysize = sizeof(pg_uuid_t), .entrysize = sizeof(Endpoint), .hcxt = TopMemoryContext};

		endpoints = hash_create("commerce endpoints", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	endpoint = hash_search(endpoints, id, HASH_ENTER, &found);
	if (!found)
	{
		pg_uuid_t key = endpoint->id;

		*endpoint = (Endpoint){.id = key};
	}
	return endpoint;
}

/* Forgets endpoints that are gone. */
static void
forget_unseen(void)
{
	HASH_SEQ_STATUS status;
	Endpoint *endpoint;

	if (endpoints == NULL)
		return;
	hash_seq_init(&status, endpoints);
	while ((endpoint = hash_seq_search(&status)) != NULL)
	{
		if (!endpoint->seen && endpoint->in_flight == 0)
			(void) hash_search(endpoints, &endpoint->id, HASH_REMOVE, NULL);
		endpoint->seen = false;
	}
}

/* Makes an array of values, some of which may be NULL. */
static Datum
make_array(Datum *values, bool *nulls, int count, Oid type)
{
	int dims[] = {count};
	int bounds[] = {1};
	int16 length;
	bool by_value;
	char align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, bounds, type, length, by_value, align));
}

/* Writes down how deliveries went. */
static void
settle_ended(void)
{
	int count = list_length(ended);
	Datum *columns[7];
	bool *nulls[7];
	int i = 0;
	ListCell *cell;

	if (count == 0)
		return;
	for (int c = 0; c < 7; c++)
	{
		columns[c] = palloc0(sizeof(Datum) * count);
		nulls[c] = palloc0(sizeof(bool) * count);
	}
	foreach (cell, ended)
	{
		Delivery *delivery = lfirst(cell);

		columns[0][i] = UUIDPGetDatum(&delivery->endpoint);
		columns[1][i] = CStringGetTextDatum(delivery->aggregate);
		columns[2][i] = UUIDPGetDatum(&delivery->event);
		columns[3][i] = CStringGetTextDatum(delivery->outcome);
		columns[4][i] = Int32GetDatum(delivery->request.status);
		nulls[4][i] = delivery->request.status == 0;
		nulls[5][i] = delivery->error == NULL;
		if (delivery->error != NULL)
			columns[5][i] = CStringGetTextDatum(delivery->error);
		columns[6][i] = TimestampTzGetDatum(delivery->again);
		nulls[6][i] = strcmp(delivery->outcome, "retry") != 0;
		i++;
	}
	(void) commerce_run(&settle, PLAN_WRITES,
						(Datum[]){make_array(columns[0], nulls[0], count, UUIDOID),
								  make_array(columns[1], nulls[1], count, TEXTOID),
								  make_array(columns[2], nulls[2], count, UUIDOID), UUIDPGetDatum(&token),
								  make_array(columns[3], nulls[3], count, TEXTOID),
								  make_array(columns[4], nulls[4], count, INT4OID),
								  make_array(columns[5], nulls[5], count, TEXTOID),
								  make_array(columns[6], nulls[6], count, TIMESTAMPTZOID)},
						NULL);
	/* Were this transaction to fail, the process would end, or the caller's statement: the leases end by themselves. */
	foreach (cell, ended)
	{
		Delivery *delivery = lfirst(cell);

		endpoint_of(&delivery->endpoint)->in_flight--;
		MemoryContextDelete(delivery->memory);
	}
	list_free(ended);
	ended = NIL;
}

/* Decides what becomes of a delivery that went wrong, or not at all; in the delivery's memory. */
static void
judge_failure(Delivery *delivery)
{
	HttpRequest *request = &delivery->request;
	int64 wait = commerce_retry_delay(delivery->attempt, pg_prng_uint32(&pg_global_prng_state));

	if (delivery->error == NULL)
		delivery->error = psprintf(
			request->status / 100 == 3 ? "it answered %d, and redirects are not followed" : "it answered %d",
			request->status);
	if (request->status == 410)
		delivery->outcome = "gone";
	else if (wait < 0)
		delivery->outcome = "dead";
	else
	{
		delivery->outcome = "retry";
		delivery->again = GetCurrentTimestamp() + Max(wait, Max(request->retry_after, 0) * USECS_PER_SEC);
	}
}

/* Hears how a delivery went. */
static void
delivery_over(HttpRequest *request, bool given_up)
{
	Delivery *delivery = (Delivery *) request;
	Endpoint *endpoint = endpoint_of(&delivery->endpoint);
	MemoryContext before = MemoryContextSwitchTo(delivery->memory);

	delivery->error = request->error;
	if (given_up)
		delivery->outcome = "returned";
	else if (request->error == NULL && request->status / 100 == 2)
	{
		delivery->outcome = "delivered";
		endpoint->failures = 0;
	}
	else
	{
		judge_failure(delivery);
		endpoint->failures++;
	}
	MemoryContextSwitchTo(TopMemoryContext);
	ended = lappend(ended, delivery);
	MemoryContextSwitchTo(before);
}

/* Reads the uuid in a column. */
static pg_uuid_t
uuid_at(uint64 row, int column)
{
	bool isnull;

	return *DatumGetUUIDP(commerce_value(row, column, &isnull));
}

/* Reads a sealed value in a column into memory of its own; NULL for NULL. */
static const bytea *
sealed_at(uint64 row, int column)
{
	bool isnull;
	Datum value = commerce_value(row, column, &isnull);

	return isnull ? NULL : DatumGetByteaPCopy(value);
}

/* Takes one row of what was claimed. */
static void
take(uint64 row)
{
	MemoryContext memory = AllocSetContextCreate(all_memory, "commerce delivery", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	Delivery *delivery = palloc0(sizeof(Delivery));
	char *body = commerce_text(row, 5);
	bool isnull;

	delivery->memory = memory;
	delivery->endpoint = uuid_at(row, 1);
	delivery->aggregate = commerce_text(row, 2);
	delivery->event = uuid_at(row, 3);
	delivery->attempt = DatumGetInt32(commerce_value(row, 4, &isnull));
	delivery->request.source = &deliveries;
	delivery->request.retry_after = -1;
	delivery->request.url = commerce_text(row, 6);
	endpoint_of(&delivery->endpoint)->in_flight++;
	if (body == NULL)
	{
		delivery->outcome = "skipped";
		delivery->error = "the event was deleted";
	}
	else if (commerce_message_build(&delivery->request, body,
									&(MessageSeals){.endpoint = &delivery->endpoint,
													.event = &delivery->event,
													.secret = sealed_at(row, 7),
													.previous = sealed_at(row, 8),
													.headers = sealed_at(row, 9)}))
		commerce_send(&delivery->request);
	else
	{
		delivery->error = "the endpoint's secret cannot be opened";
		judge_failure(delivery);
	}
	MemoryContextSwitchTo(TopMemoryContext);
	if (delivery->outcome != NULL)
		ended = lappend(ended, delivery);
	MemoryContextSwitchTo(before);
}

/* Finds out which endpoints there are. */
static int
look_at_endpoints(void)
{
	uint64 rows = commerce_run(&list_endpoints, PLAN_WRITES, NULL, NULL);

	for (uint64 i = 0; i < rows; i++)
	{
		bool isnull;
		pg_uuid_t id = uuid_at(i, 1);
		Endpoint *endpoint = endpoint_of(&id);

		endpoint->most = DatumGetInt32(commerce_value(i, 2, &isnull));
		endpoint->seen = true;
	}
	return (int) rows;
}

/* Returns how many more requests an endpoint may have. */
static int
room_of(const Endpoint *endpoint)
{
	int most = endpoint->failures < DOUBTFUL_AFTER ? endpoint->most : Min(endpoint->most, 1);

	return endpoint->seen ? most - endpoint->in_flight : 0;
}

/* Lists the endpoints that have room, beginning with another each time; returns how many. */
static int
list_rooms(Datum *ids, Datum *rooms)
{
	static uint32 turn = 0;
	List *roomy = NIL;
	HASH_SEQ_STATUS status;
	Endpoint *endpoint;
	int count;

	hash_seq_init(&status, endpoints);
	while ((endpoint = hash_seq_search(&status)) != NULL)
		if (room_of(endpoint) > 0)
			roomy = lappend(roomy, endpoint);
	count = list_length(roomy);
	turn++;
	for (int i = 0; i < count; i++)
	{
		endpoint = list_nth(roomy, (int) ((turn + (uint32) i) % (uint32) count));
		ids[i] = UUIDPGetDatum(&endpoint->id);
		rooms[i] = Int32GetDatum(room_of(endpoint));
	}
	return count;
}

/* Takes what can be sent; returns whether some of it is over already. */
static bool
claim_ready(const Round *round)
{
	long known = hash_get_num_entries(endpoints);
	Datum *ids = palloc(sizeof(Datum) * known);
	Datum *rooms = palloc(sizeof(Datum) * known);
	int count = list_rooms(ids, rooms);
	Interval lease = {.time = LEASE};
	uint64 rows;

	if (count == 0 || round->room <= 0)
		return false;
	rows =
		commerce_run(&claim, PLAN_WRITES,
					 (Datum[]){make_array(ids, NULL, count, UUIDOID), make_array(rooms, NULL, count, INT4OID),
							   Int32GetDatum(round->room), UUIDPGetDatum(&token), IntervalPGetDatum(&lease)},
					 NULL);
	if (all_memory == NULL)
		all_memory = AllocSetContextCreate(TopMemoryContext, "commerce deliveries", ALLOCSET_SMALL_SIZES);
	for (uint64 i = 0; i < rows; i++)
		take(i);
	return ended != NIL;
}

/* Gives this process the token that its leases carry. */
static void
make_token(void)
{
	static bool made = false;

	if (!made)
		token = *commerce_uuidv7();
	made = true;
}

/* Looks at new events, if there may be any. */
static void
look_at_events(bool look)
{
	bool isnull;

	if (!look && !more_to_look_at)
		return;
	(void) commerce_run(&dispatch, PLAN_WRITES, (Datum[]){Int32GetDatum(DISPATCH_BATCH)}, NULL);
	more_to_look_at = DatumGetInt64(commerce_value(0, 1, &isnull)) == DISPATCH_BATCH;
}

/* Does a round. */
static void
deliver(Round *round)
{
	bool again = false;

	make_token();
	settle_ended();
	if (look_at_endpoints() > 0)
	{
		round->moot = false;
		if (round->claim)
		{
			look_at_events(round->look);
			again = claim_ready(round) || more_to_look_at;
		}
	}
	forget_unseen();
	if (again)
		round->next = DT_NOBEGIN;
	else if (!round->moot && commerce_run(&ask_next, PLAN_WRITES, NULL, NULL) == 1)
		round->next =
			Min(round->next, DatumGetTimestampTz(commerce_value_or(0, 1, TimestampTzGetDatum(DT_NOEND))));
}

/* Forgets everything, after an error. */
static void
forget(void)
{
	if (all_memory != NULL)
		MemoryContextDelete(all_memory);
	if (endpoints != NULL)
		hash_destroy(endpoints);
	all_memory = NULL;
	endpoints = NULL;
	ended = NIL;
}

/* Registers deliveries. */
void
commerce_deliveries_init(void)
{
	commerce_register_source(&deliveries);
}
