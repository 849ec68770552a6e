/*
 * audit_log.c: writing entries.
 *
 * An entry is one more row for whoever does something, so what it costs counts: it goes into the table without a
 * statement where that makes no difference, and by one where the table is not plain. Its leaf is computed here and now.
 * Nothing is waited for: who comes after whom is settled later, by seal_audit.c.
 *
 * Most entries live and die with what they tell of. One that somebody was shown a secret must not: to roll back
 * afterwards would be the way not to be seen. Such a row is written frozen, as COPY FREEZE does it, and so counts as
 * committed from the moment it stands there, whatever becomes of its transaction.
 */
#include "audit/audit.h"
#include "audit/audit_log.h"

#include "audit/entry.h"
#include "base/due.h"
#include "base/errors.h"
#include "base/plain_table.h"
#include "base/random.h"
#include "base/uuid.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "mb/pg_wchar.h"
#include "utils/xid8.h"
#pragma GCC diagnostic pop

/* When the worker is to look after an entry. */
#define SEALED_AFTER (INT64CONST(10) * USECS_PER_SEC)

enum
{
	ID,
	WRITTEN_IN,
	AT,
	ACTOR,
	LOGIN,
	KIND,
	RELATION,
	SUBJECT,
	DETAIL,
	SALT,
	LEAF,
	COLUMNS
};

static const PlainColumn columns[COLUMNS] = {
	[ID] = PLAIN("id", UUIDOID),
	[WRITTEN_IN] = PLAIN("written_in", XID8OID),
	[AT] = PLAIN("at", TIMESTAMPTZOID),
	[ACTOR] = PLAIN("actor", TEXTOID),
	[LOGIN] = PLAIN("login", TEXTOID),
	[KIND] = PLAIN("kind", TEXTOID),
	[RELATION] = PLAIN("relation", TEXTOID),
	[SUBJECT] = PLAIN("subject", TEXTOID),
	[DETAIL] = PLAIN("detail", JSONBOID),
	[SALT] = PLAIN("salt", BYTEAOID),
	[LEAF] = PLAIN("leaf", BYTEAOID),
};

static SavedPlan write_entry = {
	.sql = "INSERT INTO commerce.audit_log"
		   " (id, written_in, at, actor, login, kind, relation, subject, detail, salt, leaf)"
		   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	.args = "uuid; xid8; timestamptz; text; text; text; text; text; jsonb; bytea; bytea"};

static PlainTable audit_log = {
	.watch = {.table = "audit_log"}, .columns = columns, .column_count = COLUMNS, .statement = &write_entry};

PG_FUNCTION_INFO_V1(commerce_audit_leaf_sql);
PG_FUNCTION_INFO_V1(commerce_audit_erased);

/* Begins to watch the table of entries. */
void
commerce_audit_log_init(void)
{
	commerce_plain_table_init(&audit_log);
}

/* Returns a text in UTF-8, in which leaves are computed, so that they are the same in a database of another encoding. */
static const char *
utf8(const char *value)
{
	return value ? pg_server_to_any(value, (int) strlen(value), PG_UTF8) : NULL;
}

/* Returns bytes as a bytea of their own. */
static Datum
bytes_datum(const void *bytes, size_t length)
{
	bytea *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	memcpy(VARDATA(value), bytes, length);
	return PointerGetDatum(value);
}

/* Returns a text that may be missing, and says whether it is. */
static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

/* Returns a detail as the text that is hashed, NULL for NULL. */
static const char *
detail_text(const Jsonb *detail)
{
	return detail ? utf8(JsonbToCString(NULL, unconstify(JsonbContainer *, &detail->root), VARSIZE(detail)))
				  : NULL;
}

/* Makes the row of an entry. */
static void
make_row(const AuditFacts *facts, Datum values[COLUMNS], bool nulls[COLUMNS])
{
	const char *actor = GetUserNameFromId(GetOuterUserId(), false);
	const char *login = GetUserNameFromId(GetSessionUserId(), false);
	pg_uuid_t *id = commerce_uuidv7();
	TimestampTz at = GetCurrentTimestamp();
	AuditEntry entry = {
		.at = at,
		.actor = utf8(actor),
		.login = utf8(login),
		.kind = utf8(facts->kind),
		.relation = utf8(facts->relation),
		.subject = utf8(facts->subject),
	};
	uint8 salts[AUDIT_SALTS_BYTES];
	MerkleHash leaf;

	memcpy(entry.id, id->data, AUDIT_ID_BYTES);
	commerce_random_bytes(salts, AUDIT_SALTS_BYTES);
	memcpy(entry.salt, salts, AUDIT_SALT_BYTES);
	entry.detail = commerce_audit_detail(detail_text(facts->detail), salts + AUDIT_SALT_BYTES);
	leaf = commerce_audit_leaf(&entry);
	memset(nulls, false, sizeof(bool) * COLUMNS);
	values[ID] = UUIDPGetDatum(id);
	values[WRITTEN_IN] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[AT] = TimestampTzGetDatum(at);
	values[ACTOR] = CStringGetTextDatum(actor);
	values[LOGIN] = CStringGetTextDatum(login);
	values[KIND] = CStringGetTextDatum(facts->kind);
	values[RELATION] = text_or_null(facts->relation, &nulls[RELATION]);
	values[SUBJECT] = text_or_null(facts->subject, &nulls[SUBJECT]);
	values[DETAIL] = PointerGetDatum(facts->detail);
	nulls[DETAIL] = facts->detail == NULL;
	values[SALT] = bytes_datum(salts, AUDIT_SALTS_BYTES);
	values[LEAF] = bytes_datum(leaf.bytes, MERKLE_HASH_BYTES);
}

