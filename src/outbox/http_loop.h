/*
 * http_loop.h: libcurl's transfers, driven by the server's own way of waiting. For http.c alone.
 */
#ifndef COMMERCE_OUTBOX_HTTP_LOOP_H
#define COMMERCE_OUTBOX_HTTP_LOOP_H

#include "base/pg.h"

#include <curl/curl.h>
#include <signal.h>

/* Gets ready; may be called again. Closes all connections, when nothing is under way. */
extern void commerce_loop_open(void);
extern void commerce_loop_close(void);

/* Blocks all signals, as they have to be while libcurl runs, and returns what was blocked before; blocks that. */
extern sigset_t commerce_loop_enter(void);
extern void commerce_loop_leave(sigset_t before);

/* Begins a transfer, and forgets one, over or not. Signals are blocked. */
extern bool commerce_loop_add(CURL *easy);
extern void commerce_loop_remove(CURL *easy);

/*
 * Waits until something happens on a connection, the latch is set, or the time is over, and hands each transfer that is
 * over to a function, with signals blocked.
 */
extern void commerce_loop_wait(long milliseconds, void (*over)(CURL *easy, CURLcode code));

#endif
