/*
 * http.c: libcurl, driven by the server's own way of waiting.
 *
 * libcurl says which sockets it waits for, and until when. The sockets are put into an epoll set, and that one, with the
 * process's latch and the postmaster's end, into a WaitEventSet: so one wait hears of everything, and no time is slept.
 *
 * libcurl resolves names in threads. A thread that took one of the server's signals would run its handler beside the
 * process, so all signals are blocked while libcurl runs, and stay blocked in what it starts.
 *
 * Whom a request may reach is decided when its socket is made, by the address that the name has turned out to have (a
 * check of the name before that could be told another address); by nothing that an answer says: redirects are not
 * followed; and by nothing in the server's environment: no proxy, no netrc. An answer is read up to a limit, and nothing
 * of it is kept but its status and Retry-After.
 */
#include "outbox/http.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/settings.h"
#include "outbox/address.h"
#include "outbox/retry.h"
#include "outbox/url.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "lib/ilist.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/wait_event.h"
#pragma GCC diagnostic pop

#define USER_AGENT "commerce/0.1"
#define WAIT_LONGEST 60000L
#define EVENTS_AT_ONCE 64

struct HttpTransfer
{
	dlist_node node; /* in the list of those that are over */
	HttpRequest *request;
	CURL *easy;
	struct curl_slist *headers;
	size_t received; /* bytes of the answer, its headers among them */
	bool tls;
	bool refused; /* the address is not allowed */
	bool too_long;
};

static CURLM *multi = NULL;
static int epoll_set = -1;
static WaitEventSet *waiting = NULL;
static TimestampTz timer = DT_NOEND; /* when libcurl wants to be called though nothing happens */
static int in_flight = 0;
static dlist_head over = DLIST_STATIC_INIT(over);
static CidrList allowed;

/* Blocks all signals and returns what was blocked before. */
static sigset_t
block_signals(void)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	return before;
}

/* Blocks what was blocked before. */
static void
restore_signals(sigset_t before)
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

/* Makes the socket of a request, if its address is allowed; in the clear only to one that is named. */
static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	static const CidrList none = {.count = 0};
	HttpTransfer *transfer = context;
	const uint8 *bytes = NULL;
	size_t length = 0;
	int made;

	(void) purpose;
	if (address->family == AF_INET)
	{
		bytes = (const uint8 *) &((struct sockaddr_in *) &address->addr)->sin_addr;
		length = IPV4_BYTES;
	}
	else if (address->family == AF_INET6)
	{
		bytes = (const uint8 *) &((struct sockaddr_in6 *) &address->addr)->sin6_addr;
		length = IPV6_BYTES;
	}
	if (bytes == NULL || !commerce_address_allowed(bytes, length, &allowed) ||
		(!transfer->tls && commerce_address_allowed(bytes, length, &none)))
	{
		transfer->refused = true;
		return CURL_SOCKET_BAD;
	}
	made = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (made >= 0)
		ReserveExternalFD();
	return made;
}

/* Closes a socket. */
static int
close_socket(void *context, curl_socket_t socket)
{
	(void) context;
	ReleaseExternalFD();
	return close(socket);
}

/* Counts what comes in and throws it away; ends the request where it is too much. */
static size_t
count_answer(char *data, size_t size, size_t count, void *context)
{
	HttpTransfer *transfer = context;

	(void) data;
	transfer->received += size * count;
	transfer->too_long = transfer->received > HTTP_ANSWER_MAX;
	return transfer->too_long ? 0 : size * count;
}

/* Gets ready to send. */
void
commerce_http_open(void)
{
	static bool global = false;
	sigset_t before;

	if (multi != NULL)
		return;
	if (!commerce_cidr_parse(commerce_allow_private_endpoints, &allowed))
	{
		allowed.count = 0;
		ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						  errmsg("commerce.allow_private_endpoints is not understood and allows nothing"),
						  errhint("Write addresses and networks as \"10.1.0.0/16, fd00::5\".")));
	}
	before = block_signals();
	if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		global = true;
	multi = global ? curl_multi_init() : NULL;
	if (multi != NULL)
	{
		curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) HTTP_MAX_IN_FLIGHT);
	}
	restore_signals(before);
	if (multi == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("libcurl could not be initialized")));
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

/* Closes all connections. */
void
commerce_http_close(void)
{
	sigset_t before;

	if (multi == NULL)
		return;
	Assert(in_flight == 0);
	before = block_signals();
	curl_multi_cleanup(multi);
	restore_signals(before);
	multi = NULL;
	timer = DT_NOEND;
}

/* Sets all that is to be known of a request. */
static void
set_options(HttpTransfer *transfer)
{
	const HttpRequest *request = transfer->request;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, transfer->tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, HTTP_CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, HTTP_TOTAL_MS);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (commerce_ca_file[0] != '\0')
	{
		curl_easy_setopt(easy, CURLOPT_CAINFO, commerce_ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_answer);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->length);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
}

