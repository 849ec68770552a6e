/*
 * http_loop.c: libcurl, driven by the server's own way of waiting.
 *
 * libcurl says which sockets it waits for, and until when. The sockets are put into an epoll set, and that one, with the
 * process's latch and the postmaster's end, into a WaitEventSet: so one wait hears of everything, and no time is slept.
 *
 * A request knows the connections, names and sessions of the loop that it was begun in. When settings change, a loop is made
 * anew: what is begun from then on shares nothing with what was before, and what is under way comes to its end in the loop
 * it is in, which is closed then.
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

/* So many loops there may be; requests end within seconds, so that more are not needed but by who reloads in a circle. */
#define MAX_LOOPS 8

struct HttpLoop
{
	CURLM *multi;      /* NULL: this place is free */
	int under_way;     /* requests */
	TimestampTz timer; /* when libcurl wants to be called though nothing happens */
};

static HttpLoop loops[MAX_LOOPS];
static HttpLoop *current = NULL; /* where requests are begun; NULL: not open */
static int epoll_set = -1;
static WaitEventSet *waiting = NULL;

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
	HttpLoop *loop = context;
	struct epoll_event event = {.data.u64 = (uint64) (loop - loops) << 32 | (uint32) socket};

	(void) easy;
	if (what == CURL_POLL_REMOVE)
	{
		(void) epoll_ctl(epoll_set, EPOLL_CTL_DEL, socket, &event);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(epoll_set, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0)
		return -1;
	curl_multi_assign(loop->multi, socket, &epoll_set);
	return 0;
}

/* Notes when libcurl wants to be called. */
static int
set_timer(CURLM *handle, long milliseconds, void *context)
{
	HttpLoop *loop = context;

	(void) handle;
	loop->timer = milliseconds < 0 ? DT_NOEND : GetCurrentTimestamp() + milliseconds * 1000;
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

/* Returns a free place for a loop; NULL where there is none. */
static HttpLoop *
find_place(void)
{
	for (int i = 0; i < MAX_LOOPS; i++)
		if (loops[i].multi == NULL)
			return &loops[i];
	return NULL;
}

/* Gets ready. */
void
commerce_loop_open(void)
{
	static bool global = false;
	HttpLoop *loop = find_place();
	sigset_t before;

	if (current != NULL)
		return;
	Assert(loop != NULL);
	before = commerce_loop_enter();
	if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		global = true;
	loop->multi = global ? curl_multi_init() : NULL;
	loop->under_way = 0;
	loop->timer = DT_NOEND;
	if (loop->multi != NULL)
	{
		curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
		curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
		curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer);
		curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
		curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long) HTTP_MAX_IN_FLIGHT);
	}
	commerce_loop_leave(before);
	if (loop->multi == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("libcurl could not be initialized")));
	current = loop;
	open_waiting();
}

/* Closes a loop, if nothing is under way in it. */
static void
close_if_idle(HttpLoop *loop)
{
	sigset_t before;

	if (loop->multi == NULL || loop->under_way > 0)
		return;
	before = commerce_loop_enter();
	curl_multi_cleanup(loop->multi);
	commerce_loop_leave(before);
	loop->multi = NULL;
}

/* Closes all connections on which nothing is under way, the others when that is over. */
bool
commerce_loop_close(void)
{
	HttpLoop *loop = current;

	if (loop == NULL)
		return true;
	if (loop->under_way > 0 && find_place() == NULL)
		return false;
	current = NULL;
	close_if_idle(loop);
	return true;
}

/* Begins a transfer. */
HttpLoop *
commerce_loop_add(CURL *easy)
{
	if (curl_multi_add_handle(current->multi, easy) != CURLM_OK)
		return NULL;
	current->under_way++;
	return current;
}

/* Forgets a transfer. */
void
commerce_loop_remove(HttpLoop *loop, CURL *easy)
{
	(void) curl_multi_remove_handle(loop->multi, easy);
	loop->under_way--;
}

/* Closes loops in which the last request is over, and no other is begun. */
static void
close_loops(void)
{
	for (int i = 0; i < MAX_LOOPS; i++)
		if (&loops[i] != current)
			close_if_idle(&loops[i]);
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

		HttpLoop *loop = &loops[events[i].data.u64 >> 32];

		/* An event of a socket that was closed since is of nobody. */
		if (loop->multi != NULL)
			(void) curl_multi_socket_action(loop->multi, (curl_socket_t) (uint32) events[i].data.u64, mask,
											&running);
	}
}

/* Lets libcurl go on in a loop whose time has come, and says which transfers are over. */
static void
serve_loop(HttpLoop *loop, void (*over)(CURL *easy, CURLcode code))
{
	CURLMsg *message;
	int running;
	int left;

	if (loop->timer <= GetCurrentTimestamp())
	{
		loop->timer = DT_NOEND;
		(void) curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = curl_multi_info_read(loop->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE)
			over(message->easy_handle, message->data.result);
}

/* Waits, and lets libcurl go on. */
void
commerce_loop_wait(long milliseconds, void (*over)(CURL *easy, CURLcode code))
{
	WaitEvent events[3];
	sigset_t before;

	close_loops();
	for (int i = 0; i < MAX_LOOPS; i++)
		if (loops[i].multi != NULL && loops[i].timer != DT_NOEND)
			milliseconds =
				Min(milliseconds, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), loops[i].timer));
	(void) WaitEventSetWait(waiting, Min(milliseconds, WAIT_LONGEST), events, lengthof(events),
							PG_WAIT_EXTENSION);
	before = commerce_loop_enter();
	serve_sockets();
	for (int i = 0; i < MAX_LOOPS; i++)
		if (loops[i].multi != NULL)
			serve_loop(&loops[i], over);
	commerce_loop_leave(before);
}
