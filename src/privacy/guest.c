/*
 * guest.c: what a guest is found by again. A guest is nobody but the destination of an order; where that names an e-mail
 * address, the address is kept for itself as well, so that its owner can ask to be told of his orders, or forgotten.
 */
#include "privacy/seal.h"

#include "privacy/blind.h"
#include "privacy/jwt_json.h"
#include "privacy/open.h"

/* Returns the e-mail address that a destination names; NULL where it names none that could be searched for. */
static char *
named_email(const char *destination, size_t length)
{
	Jsonb *document = commerce_json_or_null(destination, length);
	JsonbValue value;
	char *email;

	if (document == NULL || !JB_ROOT_IS_OBJECT(document) ||
		getKeyJsonValueFromContainer(&document->root, "email", strlen("email"), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	email = pnstrdup(value.val.string.val, (size_t) value.val.string.len);
	return commerce_normalise(email, "email")[0] != '\0' ? email : NULL;
}

/* Says whether a sealed destination names an e-mail address, in its normal form; one that does not open names none. */
bool
commerce_names_email(const bytea *address, const pg_uuid_t *subject, const char *normal)
{
	size_t length;
	char *destination = commerce_try_open(address, "address", subject, NULL, &length);
	char *named = destination ? named_email(destination, length) : NULL;
	bool same = named != NULL && strcmp(commerce_normalise(named, "email"), normal) == 0;

	if (destination != NULL)
		explicit_bzero(destination, length);
	if (named != NULL)
		explicit_bzero(named, strlen(named));
	return same;
}

/* Seals the e-mail address that a sealed destination names, and computes its blind value. */
bool
commerce_seal_email_of(const bytea *address, const pg_uuid_t *subject, Datum *email, Datum *blind)
{
	size_t length;
	char *destination = commerce_open_text(address, "address", subject, &length);
	char *named = named_email(destination, length);

	explicit_bzero(destination, length);
	if (named == NULL)
		return false;
	*email = commerce_seal_text(named, strlen(named), "email", subject);
	*blind = commerce_blind_text(named, "email");
	explicit_bzero(named, strlen(named));
	return true;
}
