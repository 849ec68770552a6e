/*
 * shop.c: creating the shop's tables, and knowing whether they are there.
 *
 * The tables belong to the user, not to the extension: they are made by a function, never by the extension's script,
 * and so are dumped whole, altered freely and never dropped with it. Each numbered migration of sql/shop is compiled
 * into the library and runs once; commerce.schema_version remembers which.
 */
#include "base/plan.h"

#include "base/errors.h"
#include "base/shop.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "commands/extension.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

typedef struct Migration
{
	int version;
	const char *name;
	const char *sql;
} Migration;

static const Migration migrations[] = {
#include "base/shop_migrations.inc"
};

/* True while migrations run: they use functions of the shop that is not yet whole. */
static bool migrating = false;

#define LATEST_VERSION (migrations[lengthof(migrations) - 1].version)

/* The advisory lock that keeps two sessions from creating one shop: "shop" in ASCII. */
#define SHOP_LOCK INT64CONST(0x73686f70)

PG_FUNCTION_INFO_V1(commerce_create_shop);
PG_FUNCTION_INFO_V1(commerce_upgrade_shop);
PG_FUNCTION_INFO_V1(commerce_require_shop_sql);

/* Runs one statement that is known at compile time, or a migration; errors are the statement's own. */
static void
execute(const char *sql)
{
	int code = SPI_execute(sql, false, 0);

	if (code < 0)
		elog(ERROR, "could not execute a migration: %s", SPI_result_code_string(code));
}

/* Returns whether the table that records migrations exists. */
static bool
shop_exists(void)
{
	Oid schema = get_namespace_oid("commerce", true);

	return OidIsValid(schema) && OidIsValid(get_relname_relid("schema_version", schema));
}

