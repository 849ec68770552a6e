/*
 * password_gate.c: a semaphore over the whole server for what costs 19 MiB and a core.
 *
 * A thousand logins at once would otherwise take 19 GB and every core, and the shop with them. The semaphore is made of
 * the server's own locks: a place is a lock, and so is a ticket to wait for one. So it is the same with and without
 * shared_preload_libraries, a place whose holder is cancelled, fails or dies is free at once, and pg_locks shows it
 * (advisory locks of database 0, which no pg_advisory_lock() takes: objsubid 77 are places, 78 tickets).
 *
 * Whoever finds no place free draws a ticket and waits for the place that the ticket names, behind the others there.
 * Where no ticket is left the answer is an error: a queue without end only hides that nobody is served. Nothing is
 * waited for inside the gate, so it can be part of no deadlock.
 */
#include "privacy/password_gate.h"

#include "base/settings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "storage/lock.h"
#pragma GCC diagnostic pop

#define GATE 0x636d7067 /* apart from other extensions that lock in database 0 */
#define PLACES 77
#define TICKETS 78

/* Takes the lock of a place or a ticket; false where others have it and we do not wait. */
static bool
take(int kind, int number, bool wait)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, InvalidOid, GATE, number, kind);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

static void
give_back(int kind, int number)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, InvalidOid, GATE, number, kind);
	(void) LockRelease(&tag, ExclusiveLock, false);
}

/* Draws a ticket, -1 where all are out. */
static int
draw_ticket(int count)
{
	for (int ticket = 0; ticket < count; ticket++)
		if (take(TICKETS, ticket, false))
			return ticket;
	return -1;
}

/* Waits for a place and takes it. */
int
commerce_enter_password_gate(void)
{
	int places = commerce_password_hashes;
	int ticket;

	for (int place = 0; place < places; place++)
		if (take(PLACES, place, false))
			return place;
	ticket = draw_ticket(places * PASSWORD_QUEUE);
	if (ticket < 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("too many passwords are being checked at this moment"),
						errhint("Try again a little later; commerce.password_hashes says how many may be "
								"checked at a time.")));
	(void) take(PLACES, ticket % places, true);
	give_back(TICKETS, ticket);
	return ticket % places;
}

/* Gives the place to the next. */
void
commerce_leave_password_gate(int place)
{
	give_back(PLACES, place);
}
