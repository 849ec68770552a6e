/*
 * http_loop.c: libcurl, driven by the server's own way of waiting.
 *
 * libcurl says which sockets it waits for, and until when. The sockets are put into an epoll set, and that one, with the
 * process's latch and the postmaster's end, into a WaitEventSet: so one wait hears of everything, and no time is slept.
 *
 * libcurl resolves names in threads. A thread that took one of the server's signals would run its handler beside the
 * process, so all signals are blocked while libcurl runs, and stay blocked in what it starts.
 */
#include "outbox/http_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "outbox/http.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/wait_event.h"
#pragma GCC diagnostic pop

#define WAIT_LONGEST 60000L
#define EVENTS_AT_ONCE 64

static CURLM *multi = NULL;
static int epoll_set = -1;
static WaitEventSet *waiting = NULL;
static TimestampTz timer = DT_NOEND; /* when libcurl wants to be called though nothing happens */

/* Blocks all signals and returns what was blocked before. */
sigset_t
commerce_loop_enter(void)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	return before;
}

/* Blocks what was blocked before. */
void
commerce_loop_leave(sigset_t before)
{
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Puts a socket of libcurl's into the epoll set, or changes or removes it there. */
static int
watch_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *known)
{
	struct epoll_event event = {.data.fd = socket};

	(void) easy;
	(void) context;
	if (what == CURL_POLL_REMOVE)
	{
		(void) epoll_ctl(epoll_set, EPOLL_CTL_DEL, socket, &event);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(epoll_set, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0)
		return -1;
	curl_multi_assign(multi, socket, &epoll_set);
	return 0;
}

/* Notes when libcurl wants to be called. */
static int
set_timer(CURLM *handle, long milliseconds, void *context)
{
	(void) handle;
	(void) context;
	timer = milliseconds < 0 ? DT_NOEND : GetCurrentTimestamp() + milliseconds * 1000;
	return 0;
}

/* Makes what waits for sockets, latch and postmaster. */
static void
open_waiting(void)
{
	if (epoll_set < 0)
	{
		epoll_set = epoll_create1(EPOLL_CLOEXEC);
		if (epoll_set < 0)
			ereport(ERROR, (errcode_for_socket_access(), errmsg("could not make an epoll set: %m")));
		ReserveExternalFD();
	}
	if (waiting == NULL)
	{
		waiting = commerce_create_wait_event_set(3);
		AddWaitEventToSet(waiting, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(waiting, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
		AddWaitEventToSet(waiting, WL_SOCKET_READABLE, epoll_set, NULL, NULL);
	}
}

/* Gets ready. */
void
commerce_loop_open(void)
{
	static bool global = false;
	sigset_t before;

	if (multi != NULL)
		return;
	before = commerce_loop_enter();
	if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		global = true;
	multi = global ? curl_multi_init() : NULL;
	if (multi != NULL)
	{
		curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) HTTP_MAX_IN_FLIGHT);
	}
	commerce_loop_leave(before);
	if (multi == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("libcurl could not be initialized")));
	open_waiting();
}

/* Closes all connections. */
void
commerce_loop_close(void)
{
	sigset_t before;

	if (multi == NULL)
		return;
	before = commerce_loop_enter();
	curl_multi_cleanup(multi);
	commerce_loop_leave(before);
	multi = NULL;
	timer = DT_NOEND;
}

/* Begins a transfer. */
bool
commerce_loop_add(CURL *easy)
{
	return curl_multi_add_handle(multi, easy) == CURLM_OK;
}

/* Forgets a transfer. */
void
commerce_loop_remove(CURL *easy)
{
	(void) curl_multi_remove_handle(multi, easy);
}

/* Lets libcurl go on where its sockets are ready. */
static void
serve_sockets(void)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(epoll_set, events, EVENTS_AT_ONCE, 0);
	int running;

	for (int i = 0; i < count; i++)
	{
		int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
				   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

		(void) curl_multi_socket_action(multi, events[i].data.fd, mask, &running);
	}
}

/* Waits, and lets libcurl go on. */
void
commerce_loop_wait(long milliseconds, void (*over)(CURL *easy, CURLcode code))
{
	WaitEvent events[3];
	CURLMsg *message;
	sigset_t before;
	int running;
	int left;

	if (timer != DT_NOEND)
		milliseconds = Min(milliseconds, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), timer));
	(void) WaitEventSetWait(waiting, Min(milliseconds, WAIT_LONGEST), events, lengthof(events),
							PG_WAIT_EXTENSION);
	before = commerce_loop_enter();
	serve_sockets();
	if (timer <= GetCurrentTimestamp())
	{
		timer = DT_NOEND;
		(void) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = curl_multi_info_read(multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE)
			over(message->easy_handle, message->data.result);
	commerce_loop_leave(before);
}