/* Returns the highest migration that has run, 0 for none. */
static int
installed_version(void)
{
	bool isnull;

	if (!shop_exists())
		return 0;
	if (SPI_execute("SELECT coalesce(max(version), 0) FROM commerce.schema_version", false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read commerce.schema_version");
	return DatumGetInt32(commerce_value(0, 1, &isnull));
}

/* Makes the ltree type available, in public where there is such a schema. It is trusted: no superuser is needed. */
static void
require_ltree(void)
{
	if (OidIsValid(get_extension_oid("ltree", true)))
		return;
	if (OidIsValid(get_namespace_oid("public", true)))
		execute("CREATE EXTENSION ltree SCHEMA public");
	else
		execute("CREATE EXTENSION ltree SCHEMA commerce");
}

/* Replaces @ltree@ by the quoted schema that holds the ltree type. Needs an SPI connection. */
static char *
with_ltree_schema(const char *sql)
{
	text *schema;
	text *replaced;
	bool isnull;

	if (SPI_execute("SELECT extnamespace::regnamespace::text FROM pg_catalog.pg_extension WHERE extname = 'ltree'", false,
					1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "extension ltree is gone");
	schema = DatumGetTextPP(commerce_value(0, 1, &isnull));
	replaced = DatumGetTextPP(DirectFunctionCall3Coll(replace_text, C_COLLATION_OID, CStringGetTextDatum(sql),
													  CStringGetTextDatum("@ltree@"), PointerGetDatum(schema)));
	return text_to_cstring(replaced);
}

/* Runs one migration and remembers it. */
static void
run_migration(const Migration *migration)
{
	execute(with_ltree_schema(migration->sql));
	(void) SPI_execute_with_args("INSERT INTO commerce.schema_version (version, name, library) VALUES ($1, $2, $3)", 3,
								 (Oid[]) {INT4OID, TEXTOID, TEXTOID},
								 (Datum[]) {Int32GetDatum(migration->version), CStringGetTextDatum(migration->name),
											CStringGetTextDatum(COMMERCE_VERSION)},
								 NULL, false, 0);
}

/* Runs the migrations that are missing, as the shop's owner, and returns the resulting version. */
static int
migrate(void)
{
	OwnerScope scope;

	(void) DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum(SHOP_LOCK));
	require_ltree();
	commerce_enter_owner(&scope);
	migrating = true;
	PG_TRY();
	{
		for (size_t i = 0; i < lengthof(migrations); i++)
			if (migrations[i].version > installed_version())
				run_migration(&migrations[i]);
	}
	PG_FINALLY();
	{
		migrating = false;
	}
	PG_END_TRY();
	commerce_leave_owner(&scope);
	return LATEST_VERSION;
}

/* Says which shop currency is in force; sets it when the shop has none yet. */
static void
settle_currency(const char *currency)
{
	OwnerScope scope;
	char *settled;

	commerce_enter_owner(&scope);
	(void) SPI_execute_with_args("INSERT INTO commerce.shop (currency) VALUES ($1) ON CONFLICT DO NOTHING", 1,
								 (Oid[]){TEXTOID}, (Datum[]){CStringGetTextDatum(currency)}, NULL, false, 0);
	(void) SPI_execute("SELECT currency FROM commerce.shop", false, 1);
	settled = SPI_processed == 1 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
	if (settled != NULL && strcmp(settled, currency) != 0)
		ereport(NOTICE, (errmsg("this shop's currency is %s and stays so", settled)));
	commerce_leave_owner(&scope);
}

/* create_shop(currency) creates the shop's tables where they are missing and returns their version. */
Datum
commerce_create_shop(PG_FUNCTION_ARGS)
{
	char *currency = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int version;

	SPI_connect();
	version = migrate();
	settle_currency(currency);
	SPI_finish();
	PG_RETURN_INT32(version);
}

/* upgrade_shop() runs the migrations that a newer library brought and returns the resulting version. */
Datum
commerce_upgrade_shop(PG_FUNCTION_ARGS)
{
	int version;

	(void) fcinfo;
	SPI_connect();
	if (!shop_exists())
		ereport(ERROR, (errcode(ERRCODE_NOT_READY), errmsg("there is no shop to upgrade"),
						errhint("Run SELECT commerce.create_shop(currency => 'EUR').")));
	version = migrate();
	SPI_finish();
	PG_RETURN_INT32(version);
}

/* Returns the version of the SQL objects that CREATE or ALTER EXTENSION installed. Needs an SPI connection. */
static char *
sql_version(void)
{
	(void) SPI_execute("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'commerce'", true, 1);
	return SPI_processed == 1 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
}

/* Refuses with CM099 unless the shop, the SQL objects and this library fit each other. Needs an SPI connection. */
void
commerce_require_shop(void)
{
	static bool fits = false; /* once seen, true for the life of the backend: versions only change by reconnecting */
	char *version;
	int installed;

	if (migrating || (fits && shop_exists()))
		return;
	if (!shop_exists())
		ereport(ERROR, (errcode(ERRCODE_NOT_READY), errmsg("there is no shop in this database"),
						errhint("Run SELECT commerce.create_shop(currency => 'EUR').")));
	version = sql_version();
	if (version == NULL || strcmp(version, COMMERCE_VERSION) != 0)
		ereport(ERROR, (errcode(ERRCODE_NOT_READY),
						errmsg("commerce library %s does not fit SQL objects of version %s", COMMERCE_VERSION,
							   version ? version : "none"),
						errhint("Run ALTER EXTENSION commerce UPDATE, then reconnect.")));
	installed = installed_version();
	if (installed != LATEST_VERSION)
		ereport(ERROR, (errcode(ERRCODE_NOT_READY),
						errmsg("the shop's tables are of version %d, this library needs %d", installed, LATEST_VERSION),
						errhint("Run SELECT commerce.upgrade_shop().")));
	fits = true;
}

/* require_shop() is the same check for functions written in SQL. */
Datum
commerce_require_shop_sql(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	SPI_connect();
	commerce_require_shop();
	SPI_finish();
	PG_RETURN_VOID();
}
