/*
 * sender.c: the process that sends what happens in one database.
 *
 * It comes when there is something to send (resident.c) and stays a while after, so that the next event is on its way a
 * few milliseconds after its commit. What it does it does in rounds (courier.c); between them it waits for answers, its
 * latch and the time of the next retry, all in one wait, with no transaction open.
 *
 * It is in nobody's way. While it is connected it looks twice a second whether someone wants the database for himself,
 * to drop, rename or copy it; then it gives back what it has leased and leaves. Asked to end, it takes nothing more,
 * hears out for up to five seconds what is under way, gives back the rest, and ends. Killed, it leaves leases that end
 * by themselves. An error ends it, too, and the launcher sends another after a while: longer from time to time.
 *
 * Commits of rounds with events do not wait for the disk. What a crash takes of them was sent, and is sent again: which a
 * crash between sending and writing down would cause as well, and receivers know an event that comes twice by its
 * webhook-id. That a provider may have been asked for money, on the other hand, is known before it is.
 */
#include "outbox/sender.h"

#include "base/chores.h"
#include "base/owner.h"
#include "base/ready.h"
#include "base/resident.h"
#include "base/settings.h"
#include "outbox/courier.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/xact.h"
#include "commands/extension.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#pragma GCC diagnostic pop

/* It stays so long after the last thing it did. */
#define LINGER (INT64CONST(30) * USECS_PER_SEC)

/* With other databases waiting, it stays so long in all. */
#define TURN (INT64CONST(10) * USECS_PER_SEC)

/* How long it hears out what is under way when it is asked to end. */
#define DRAIN (INT64CONST(5) * USECS_PER_SEC)

/* How often it looks whether somebody wants the database. */
#define LOOK_OUT 500L

/* What makes it leave. */
typedef enum Reason
{
	STAYS,
	LEAVES,    /* nothing left to do, or another database's turn */
	ASKED,     /* SIGTERM */
	UNWELCOME, /* someone wants the database for himself */
	SHOPLESS,  /* there is no shop any more */
} Reason;

typedef struct Stay
{
	DueDatabase *row;
	Round round;
	TimestampTz began;
	TimestampTz active; /* when it last did something */
	TimestampTz looked_out;
	TimestampTz drain_until;
	Reason reason;
	bool reopen;  /* settings have changed: connections are to be made anew */
	bool pending; /* there is something to write down */
	bool look;    /* there may be new events */
} Stay;

/* Begins a transaction as the shop's owner; where there is a reason not to, begins none and returns that. */
static Reason
begin_transaction(OwnerScope *scope, bool politely)
{
	Reason reason = STAYS;

	StartTransactionCommand();
	if (politely && !commerce_enter_database(MyDatabaseId))
		reason = UNWELCOME;
	else if (!OidIsValid(get_extension_oid("commerce", true)) || !commerce_shop_exists())
		reason = SHOPLESS;
	if (reason != STAYS)
	{
		CommitTransactionCommand();
		return reason;
	}
	commerce_enter_owner(scope);
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	return STAYS;
}

/* Commits it. */
static void
commit_transaction(const OwnerScope *scope)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	SetUserIdAndSecContext(scope->user, scope->security_context);
	pgstat_report_stat(false);
}

/* Does a round and sends what it took; returns false where there is a reason not to. */
static bool
do_round(Stay *stay, bool claim, bool look)
{
	OwnerScope scope;
	Reason reason;

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, "commerce sender: events");
	reason = begin_transaction(&scope, true);
	if (reason != STAYS)
	{
		stay->reason = reason;
		return false;
	}
	stay->round = (Round){.claim = claim, .look = look};
	commerce_courier_round(&stay->round);
	commerce_courier_committing(&stay->round);
	commit_transaction(&scope);
	pgstat_report_activity(STATE_IDLE, NULL);
	commerce_courier_start();
	commerce_resident_works(stay->row);
	stay->pending = stay->round.settled;
	stay->look = stay->look && (!claim || stay->round.settled);
	stay->active = GetCurrentTimestamp();
	return true;
}

/* Writes down what there is to write down, though somebody may wait for the database: it is over before he asks again. */
static void
write_down(void)
{
	OwnerScope scope;
	Round round = {.claim = false};

	do
	{
		if (begin_transaction(&scope, false) != STAYS)
			return;
		commerce_courier_round(&round);
		commerce_courier_committing(&round);
		commit_transaction(&scope);
	} while (round.settled);
}

/* Returns whether there is something to write down or, where it may take anything, to take. */
static bool
has_round_to_do(const Stay *stay, bool claim)
{
	return stay->pending || (claim && (stay->look || stay->round.next <= GetCurrentTimestamp()));
}

/* Does what is due; while it drains, it only writes down. */
static void
do_rounds(Stay *stay)
{
	bool claim = stay->reason == STAYS && !stay->reopen;

	if (commerce_resident_is_wanted(stay->row))
		stay->look = true;
	if (commerce_courier_collect())
		stay->pending = true;
	if (!has_round_to_do(stay, claim) || commerce_courier_rests_until() > GetCurrentTimestamp())
		return;
	if (!do_round(stay, claim, stay->look) || !claim || !stay->round.moot || commerce_http_in_flight() > 0)
		return;
	/* What happens from here on tells nobody, unless there is an endpoint by then, which this sees. */
	commerce_resident_is_moot(stay->row, true);
	if (!do_round(stay, true, true))
		return;
	if (stay->round.moot)
		stay->reason = LEAVES;
	else
		commerce_resident_wanted_at(GetCurrentTimestamp());
}

