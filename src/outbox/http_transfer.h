/*
 * http_transfer.h: one request on its way. For http.c and http_loop.c alone.
 */
#ifndef COMMERCE_OUTBOX_HTTP_TRANSFER_H
#define COMMERCE_OUTBOX_HTTP_TRANSFER_H

#include "outbox/http.h"

#include <curl/curl.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "lib/ilist.h"
#pragma GCC diagnostic pop

struct HttpTransfer
{
	dlist_node node; /* in the list of those that are over */
	HttpRequest *request;
	CURL *easy;
	struct HttpLoop *loop; /* NULL: it has not been begun */
	struct curl_slist *headers;
	size_t received; /* bytes of the answer, its headers among them */
	bool tls;
	bool refused; /* the address is not allowed */
	bool too_long;
};

/* Reads the setting that says whom requests may reach. */
extern void commerce_transfer_settings(void);

/* Tells libcurl all there is to know of a request; false where memory is short. Signals are blocked. */
extern bool commerce_transfer_prepare(HttpTransfer *transfer);

/* Reads how it ended into the request; returns why it ended badly, NULL where it ended well. */
extern const char *commerce_transfer_read(HttpTransfer *transfer, CURLcode code);

/* Frees what it holds of libcurl's, wiped where that may be a secret. Signals are blocked. */
extern void commerce_transfer_free(HttpTransfer *transfer);

#endif
