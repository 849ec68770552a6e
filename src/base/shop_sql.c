/*
 * shop_sql.c: creating the shop's tables.
 *
 * The tables belong to the user, not to the extension: they are made by a function, never by the extension's script, and
 * so are dumped whole and altered freely, and DROP EXTENSION refuses while they are there. Each numbered migration of
 * sql/shop is compiled into the library and runs once; commerce.schema_version remembers which.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/migrations.h"
#include "base/owner.h"
#include "base/ready.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "commands/extension.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* The advisory lock that keeps two sessions from creating one shop: "shop" in ASCII. */
#define SHOP_LOCK INT64CONST(0x73686f70)

PG_FUNCTION_INFO_V1(commerce_create_shop);
PG_FUNCTION_INFO_V1(commerce_upgrade_shop);

/* Runs one statement that is known at compile time, or a migration; errors are the statement's own. */
static void
execute(const char *sql)
{
	int code = SPI_execute(sql, false, 0);

	if (code < 0)
		elog(ERROR, "could not execute a migration: %s", SPI_result_code_string(code));
}

/* Returns the first column of the first row of the last result. */
static Datum
first_value(bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
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

	if (SPI_execute(
			"SELECT extnamespace::regnamespace::text FROM pg_catalog.pg_extension WHERE extname = 'ltree'",
			false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "extension ltree is gone");
	schema = DatumGetTextPP(first_value(&isnull));
	replaced =
		DatumGetTextPP(DirectFunctionCall3Coll(replace_text, C_COLLATION_OID, CStringGetTextDatum(sql),
											   CStringGetTextDatum("@ltree@"), PointerGetDatum(schema)));
	return text_to_cstring(replaced);
}

/* Runs one migration and remembers it. */
static void
run_migration(const Migration *migration)
{
	execute(with_ltree_schema(migration->sql));
	(void) SPI_execute_with_args(
		"INSERT INTO commerce.schema_version (version, name, library) VALUES ($1, $2, $3)", 3,
		(Oid[]){INT4OID, TEXTOID, TEXTOID},
		(Datum[]){Int32GetDatum(migration->version), CStringGetTextDatum(migration->name),
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
	commerce_migrating = true;
	PG_TRY();
	{
		const Migration *migration;

		for (int n = 0; (migration = commerce_migration(n)) != NULL; n++)
			if (migration->version > commerce_installed_version())
				run_migration(migration);
	}
	PG_FINALLY();
	{
		commerce_migrating = false;
	}
	PG_END_TRY();
	commerce_leave_owner(&scope);
	return commerce_latest_migration();
}

/* Refuses what is no currency; the money room, which knows them, lies above this one and is asked through SQL. */
static void
require_currency(const char *currency)
{
	bool isnull = true;

	if (SPI_execute_with_args("SELECT commerce.minor_digits($1)", 1, (Oid[]){TEXTOID},
							  (Datum[]){CStringGetTextDatum(currency)}, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
		(void) first_value(&isnull);
	if (isnull)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown currency \"%s\"", currency),
						errhint("Use three capital letters of ISO 4217; commerce.currencies() lists them.")));
}

/* Says which shop currency is in force; sets it when the shop has none yet. */
static void
settle_currency(const char *currency)
{
	OwnerScope scope;
	char *settled;

	commerce_enter_owner(&scope);
	require_currency(currency);
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
	if (!commerce_shop_exists())
		ereport(ERROR, (errcode(ERRCODE_NOT_READY), errmsg("there is no shop to upgrade"),
						errhint("Run SELECT commerce.create_shop(currency => 'EUR').")));
	version = migrate();
	SPI_finish();
	PG_RETURN_INT32(version);
}