/* Writes an entry, for good or with the transaction. */
static void
write_facts(const AuditFacts *facts, bool for_good)
{
	Datum values[COLUMNS];
	bool nulls[COLUMNS];

	make_row(facts, values, nulls);
	commerce_plain_table_write(&audit_log, values, nulls, for_good);
	commerce_chores_due(DatumGetTimestampTz(values[AT]) + SEALED_AFTER);
}

/* Writes an entry that lives with this transaction. */
void
commerce_audit(const AuditFacts *facts)
{
	write_facts(facts, false);
}

/* Writes an entry that outlives this transaction. */
void
commerce_audit_for_good(const AuditFacts *facts)
{
	if (RecoveryInProgress())
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
						errmsg("what is revealed is written to the audit log, and a standby writes nothing"),
						errhint("Reveal on the primary.")));
	write_facts(facts, true);
}

/* Returns a text argument as a C string in UTF-8, NULL for NULL. */
static const char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : utf8(text_to_cstring(PG_GETARG_TEXT_PP(n)));
}

/* Reads the salts and the detail in these arguments, the one after the other; false for what no entry has. */
static bool
read_detail(FunctionCallInfo fcinfo, int n, uint8 salt[AUDIT_SALT_BYTES], MerkleHash *detail)
{
	const Jsonb *document = PG_ARGISNULL(n) ? NULL : PG_GETARG_JSONB_P(n);
	const bytea *salts = PG_ARGISNULL(n + 1) ? NULL : PG_GETARG_BYTEA_PP(n + 1);
	const uint8 *bytes = salts ? (const uint8 *) VARDATA_ANY(salts) : NULL;
	size_t length = salts ? VARSIZE_ANY_EXHDR(salts) : 0;

	/* What was erased is not there. */
	if (length != AUDIT_SALTS_BYTES && (length != AUDIT_ERASED_BYTES || document != NULL))
		return false;
	memcpy(salt, bytes, AUDIT_SALT_BYTES);
	if (length == AUDIT_ERASED_BYTES)
		memcpy(detail->bytes, bytes + AUDIT_SALT_BYTES, MERKLE_HASH_BYTES);
	else
		*detail = commerce_audit_detail(detail_text(document), bytes + AUDIT_SALT_BYTES);
	return true;
}

/* audit_leaf(id, at, actor, login, kind, relation, subject, detail, salt) */
Datum
commerce_audit_leaf_sql(PG_FUNCTION_ARGS)
{
	AuditEntry entry = {0};
	MerkleHash leaf;

	for (int n = 0; n < 5; n++)
		if (PG_ARGISNULL(n))
			PG_RETURN_NULL();
	if (!read_detail(fcinfo, 7, entry.salt, &entry.detail))
		PG_RETURN_NULL();
	memcpy(entry.id, PG_GETARG_UUID_P(0)->data, AUDIT_ID_BYTES);
	entry.at = PG_GETARG_TIMESTAMPTZ(1);
	entry.actor = text_argument(fcinfo, 2);
	entry.login = text_argument(fcinfo, 3);
	entry.kind = text_argument(fcinfo, 4);
	entry.relation = text_argument(fcinfo, 5);
	entry.subject = text_argument(fcinfo, 6);
	leaf = commerce_audit_leaf(&entry);
	PG_RETURN_DATUM(bytes_datum(leaf.bytes, MERKLE_HASH_BYTES));
}

/* audit_erased(detail, salt) returns what stands as salt once the detail is erased. */
Datum
commerce_audit_erased(PG_FUNCTION_ARGS)
{
	uint8 left[AUDIT_ERASED_BYTES];
	MerkleHash detail;

	if (!read_detail(fcinfo, 0, left, &detail))
		PG_RETURN_NULL();
	memcpy(left + AUDIT_SALT_BYTES, detail.bytes, MERKLE_HASH_BYTES);
	PG_RETURN_DATUM(bytes_datum(left, AUDIT_ERASED_BYTES));
}
