/*
 * http_transfer.c: what one request may do, and what is kept of its answer.
 *
 * Whom a request may reach is decided when its socket is made, by the address that the name has turned out to have (a
 * check of the name before that could be told another address); by nothing that an answer says: redirects are not
 * followed; and by nothing in the server's environment: no proxy, no netrc. An answer is read up to a limit; of one that
 * nobody wants nothing is kept but its status and Retry-After.
 *
 * Whether a request may have arrived is known from libcurl's word just before it is written to a connection that stands.
 * A connection that had been used before and turns out to be dead has libcurl write the request to another, unasked; so
 * one that must not be sent twice has a connection of its own.
 */
#include "outbox/http_transfer.h"

#include <netinet/in.h>
#include <sodium.h>
#include <unistd.h>

#include "base/settings.h"
#include "outbox/address.h"
#include "outbox/retry.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "storage/fd.h"
#pragma GCC diagnostic pop

#define USER_AGENT "commerce/0.1"

static CidrList allowed;

/* Reads the setting. */
void
commerce_transfer_settings(void)
{
	if (commerce_cidr_parse(commerce_allow_private_endpoints, &allowed))
		return;
	allowed.count = 0;
	ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					  errmsg("commerce.allow_private_endpoints is not understood and allows nothing"),
					  errhint("Write addresses and networks as \"10.1.0.0/16, fd00::5\".")));
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

/* Notes that the request is about to be written. */
static int
note_sending(void *context, char *there, char *here, int port_there, int port_here)
{
	HttpTransfer *transfer = context;

	(void) there;
	(void) here;
	(void) port_there;
	(void) port_here;
	transfer->request->sent = true;
	return CURL_PREREQFUNC_OK;
}

/* Counts what comes in; ends the request where it is too much. */
static size_t
count_answer(char *data, size_t size, size_t count, void *context)
{
	HttpTransfer *transfer = context;

	(void) data;
	transfer->received += size * count;
	transfer->too_long = transfer->received > HTTP_ANSWER_MAX;
	return transfer->too_long ? 0 : size * count;
}

/* Does that with the body, and keeps it where somebody wants it. */
static size_t
take_answer(char *data, size_t size, size_t count, void *context)
{
	HttpTransfer *transfer = context;
	HttpRequest *request = transfer->request;
	size_t length = count_answer(data, size, count, context);

	if (transfer->too_long || request->answer == NULL)
		return length;
	/* The count holds the headers, too, so what was not too much fits. */
	memcpy(request->answer + request->answer_length, data, length);
	request->answer_length += length;
	return length;
}

/* Says what the request is. */
static void
set_request(HttpTransfer *transfer)
{
	const HttpRequest *request = transfer->request;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	if (request->method != NULL && strcmp(request->method, "GET") == 0)
	{
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->length);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
	if (request->method != NULL)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Says how it is sent, and to whom it may be. */
static void
set_rules(HttpTransfer *transfer)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
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
	if (transfer->request->once)
	{
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	}
}

/* Says who is asked and told meanwhile. */
static void
set_callbacks(HttpTransfer *transfer)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, note_sending);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_answer);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
}

/* Wipes a list of headers, one of which may hold a secret, and frees it. */
static void
free_headers(struct curl_slist *list)
{
	for (struct curl_slist *one = list; one != NULL; one = one->next)
		sodium_memzero(one->data, strlen(one->data));
	curl_slist_free_all(list);
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
			free_headers(list);
		list = longer;
	}
	transfer->headers = list;
	return list != NULL;
}

/* Tells libcurl all there is to know of a request. */
bool
commerce_transfer_prepare(HttpTransfer *transfer)
{
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL || !list_headers(transfer))
		return false;
	set_request(transfer);
	set_rules(transfer);
	set_callbacks(transfer);
	return true;
}

/* Says in words of ours how a transfer ended; NULL where it ended well. */
static const char *
explain(const HttpTransfer *transfer, CURLcode code)
{
	if (transfer->refused)
		return "its address is not allowed";
	/* What it says after "yes" changes nothing, where nobody wants to know it. */
	if (transfer->too_long)
		return transfer->request->answer == NULL && transfer->request->status / 100 == 2
				   ? NULL
				   : "the answer is longer than 64 KiB";
	return code == CURLE_OK ? NULL : curl_easy_strerror(code);
}

/* Reads what the answer says of itself, and how it ended. */
const char *
commerce_transfer_read(HttpTransfer *transfer, CURLcode code)
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
	return explain(transfer, code);
}

/* Frees what it holds. */
void
commerce_transfer_free(HttpTransfer *transfer)
{
	if (transfer->easy != NULL)
		curl_easy_cleanup(transfer->easy);
	free_headers(transfer->headers);
}
