/*
 * http.h: sending requests, many at a time, and hearing how it went.
 *
 * Who sends what is not known here: events are one kind of request, what is asked of payment providers another. Nothing
 * here touches tables, and no transaction should be open while it waits.
 */
#ifndef COMMERCE_OUTBOX_HTTP_H
#define COMMERCE_OUTBOX_HTTP_H

#include "base/pg.h"

/* So long a connection may take to be made, and a request in all, in milliseconds. */
#define HTTP_CONNECT_MS 5000L
#define HTTP_TOTAL_MS 15000L

/* So much of an answer is read. */
#define HTTP_ANSWER_MAX ((size_t) 64 * 1024)

/* So many requests are under way at a time. */
#define HTTP_MAX_IN_FLIGHT 400

typedef struct HttpTransfer HttpTransfer;

/* A request and its answer. It and all it leads to stay where they are until it is over. */
typedef struct HttpRequest
{
	const char *method; /* NULL: POST */
	const char *url;
	const char *const *headers; /* "name: value"; the last is NULL */
	const char *body;
	size_t length;
	char *answer; /* HTTP_ANSWER_MAX bytes for the body of the answer; NULL: nobody wants it */
	bool once;    /* on a connection of its own, so that it is written once whatever happens */
	const struct SendSource *source; /* whose it is; see courier.h */

	int status;        /* 0: there was no answer */
	int64 retry_after; /* seconds that it asked to be left alone for; -1: it did not */
	const char *error; /* why there was no answer, or none to the end; NULL: there was. Holds nothing of it */
	bool sent;         /* a part of it may have arrived */
	size_t answer_length; /* what of the answer there is */

	HttpTransfer *transfer;
} HttpRequest;

/* Gets ready; may be called again. */
extern void commerce_http_open(void);

/* Begins to send a request. Where that is impossible, it is over at once, with an error. */
extern void commerce_http_start(HttpRequest *request);

/* Returns a request that is over, NULL for none. */
extern HttpRequest *commerce_http_finished(void);

/* Gives up a request that is under way. */
extern void commerce_http_abandon(HttpRequest *request);

/* Waits until something happens on a connection, the latch is set, or the time is over. */
extern void commerce_http_wait(long milliseconds);

/* How many are under way. */
extern int commerce_http_in_flight(void);

/*
 * Closes all connections, those on which something is under way when it is over, so that what is begun after
 * commerce_http_open() uses none of them; false where that is not possible yet.
 */
extern bool commerce_http_close(void);

#endif
