/*
 * login_audit.c: who logged in, failed to, and changed how: in the audit log.
 *
 * What is done is noted with what does it, and gone where that is rolled back. A failure is rolled back by nature, so it
 * is noted for good; but one entry for each attempt would let whoever guesses passwords fill the disk. Noted is the
 * failure that locks out, once for all that follow until somebody gets in or a day has passed: who guesses pays ten
 * password hashes for it.
 */
#include "privacy/login_audit.h"

#include "audit/audit.h"
#include "base/json.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xlog.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* Returns an id as text, NULL for NULL. */
static const char *
id_text(const pg_uuid_t *id)
{
	return id ? DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))) : NULL;
}

/* Returns a document with one text, NULL where there is no name for it. */
static const Jsonb *
one_fact(const char *name, const char *value)
{
	JsonWriter detail = JSON_WRITER_INIT;

	if (name == NULL)
		return NULL;
	commerce_json_object(&detail);
	commerce_json_key(&detail, name);
	commerce_json_string(&detail, value);
	commerce_json_end_object(&detail);
	return commerce_json_finish(&detail);
}

/* Notes what somebody did. */
void
commerce_note_login(const char *kind, const pg_uuid_t *customer, const char *name, const char *value)
{
	commerce_audit(&(AuditFacts){.kind = kind,
								 .relation = "commerce.customers",
								 .subject = id_text(customer),
								 .detail = one_fact(name, value)});
}

/* Notes a failure that locks out. */
void
commerce_note_failure(const ThrottleSubject *subject, const pg_uuid_t *customer, const char *what)
{
	/* A standby refuses by itself, and remembers nothing. */
	if (subject->failures != FREE_FAILURES || RecoveryInProgress())
		return;
	commerce_audit_for_good(&(AuditFacts){.kind = "lockout",
										  .relation = "commerce.customers",
										  .subject = id_text(customer),
										  .detail = one_fact("failed", what)});
}

/* Notes what became of a key of tokens. */
void
commerce_note_jwt_key(const char *kind, const char *key, const char *algorithm, const char *audience)
{
	JsonWriter detail = JSON_WRITER_INIT;

	commerce_json_object(&detail);
	commerce_json_key(&detail, "algorithm");
	commerce_json_string(&detail, algorithm);
	commerce_json_key(&detail, "audience");
	commerce_json_string(&detail, audience);
	commerce_json_end_object(&detail);
	commerce_audit(&(AuditFacts){.kind = kind,
								 .relation = "commerce.jwt_keys",
								 .subject = key,
								 .detail = commerce_json_finish(&detail)});
}