/* Notes what signals ask for. */
static void
obey_signals(Stay *stay)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		stay->reopen = true;
		if (stay->reason == STAYS && (commerce_senders == 0 || commerce_workers == 0))
			stay->reason = LEAVES;
	}
	if (ShutdownRequestPending && (stay->reason == STAYS || stay->reason == LEAVES))
		stay->reason = ASKED;
	if (stay->reopen && commerce_http_close())
	{
		commerce_http_open();
		stay->reopen = false;
	}
}

/* Looks whether somebody wants the database for himself, or has taken the shop away. */
static void
look_out(Stay *stay, TimestampTz now)
{
	OwnerScope scope;
	Reason reason;

	if (now < stay->looked_out + LOOK_OUT * 1000 && stay->looked_out <= now)
		return;
	stay->looked_out = now;
	reason = begin_transaction(&scope, true);
	if (reason == STAYS)
		commit_transaction(&scope);
	else
		stay->reason = reason;
}

/* Decides whether to go when nothing makes it go. */
static void
consider_leaving(Stay *stay, TimestampTz now)
{
	if (stay->reason != STAYS)
		return;
	if (commerce_resident_is_waited_for() && now > stay->began + TURN)
		stay->reason = LEAVES;
	else if (commerce_http_in_flight() == 0 && now > stay->active + LINGER && stay->round.next > now + LINGER)
		stay->reason = LEAVES;
}

/* Returns whether it has heard out what it is going to hear out. */
static bool
is_drained(Stay *stay, TimestampTz now)
{
	if (stay->reason == STAYS)
		return false;
	if (stay->reason == UNWELCOME || stay->reason == SHOPLESS)
		return true;
	if (stay->drain_until == 0)
		stay->drain_until = now + DRAIN;
	return (commerce_http_in_flight() == 0 && !stay->pending) || now >= stay->drain_until;
}

/* Returns for how long to wait at most, in milliseconds; an answer, a signal and a word of new events end it anyway. */
static long
patience(const Stay *stay, TimestampTz now)
{
	bool claim = stay->reason == STAYS && !stay->reopen;
	TimestampTz until = stay->reason == STAYS ? stay->round.next : stay->drain_until;

	if (has_round_to_do(stay, claim))
		until = Max(now, commerce_courier_rests_until());
	else if (until == DT_NOEND || (stay->reason == STAYS && stay->reopen))
		return LOOK_OUT;
	return Min(LOOK_OUT, TimestampDifferenceMilliseconds(now, until));
}

/* Stays until there is a reason to leave. */
static void
stay_here(Stay *stay)
{
	for (;;)
	{
		TimestampTz now;

		ResetLatch(MyLatch);
		obey_signals(stay);
		do_rounds(stay);
		now = GetCurrentTimestamp();
		look_out(stay, now);
		consider_leaving(stay, now);
		if (is_drained(stay, now))
			return;
		commerce_http_wait(patience(stay, now));
	}
}

/* The sender. */
void
commerce_sender_main(Datum database)
{
	Stay stay = {.round = {.next = DT_NOBEGIN}, .began = GetCurrentTimestamp()};

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
	commerce_settle_settings("commerce sender");
	SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", "3s", PGC_SUSET, PGC_S_OVERRIDE);
	stay.row = commerce_due_find(MyDatabaseId);
	if (stay.row == NULL)
		proc_exit(0);
	commerce_resident_arrive(stay.row);
	/* What was said before it came. */
	(void) commerce_due_lower(&stay.row->resident.due, GetCurrentTimestamp());
	commerce_http_open();
	stay_here(&stay);
	commerce_courier_give_up();
	write_down();
	if (stay.reason == LEAVES || stay.reason == SHOPLESS)
		commerce_resident_leaves(stay.row, stay.reason == LEAVES ? stay.round.next : DT_NOEND);
	proc_exit(0);
}

static SavedPlan ask = {
	.sql =
		"SELECT CASE WHEN EXISTS (SELECT FROM commerce.endpoints WHERE enabled) THEN"
		" CASE WHEN EXISTS (SELECT FROM commerce.outbox WHERE dispatched_at IS NULL) THEN now()"
		" ELSE least((SELECT min(n.next_at) FROM commerce.endpoints e, LATERAL (SELECT d.next_at FROM"
		" commerce.deliveries d WHERE d.endpoint = e.id AND d.state = 'pending' ORDER BY d.next_at LIMIT 1) n"
		" WHERE e.enabled), (SELECT min(d.lease_until) FROM commerce.deliveries d WHERE d.state = 'leased'))"
		" END END"};

/* Finds what is to be sent though nobody said so, and when. */
static TimestampTz
find_work(void)
{
	TimestampTz when = commerce_chore_ask(&ask);

	if (when != DT_NOEND)
		commerce_resident_wanted_at(when);
	return DT_NOEND;
}

static const CommerceChore finding_work = {.name = "looking for events to send", .run = find_work};

/* Registers the chore. */
void
commerce_sender_init(void)
{
	commerce_register_chore(&finding_work);
}
