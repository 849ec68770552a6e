/*
 * password.c: hashing and checking passwords.
 *
 * Argon2id as OWASP recommends it: 19 MiB of memory, two passes, some 20 ms. The hash says with what parameters it was
 * made, so that those of another system, or of an earlier version, are checked as they are and made anew on the next
 * login.
 */
#include "privacy/password.h"

#include <sodium.h>

#include "privacy/convert.h"
#include "privacy/password_gate.h"

#define PASSWORD_MEMORY ((size_t) 19 * 1024 * 1024)
#define PASSWORD_PASSES 2

/* The hash of a password that nobody has: random bytes in the form that today's parameters give. */
static const char nobodys_hash[] = "$argon2id$v=19$m=19456,t=2,p=1$S0vO1yTYpEEdNbVEtHJwzA$"
								   "iuTDcMPPFVaTpFLVaTNjV6FtVE0wpHCBWLZ2oJQHiOA";

static void
require_sodium(void)
{
	if (sodium_init() < 0)
		elog(ERROR, "libsodium cannot be initialised");
}

static void
refuse_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for hashing a password")));
}

/* Hashes a password with a salt of its own. */
Datum
commerce_hash_password(const text *argument)
{
	char *password = commerce_text_to_utf8(argument);
	size_t length = strlen(password);
	char hash[crypto_pwhash_STRBYTES];
	int place, status;

	if (length == 0 || length > MAX_PASSWORD_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("password must be 1 to %d bytes long", MAX_PASSWORD_BYTES)));
	require_sodium();
	place = commerce_enter_password_gate();
	status = crypto_pwhash_str_alg(hash, password, length, PASSWORD_PASSES, PASSWORD_MEMORY,
								   crypto_pwhash_ALG_ARGON2ID13);
	commerce_leave_password_gate(place);
	explicit_bzero(password, length);
	if (status != 0)
		refuse_memory();
	return CStringGetTextDatum(hash);
}

/*
 * Checks a password; one that no hash can be of is checked, too, against nobody's. Who has to wait is told so before
 * the gate, and counted behind it: who is not let in has not tried.
 */
bool
commerce_verify_password(const text *argument, const char *hash, ThrottleSubject *subject)
{
	char *password = commerce_text_to_utf8(argument);
	size_t length = strlen(password);
	bool possible = hash != NULL && length > 0 && length <= MAX_PASSWORD_BYTES;
	int place, status, problem;

	require_sodium();
	commerce_throttle_check(subject);
	place = commerce_enter_password_gate();
	commerce_throttle_attempt(subject);
	errno = 0;
	status =
		crypto_pwhash_str_verify(possible ? hash : nobodys_hash, password, Min(length, MAX_PASSWORD_BYTES));
	problem = errno;
	commerce_leave_password_gate(place);
	explicit_bzero(password, length);
	if (status != 0 && problem == ENOMEM)
		refuse_memory();
	return possible && status == 0;
}

/* Says whether a hash was made with other parameters. */
bool
commerce_password_is_stale(const char *hash)
{
	return crypto_pwhash_str_needs_rehash(hash, PASSWORD_PASSES, PASSWORD_MEMORY) != 0;
}
