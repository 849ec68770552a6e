/*
 * http_loop.h: libcurl's transfers, driven by the server's own way of waiting. For http.c alone.
 */
#ifndef COMMERCE_OUTBOX_HTTP_LOOP_H
#define COMMERCE_OUTBOX_HTTP_LOOP_H

#include "base/pg.h"

#include <curl/curl.h>
#include <signal.h>

/* Where a transfer goes on. */
typedef struct HttpLoop HttpLoop;

/* Gets ready; may be called again. */
extern void commerce_loop_open(void);

/*
 * Closes all connections on which nothing is under way, and the others when that is over; false where too much is for a loop
 * to be opened beside it. Nothing is begun until one is.
 */
extern bool commerce_loop_close(void);

/* Blocks all signals, as they have to be while libcurl runs, and returns what was blocked before; blocks that. */
extern sigset_t commerce_loop_enter(void);
extern void commerce_loop_leave(sigset_t before);

/* Begins a transfer, NULL where it cannot be, and forgets one, over or not. Signals are blocked. */
extern HttpLoop *commerce_loop_add(CURL *easy);
extern void commerce_loop_remove(HttpLoop *loop, CURL *easy);

/*
 * Waits until something happens on a connection, the latch is set, or the time is over, and hands each transfer that is
 * over to a function, with signals blocked.
 */
extern void commerce_loop_wait(long milliseconds, void (*over)(CURL *easy, CURLcode code));

#endif
