/*
 * http.c: requests, from their beginning to when somebody hears how they went.
 *
 * Each has a transfer (http_transfer.c), which the loop (http_loop.c) carries on and says when it is over; those that
 * are over wait in a list until they are asked for.
 */
#include "outbox/http_loop.h"
#include "outbox/http_transfer.h"
#include "outbox/url.h"

static int in_flight = 0;
static dlist_head over = DLIST_STATIC_INIT(over);

/* Gets ready to send. */
void
commerce_http_open(void)
{
	commerce_transfer_settings();
	commerce_loop_open();
}

/* Closes all connections that nobody needs. */
bool
commerce_http_close(void)
{
	return commerce_loop_close();
}

/* Notes that a request is over. */
static void
finish(HttpTransfer *transfer, const char *error)
{
	transfer->request->error = error;
	dlist_push_tail(&over, &transfer->node);
}

/* Hears from the loop that one is. */
static void
transfer_over(CURL *easy, CURLcode code)
{
	HttpTransfer *transfer = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &transfer) == CURLE_OK)
		finish(transfer, commerce_transfer_read(transfer, code));
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
	request->sent = false;
	request->answer_length = 0;
	transfer->request = request;
	in_flight++;
	if (!commerce_url_parse(request->url, &url, &why))
	{
		finish(transfer, why);
		return;
	}
	transfer->tls = url.tls;
	before = commerce_loop_enter();
	if (!commerce_transfer_prepare(transfer))
		finish(transfer, "memory is short");
	else if ((transfer->loop = commerce_loop_add(transfer->easy)) == NULL)
		finish(transfer, "it could not be begun");
	commerce_loop_leave(before);
}

/* Frees what a transfer holds and forgets it. */
static void
end_transfer(HttpTransfer *transfer)
{
	sigset_t before = commerce_loop_enter();

	if (transfer->loop != NULL)
		commerce_loop_remove(transfer->loop, transfer->easy);
	commerce_transfer_free(transfer);
	commerce_loop_leave(before);
	transfer->request->transfer = NULL;
	pfree(transfer);
	in_flight--;
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

/* Waits, and lets libcurl go on. */
void
commerce_http_wait(long milliseconds)
{
	commerce_loop_wait(dlist_is_empty(&over) ? milliseconds : 0, transfer_over);
}
