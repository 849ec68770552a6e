/*
 * provider_booking.c: an answer, booked; and kept where it cannot be yet.
 */
#include "order/provider_call.h"

#include "base/plan.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#pragma GCC diagnostic pop

/* As a provider is not asked to wait longer. */
#define WAIT_MOST INT64CONST(86400)

static SavedPlan finish = {.sql = "SELECT commerce.finish_provider_call($1, $2, $3, $4, $5, $6, $7, $8)",
						   .args = "uuid; uuid; uuid; int4; text; int4; bool; text"};

static SavedPlan keep = {.sql = "SELECT commerce.keep_provider_call($1, $2, $3, $4)",
						 .args = "uuid; uuid; uuid; interval"};

/* Returns an answer as a text of this database; NULL, with a reason, where it is none. */
static const char *
read_text(Call *call)
{
	const char *bytes = call->request.answer;
	int length = (int) call->request.answer_length;
	int encoding = GetDatabaseEncoding();
	char *text;
	Oid conversion;

	if (!pg_verify_mbstr(PG_UTF8, bytes, length, true))
		return NULL;
	text = palloc0((Size) length * MAX_CONVERSION_GROWTH + 1);
	if (length == 0 || encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		memcpy(text, bytes, (size_t) length);
		return text;
	}
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, (unsigned char *) call->request.answer,
									  length, (unsigned char *) text, length * MAX_CONVERSION_GROWTH + 1,
									  true) < length)
		return NULL;
	return text;
}

/* Books what came of a call, where its order can be had soon. */
void
commerce_book_call(Call *call)
{
	const HttpRequest *request = &call->request;
	const char *body = call->trouble == NULL ? read_text(call) : NULL;
	const char *trouble = call->trouble == NULL && body == NULL ? "the answer is no text" : call->trouble;
	int64 wait = Min(request->retry_after, WAIT_MOST);
	char nulls[] = {' ',
					' ',
					' ',
					trouble ? 'n' : ' ',
					trouble ? 'n' : ' ',
					wait < 0 ? 'n' : ' ',
					' ',
					trouble ? ' ' : 'n',
					'\0'};

	(void) commerce_run(&finish, PLAN_WRITES,
						(Datum[]){UUIDPGetDatum(&call->order), UUIDPGetDatum(&call->id),
								  UUIDPGetDatum(&call->token), Int32GetDatum(request->status),
								  trouble ? (Datum) 0 : CStringGetTextDatum(body),
								  Int32GetDatum((int32) wait), BoolGetDatum(request->sent),
								  trouble ? CStringGetTextDatum(trouble) : (Datum) 0},
						nulls);
}

/* Has the lease of a call go on for as long as it waits; where somebody else has it, there is nothing to book any more. */
void
commerce_prolong_call(Call *call)
{
	TimestampTz now = GetCurrentTimestamp();
	Interval lease = {.time = Max(call->again - now, 0) + LEASE};

	(void) commerce_run(&keep, PLAN_WRITES,
						(Datum[]){UUIDPGetDatum(&call->order), UUIDPGetDatum(&call->id),
								  UUIDPGetDatum(&call->token), IntervalPGetDatum(&lease)},
						NULL);
	if (DatumGetBool(commerce_value_or(0, 1, BoolGetDatum(false))))
		call->lease_until = now + lease.time;
	else
		call->again = DT_NOEND;
}
