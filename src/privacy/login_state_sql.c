/*
 * login_state_sql.c: who acts, as SQL asks it, and as an API server tells it.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "privacy/claims.h"
#include "privacy/jwt_json.h"
#include "privacy/login_state.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/guc.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_current_customer);
PG_FUNCTION_INFO_V1(commerce_current_channels);
PG_FUNCTION_INFO_V1(commerce_pre_request);

/* current_customer() returns the customer who is logged in, NULL for none. */
Datum
commerce_current_customer(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *customer = commerce_login_customer();

	if (customer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(customer);
}

/* current_channels() returns the channels whose rows may be seen, NULL for none. */
Datum
commerce_current_channels(PG_FUNCTION_ARGS)
{
	ArrayType *channels = commerce_login_channels();

	if (channels == NULL)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(channels);
}

static void
refuse_claims(const char *reason)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_NOT_PERMITTED), errmsg("the claims of this request are not believed"),
		 commerce_errfacts("reason", reason, NULL),
		 errhint("commerce.pre_request() is called by an API server, once for each request, whose "
				 "login is a member of commerce_authenticator; again by the same claims it does nothing.")));
}

/* Returns the claims of the request, NULL for none. */
static char *
read_claims(void)
{
	const char *claims = GetConfigOption("request.jwt.claims", true, false);

	return claims == NULL || claims[0] == '\0' ? NULL
											   : pg_server_to_any(claims, (int) strlen(claims), PG_UTF8);
}

/* Finds a claim; what cannot be read for certain is not believed at all. */
static Claim
find_claim(const char *claims, const char *name)
{
	Claim claim;

	if (!commerce_claim_find(claims, strlen(claims), name, &claim))
		refuse_claims("they are not a JSON object with plain and single names");
	return claim;
}

/* Does the session act as a member of the role? A superuser is a member of all and is not meant. */
static bool
acts_as(const char *role)
{
	return is_member_of_role_nosuper(GetOuterUserId(), get_role_oid(role, false));
}

/* Returns the channels among the claims. */
static ArrayType *
claimed_channels(const char *claims)
{
	Claim claim = find_claim(claims, "channels");
	Jsonb *document;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	Datum *channels;
	int count = 0;

	if (claim.kind == CLAIM_ABSENT)
		return NULL;
	document = claim.kind == CLAIM_ARRAY ? commerce_json_or_null(claim.at, claim.length) : NULL;
	if (document == NULL)
		refuse_claims("channels is not an array of texts");
	channels = palloc(sizeof(Datum) * Max(JB_ROOT_COUNT(document), 1));
	iterator = JsonbIteratorInit(&document->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvString)
			refuse_claims("channels is not an array of texts");
		channels[count++] =
			PointerGetDatum(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
	}
	return construct_array(channels, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Refuses a role among the claims that is not the one the API server has switched to. */
static void
check_role(const char *claims)
{
	Claim claim = find_claim(claims, "role");

	if (claim.kind != CLAIM_ABSENT && !commerce_claim_is(&claim, GetUserNameFromId(GetOuterUserId(), false)))
		refuse_claims("role is not the role of the session");
}

/*
 * pre_request() takes over the claims of a request that an API server has checked and put into request.jwt.claims.
 * Anyone can set that, so it is believed only in a session that logged in as a member of commerce_authenticator, and only
 * once in a transaction: whoever gets to set it later, through some function of the API, changes nothing. Asked again by
 * the same claims it does nothing, so that functions behind a server without such a hook may each begin with it.
 */
Datum
commerce_pre_request(PG_FUNCTION_ARGS)
{
	pg_uuid_t customer;
	bool is_customer = false;
	ArrayType *channels = NULL;
	char *claims;

	(void) fcinfo;
	if (!is_member_of_role_nosuper(GetSessionUserId(), get_role_oid("commerce_authenticator", false)))
		refuse_claims("the session's user is no member of commerce_authenticator");
	claims = read_claims();
	if (commerce_login_by_claims(claims))
		PG_RETURN_VOID();
	if (commerce_login_source() != LOGIN_NONE)
		refuse_claims("this transaction acts for somebody already");
	if (claims != NULL)
	{
		check_role(claims);
		if (acts_as("commerce_customer"))
		{
			Claim subject = find_claim(claims, "sub");

			is_customer = commerce_claim_uuid(&subject, customer.data);
			if (subject.kind != CLAIM_ABSENT && !is_customer)
				refuse_claims("sub is not the id of a customer");
		}
		if (acts_as("commerce_staff"))
			channels = claimed_channels(claims);
	}
	commerce_login_set(LOGIN_CLAIMS, is_customer ? &customer : NULL, channels, claims);
	PG_RETURN_VOID();
}