/* Makes the list of headers; false where memory is short. */
static bool
list_headers(HttpTransfer *transfer)
{
	/* Without this libcurl asks before it sends a long body, and waits for an answer. */
	static const char expect[] = "expect:";
	struct curl_slist *list = curl_slist_append(NULL, expect);

	for (const char *const *header = transfer->request->headers; list != NULL && *header != NULL; header++)
	{
		struct curl_slist *longer = curl_slist_append(list, *header);

		if (longer == NULL)
			curl_slist_free_all(list);
		list = longer;
	}
	transfer->headers = list;
	return list != NULL;
}

/* Notes that a request is over. */
static void
finish(HttpTransfer *transfer, const char *error)
{
	transfer->request->error = error;
	dlist_push_tail(&over, &transfer->node);
}

/* Begins to send a request. */
void
commerce_http_start(HttpRequest *request)
{
	HttpTransfer *transfer = MemoryContextAllocZero(TopMemoryContext, sizeof(HttpTransfer));
	Url url;
	const char *why = NULL;
	sigset_t before;

	request->transfer = transfer;
	request->status = 0;
	request->retry_after = -1;
	request->error = NULL;
	transfer->request = request;
	in_flight++;
	if (!commerce_url_parse(request->url, &url, &why))
	{
		finish(transfer, why);
		return;
	}
	transfer->tls = url.tls;
	before = block_signals();
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL || !list_headers(transfer))
		finish(transfer, "memory is short");
	else
	{
		set_options(transfer);
		if (curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
			finish(transfer, "it could not be begun");
	}
	restore_signals(before);
}

/* Frees what a transfer holds and forgets it. */
static void
end_transfer(HttpTransfer *transfer)
{
	sigset_t before = block_signals();

	if (transfer->easy != NULL)
	{
		(void) curl_multi_remove_handle(multi, transfer->easy);
		curl_easy_cleanup(transfer->easy);
	}
	curl_slist_free_all(transfer->headers);
	restore_signals(before);
	transfer->request->transfer = NULL;
	pfree(transfer);
	in_flight--;
}

/* Reads what the answer says of itself. */
static void
read_answer(HttpTransfer *transfer)
{
	HttpRequest *request = transfer->request;
	struct curl_header *header;
	long status = 0;
	int64_t seconds;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	request->status = (int) status;
	if (curl_easy_header(transfer->easy, "retry-after", 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
		commerce_retry_after(header->value, (int64) time(NULL), &seconds))
		request->retry_after = seconds;
}

/* Says in words of ours how a transfer ended; NULL where it ended well. */
static const char *
explain(const HttpTransfer *transfer, CURLcode code)
{
	if (transfer->refused)
		return "its address is not allowed";
	/* What it says after "yes" changes nothing. */
	if (transfer->too_long)
		return transfer->request->status / 100 == 2 ? NULL : "the answer is longer than 64 KiB";
	return code == CURLE_OK ? NULL : curl_easy_strerror(code);
}

/* Notes which transfers are over. */
static void
collect(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		HttpTransfer *transfer = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE ||
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer) != CURLE_OK)
			continue;
		read_answer(transfer);
		finish(transfer, explain(transfer, code));
	}
}

/* Returns a request that is over. */
HttpRequest *
commerce_http_finished(void)
{
	HttpTransfer *transfer;
	HttpRequest *request;

	if (dlist_is_empty(&over))
		return NULL;
	transfer = dlist_container(HttpTransfer, node, dlist_pop_head_node(&over));
	request = transfer->request;
	end_transfer(transfer);
	return request;
}

/* Gives up a request that is under way. */
void
commerce_http_abandon(HttpRequest *request)
{
	dlist_iter iter;

	if (request->transfer == NULL)
		return;
	dlist_foreach(iter, &over)
	{
		if (iter.cur == &request->transfer->node)
		{
			dlist_delete(iter.cur);
			break;
		}
	}
	end_transfer(request->transfer);
}

/* Returns how many requests are under way. */
int
commerce_http_in_flight(void)
{
	return in_flight;
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
commerce_http_wait(long milliseconds)
{
	WaitEvent events[3];
	sigset_t before;
	int running;

	if (!dlist_is_empty(&over))
		milliseconds = 0;
	if (timer != DT_NOEND)
		milliseconds = Min(milliseconds, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), timer));
	(void) WaitEventSetWait(waiting, Min(milliseconds, WAIT_LONGEST), events, lengthof(events),
							PG_WAIT_EXTENSION);
	before = block_signals();
	serve_sockets();
	if (timer <= GetCurrentTimestamp())
	{
		timer = DT_NOEND;
		(void) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	collect();
	restore_signals(before);
}
