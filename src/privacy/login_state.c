/*
 * login_state.c: who acts, for as long as the transaction lasts.
 *
 * Row security elsewhere asks a setting (current_setting('app.customer')), which anyone who can send SQL can set. This
 * state is the library's own: it is set by showing a password or a token, or by claims that a registered API server has
 * checked, and by nothing else. It ends with the transaction, however that ends, and so never reaches the next client of
 * a connection pool. As with SET LOCAL, going back to a savepoint brings back what was before it.
 */
#include "privacy/login_state.h"

#include "base/errors.h"
#include "base/owner.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "utils/acl.h"
#pragma GCC diagnostic pop

/* One setting of the state, with what it covers. */
typedef struct LoginState
{
	LoginSource source;
	pg_uuid_t *customer;
	ArrayType *channels;
	char *claims;
	int level; /* of the subtransaction that set it */
	struct LoginState *outer;
} LoginState;

/* In the memory of the top transaction. */
static LoginState *state = NULL;

/* Forgets everything when the transaction ends. */
static void
end_transaction(XactEvent event, void *context)
{
	(void) context;
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE &&
		event != XACT_EVENT_PARALLEL_PRE_COMMIT)
		state = NULL;
}

/* Takes back what a savepoint's transaction has set, or hands it to the one around it. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId inner, SubTransactionId outer, void *context)
{
	int level = GetCurrentTransactionNestLevel();

	(void) inner;
	(void) outer;
	(void) context;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		while (state != NULL && state->level >= level)
			state = state->outer;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		for (LoginState *s = state; s != NULL && s->level >= level; s = s->outer)
			s->level = level - 1;
}

/* Watches transactions. */
void
commerce_login_state_init(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

/* Sets the state. */
void
commerce_login_set(LoginSource source, const pg_uuid_t *customer, ArrayType *channels, const char *claims)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	LoginState *next = palloc0(sizeof(LoginState));

	next->source = source;
	if (customer != NULL)
	{
		next->customer = palloc(sizeof(pg_uuid_t));
		*next->customer = *customer;
	}
	if (channels != NULL)
	{
		next->channels = palloc(VARSIZE(channels));
		memcpy(next->channels, channels, VARSIZE(channels));
	}
	if (claims != NULL)
		next->claims = pstrdup(claims);
	next->level = GetCurrentTransactionNestLevel();
	next->outer = state;
	state = next;
	MemoryContextSwitchTo(caller);
}

/* Says how it is known who acts. */
LoginSource
commerce_login_source(void)
{
	return state ? state->source : LOGIN_NONE;
}

/* Says whether these claims have been taken over. */
bool
commerce_login_by_claims(const char *claims)
{
	if (state == NULL || state->source != LOGIN_CLAIMS)
		return false;
	if (claims == NULL || state->claims == NULL)
		return claims == state->claims;
	return strcmp(claims, state->claims) == 0;
}

/* Returns the customer who is logged in. */
const pg_uuid_t *
commerce_login_customer(void)
{
	return state ? state->customer : NULL;
}

/* Returns the channels to which the transaction is restricted. */
ArrayType *
commerce_login_channels(void)
{
	return state ? state->channels : NULL;
}

/* Returns whom a call is about. */
pg_uuid_t *
commerce_login_subject(FunctionCallInfo fcinfo, int argument)
{
	const pg_uuid_t *self = commerce_login_customer();
	pg_uuid_t *subject = palloc(sizeof(pg_uuid_t));

	if (PG_ARGISNULL(argument))
	{
		if (self == NULL)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("no customer is named, and none logged in"),
							errhint("Name the customer, or log in by commerce.use_session(token).")));
		*subject = *self;
		return subject;
	}
	*subject = *PG_GETARG_UUID_P(argument);
	if ((self == NULL || memcmp(self, subject, sizeof(pg_uuid_t)) != 0) &&
		!commerce_caller_is_member(get_role_oid("commerce_app", false)))
		ereport(ERROR, (errcode(ERRCODE_NOT_PERMITTED), errmsg("this is about another customer"),
						errhint("Only members of commerce_app act for customers who are not logged in.")));
	return subject;
}
