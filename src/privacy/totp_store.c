/*
 * totp_store.c: second factors of customers.
 *
 * The secret of an authenticator app has to be had in the clear to check a code, so it is sealed, as a field of its
 * customer. A code is good once: the step it belongs to is noted by an UPDATE that asks that none as late was noted, so
 * the row's lock decides between two who show the same code. Recovery codes are 80 random bits each, so a hash is all
 * that is stored, and using one deletes it.
 */
#include "privacy/totp_store.h"

#include <sodium.h>

#include "base/plan.h"
#include "privacy/base32.h"
#include "privacy/convert.h"
#include "privacy/login_audit.h"
#include "privacy/open.h"
#include "privacy/seal.h"
#include "privacy/token.h"
#include "privacy/totp.h"

#define FIELD "totp"
#define RECOVERY_CODES 10
#define RECOVERY_BYTES 10

static SavedPlan find_confirmed = {
	.sql = "SELECT secret, digits, last_step FROM commerce.totp WHERE customer_id = $1 AND "
		   "confirmed_at IS NOT NULL",
	.args = "uuid"};

static SavedPlan find_waiting = {
	.sql =
		"SELECT secret, digits, last_step FROM commerce.totp WHERE customer_id = $1 AND confirmed_at IS NULL",
	.args = "uuid"};

static SavedPlan use_step = {.sql = "UPDATE commerce.totp SET last_step = $2 WHERE customer_id = $1 AND "
									"last_step < $2 AND confirmed_at IS NOT NULL",
							 .args = "uuid; bigint"};

/* The secret is compared, too: of two enrolments at once the later one has replaced it. */
static SavedPlan confirm_step = {
	.sql = "UPDATE commerce.totp SET last_step = $2, confirmed_at = now() WHERE customer_id = $1 AND "
		   "confirmed_at IS NULL AND secret::text = $3",
	.args = "uuid; bigint; text"};

static SavedPlan store_secret = {
	.sql = "INSERT INTO commerce.totp AS t (customer_id, secret, digits) VALUES ($1, $2, $3) ON CONFLICT "
		   "(customer_id) DO UPDATE SET secret = excluded.secret, digits = excluded.digits, last_step = -1, "
		   "created_at = now() WHERE t.confirmed_at IS NULL",
	.args = "uuid; commerce.sealed; integer"};

static SavedPlan use_recovery_code = {
	.sql = "DELETE FROM commerce.recovery_codes WHERE customer_id = $1 AND code_hash = $2",
	.args = "uuid; bytea"};

static SavedPlan drop_recovery_codes = {.sql = "DELETE FROM commerce.recovery_codes WHERE customer_id = $1",
										.args = "uuid"};

static SavedPlan add_recovery_code = {
	.sql = "INSERT INTO commerce.recovery_codes (customer_id, code_hash) VALUES ($1, $2)",
	.args = "uuid; bytea"};

/* Says whether the customer has a second factor. */
bool
commerce_has_second_factor(const pg_uuid_t *customer)
{
	return commerce_run(&find_confirmed, PLAN_WRITES, (Datum[]){UUIDPGetDatum(customer)}, NULL) == 1;
}

