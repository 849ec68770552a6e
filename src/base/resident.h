/*
 * resident.h: a background process that stays in a database while it has something to do there.
 *
 * There is one kind, the sender of events. Whoever makes work for it says so; where none is there, the launcher sends
 * one. Nothing that was said is lost: see due.c, whose table this uses.
 */
#ifndef COMMERCE_BASE_RESIDENT_H
#define COMMERCE_BASE_RESIDENT_H

#include "base/pg.h"

#include "base/due.h"

/*
 * Say that there is work for the resident of this database: at once where no transaction is open, else when, and only if,
 * it commits. "Anew" also where it has said that there is nothing for it to do here. Never raises an error.
 */
extern void commerce_resident_wanted(void);
extern void commerce_resident_wanted_anew(void);

/* The same at a time, known where there is no transaction to wait for. */
extern void commerce_resident_wanted_at(TimestampTz when);

/* Registers what happens at commit; called once, from _PG_init. */
extern void commerce_resident_init(void);

/*
 * For the launcher: when a resident is to be sent, DT_NOEND for not before somebody says so; that it is being sent; that
 * this was not possible and is tried again later.
 */
extern TimestampTz commerce_resident_due(DueDatabase *row);
extern void commerce_resident_sent(DueDatabase *row, TimestampTz now);
extern void commerce_resident_not_sent(DueDatabase *row, TimestampTz again);

/* Some databases wait for a resident, and have to until one leaves. */
extern void commerce_resident_others_wait(bool waiting);

/* For the resident: it is here, once, and until it ends in whatever way. */
extern void commerce_resident_arrive(DueDatabase *row);

/* Returns whether somebody has said that there is work, and forgets it: call it before looking for work. */
extern bool commerce_resident_is_wanted(DueDatabase *row);

/* What it does has worked: it did not come in vain. */
extern void commerce_resident_works(DueDatabase *row);

/*
 * Before it looks whether there is anything at all to do here, it says that there is not; when it finds that there is,
 * it takes that back and looks for work only then. So what was said to deaf ears in between is seen.
 */
extern void commerce_resident_is_moot(DueDatabase *row, bool moot);

/* Returns whether another database waits for it to leave. */
extern bool commerce_resident_is_waited_for(void);

/* It leaves of its own accord and is wanted again at a time. */
extern void commerce_resident_leaves(DueDatabase *row, TimestampTz next);

#endif
