/*
 * jwt_keys.c: the keys that tokens are signed with.
 *
 * Secrets are sealed like a customer's fields, each under a data key of its own whose subject is the key's id: they are
 * in no dump or backup in the clear, rotate with the others, and are gone for good when their data key is deleted. A
 * public key is public. A key is for one algorithm and one audience, whatever a token says.
 */
#include "privacy/jwt_keys.h"

#include <sodium.h>

#include "base/plan.h"
#include "base/uuid.h"
#include "privacy/login_audit.h"
#include "privacy/open.h"
#include "privacy/seal.h"

#define FIELD "jwt_key"
#define SECRET_BYTES 32

static SavedPlan find_signing = {
	.sql =
		"SELECT id, algorithm, audience, secret, public_key FROM commerce.jwt_keys WHERE retired_at IS NULL "
		"ORDER BY id DESC LIMIT 1"};

static SavedPlan find_by_id = {
	.sql = "SELECT id, algorithm, audience, secret, public_key FROM commerce.jwt_keys WHERE id = $1",
	.args = "uuid"};

static SavedPlan insert_key = {.sql = "INSERT INTO commerce.jwt_keys (id, algorithm, audience, secret, "
									  "public_key) VALUES ($1, $2, $3, $4, $5)",
							   .args = "uuid; text; text; commerce.sealed; bytea"};

/* Writes the id as the name that tokens have for the key. */
static void
name_key(SigningKey *key)
{
	strlcpy(key->kid, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&key->id))),
			sizeof(key->kid));
}

/* Opens the secret of the found key. */
static void
open_secret(SigningKey *key)
{
	bool isnull;
	size_t length;
	char *opened =
		commerce_open_text(DatumGetByteaPP(commerce_value(0, 4, &isnull)), FIELD, &key->id, &length);

	if (!commerce_base64url_decode(key->key.bytes, sizeof(key->key.bytes), &key->key.length, opened, length))
		commerce_refuse_unreadable();
	explicit_bzero(opened, length);
}

/* Reads the found key; its secret only where that is what is needed. */
static void
read_key(SigningKey *key, bool to_sign)
{
	bool isnull;
	char *algorithm = commerce_text(0, 2);

	memset(key, 0, sizeof(*key));
	key->id = *DatumGetUUIDP(commerce_value(0, 1, &isnull));
	name_key(key);
	key->audience = commerce_text(0, 3);
	key->key.algorithm = strcmp(algorithm, "EdDSA") == 0 ? JWT_EDDSA : JWT_HS256;
	if (to_sign || key->key.algorithm == JWT_HS256)
		open_secret(key);
	else
	{
		bytea *public = DatumGetByteaPP(commerce_value(0, 5, &isnull));

		key->key.length = Min(VARSIZE_ANY_EXHDR(public), sizeof(key->key.bytes));
		memcpy(key->key.bytes, VARDATA_ANY(public), key->key.length);
	}
}

/* Finds the key to sign with. */
void
commerce_key_for_signing(SigningKey *found)
{
	if (commerce_run(&find_signing, PLAN_READS, NULL, NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("there is no key to sign tokens with"),
						errhint("A commerce_admin runs SELECT commerce.create_jwt_key().")));
	read_key(found, true);
}

/* Finds a key by its id; under a snapshot taken now, so that a key that was dropped verifies nothing. */
bool
commerce_key_for_verifying(const pg_uuid_t *id, SigningKey *found)
{
	if (commerce_run(&find_by_id, PLAN_LATEST, (Datum[]){UUIDPGetDatum(id)}, NULL) != 1)
		return false;
	read_key(found, false);
	return true;
}

/* Derives an Ed25519 public key. */
void
commerce_public_part(const JwtKey *secret, uint8 public_key[32])
{
	uint8 expanded[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(public_key, expanded, secret->bytes);
	sodium_memzero(expanded, sizeof(expanded));
}

/* Makes and stores a key. */
void
commerce_add_signing_key(JwtAlgorithm algorithm, const char *audience, SigningKey *made)
{
	char secret[64];
	bytea *public = palloc(VARHDRSZ + crypto_sign_PUBLICKEYBYTES);
	Datum values[5];
	char nulls[] = "     ";

	if (sodium_init() < 0)
		elog(ERROR, "libsodium cannot be initialised");
	memset(made, 0, sizeof(*made));
	made->id = *commerce_uuidv7();
	name_key(made);
	made->audience = pstrdup(audience);
	made->key.algorithm = algorithm;
	made->key.length = SECRET_BYTES;
	randombytes_buf(made->key.bytes, SECRET_BYTES);
	(void) commerce_base64url_encode(secret, sizeof(secret), made->key.bytes, SECRET_BYTES);
	SET_VARSIZE(public, VARHDRSZ + crypto_sign_PUBLICKEYBYTES);
	commerce_public_part(&made->key, (uint8 *) VARDATA(public));
	values[0] = UUIDPGetDatum(&made->id);
	values[1] = CStringGetTextDatum(algorithm == JWT_EDDSA ? "EdDSA" : "HS256");
	values[2] = CStringGetTextDatum(audience);
	values[3] = commerce_seal_text(secret, strlen(secret), FIELD, &made->id);
	values[4] = PointerGetDatum(public);
	if (algorithm == JWT_HS256)
		nulls[4] = 'n';
	(void) commerce_run(&insert_key, PLAN_WRITES, values, nulls);
	commerce_note_jwt_key("jwt key created", made->kid, algorithm == JWT_EDDSA ? "EdDSA" : "HS256", audience);
	explicit_bzero(secret, sizeof(secret));
}