/* Finds the step that a code belongs to by the found secret; -1 for none. */
static int64
step_of(const pg_uuid_t *customer, const text *code, char **armoured)
{
	int64 now = (GetCurrentTimestamp() / USECS_PER_SEC) +
				(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	bool isnull;
	Datum sealed = commerce_value(0, 1, &isnull);
	int digits = DatumGetInt32(commerce_value(0, 2, &isnull));
	int64 used = DatumGetInt64(commerce_value(0, 3, &isnull));
	uint8 secret[TOTP_SECRET_BYTES];
	char *typed = commerce_text_to_utf8(code);
	int64 step = -1;
	size_t length;
	char *opened = commerce_open_text(DatumGetByteaPP(sealed), FIELD, customer, &length);

	if (armoured != NULL)
		*armoured = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (commerce_base32_decode(secret, sizeof(secret), opened))
		step = commerce_totp_step(secret, sizeof(secret), typed, digits, now, used);
	explicit_bzero(opened, length);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(typed, strlen(typed));
	return step;
}

/* Returns the hash of a recovery code; false for what cannot be one. */
static bool
recovery_hash(const text *code, Datum *hash)
{
	uint8 bytes[RECOVERY_BYTES];
	char *typed = commerce_text_to_utf8(code);
	bool good = commerce_base32_decode(bytes, sizeof(bytes), typed);

	if (good)
		*hash = commerce_token_hash("recovery", bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(typed, strlen(typed));
	return good;
}

/* Checks a code and uses it up. */
SecondFactor
commerce_use_second_factor(const pg_uuid_t *customer, const text *code)
{
	Datum values[2] = {UUIDPGetDatum(customer)};
	int64 step;

	if (!commerce_has_second_factor(customer))
		return NO_FACTOR;
	if (recovery_hash(code, &values[1]))
	{
		if (commerce_run(&use_recovery_code, PLAN_WRITES, values, NULL) != 1)
			return NO_FACTOR;
		commerce_note_login("recovery code used", customer, NULL, NULL);
		return RECOVERY_CODE;
	}
	step = step_of(customer, code, NULL);
	values[1] = Int64GetDatum(step);
	return step >= 0 && commerce_run(&use_step, PLAN_WRITES, values, NULL) == 1 ? APP_CODE : NO_FACTOR;
}

/* Checks the first code of a secret. */
bool
commerce_confirm_second_factor(const pg_uuid_t *customer, const text *code)
{
	Datum values[3] = {UUIDPGetDatum(customer)};
	char *armoured;
	int64 step;

	if (commerce_run(&find_waiting, PLAN_WRITES, values, NULL) != 1)
		return false;
	step = step_of(customer, code, &armoured);
	values[1] = Int64GetDatum(step);
	values[2] = CStringGetTextDatum(armoured);
	return step >= 0 && commerce_run(&confirm_step, PLAN_WRITES, values, NULL) == 1;
}

/* Stores a secret. */
bool
commerce_store_second_factor(const pg_uuid_t *customer, const char *secret, int digits)
{
	Datum values[3] = {UUIDPGetDatum(customer), commerce_seal_text(secret, strlen(secret), FIELD, customer),
					   Int32GetDatum(digits)};

	return commerce_run(&store_secret, PLAN_WRITES, values, NULL) == 1;
}

/* Writes a recovery code in groups of four, as people copy it. */
static void
write_code(char *code, const uint8 *bytes)
{
	char digits[BASE32_LENGTH(RECOVERY_BYTES) + 1];

	commerce_base32_encode(digits, bytes, RECOVERY_BYTES);
	for (int i = 0; digits[i] != '\0'; i++)
	{
		if (i > 0 && i % 4 == 0)
			*code++ = '-';
		*code++ = digits[i];
	}
	*code = '\0';
	explicit_bzero(digits, sizeof(digits));
}

/* Makes recovery codes. */
Datum
commerce_make_recovery_codes(const pg_uuid_t *customer)
{
	Datum values[2] = {UUIDPGetDatum(customer)};
	Datum codes[RECOVERY_CODES];

	(void) commerce_run(&drop_recovery_codes, PLAN_WRITES, values, NULL);
	for (int i = 0; i < RECOVERY_CODES; i++)
	{
		uint8 bytes[RECOVERY_BYTES];
		char code[BASE32_LENGTH(RECOVERY_BYTES) * 2];

		randombytes_buf(bytes, sizeof(bytes));
		write_code(code, bytes);
		codes[i] = CStringGetTextDatum(code);
		values[1] = commerce_token_hash("recovery", bytes, sizeof(bytes));
		(void) commerce_run(&add_recovery_code, PLAN_WRITES, values, NULL);
		explicit_bzero(bytes, sizeof(bytes));
	}
	return PointerGetDatum(construct_array(codes, RECOVERY_CODES, TEXTOID, -1, false, TYPALIGN_INT));
}
