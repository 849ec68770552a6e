/*
 * ready.c: three things have to fit before anything else makes sense: library, SQL objects, tables.
 */
#include "base/ready.h"

#include "base/errors.h"
#include "base/migrations.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/namespace.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_require_shop_sql);

bool commerce_migrating = false;

/* Returns whether the table that records migrations exists. */
bool
commerce_shop_exists(void)
{
	Oid schema = get_namespace_oid("commerce", true);

	return OidIsValid(schema) && OidIsValid(get_relname_relid("schema_version", schema));
}

/* Returns the highest migration that has run, 0 for none. */
int
commerce_installed_version(void)
{
	bool isnull;

	if (!commerce_shop_exists())
		return 0;
	if (SPI_execute("SELECT coalesce(max(version), 0) FROM commerce.schema_version", false, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read commerce.schema_version");
	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
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
	static bool fits =
		false; /* once seen, true for the life of the backend: versions only change by reconnecting */
	char *version;
	int installed;

	if (commerce_migrating || (fits && commerce_shop_exists()))
		return;
	if (!commerce_shop_exists())
		ereport(ERROR, (errcode(ERRCODE_NOT_READY), errmsg("there is no shop in this database"),
						errhint("Run SELECT commerce.create_shop(currency => 'EUR').")));
	version = sql_version();
	if (version == NULL || strcmp(version, COMMERCE_VERSION) != 0)
		ereport(ERROR, (errcode(ERRCODE_NOT_READY),
						errmsg("commerce library %s does not fit SQL objects of version %s", COMMERCE_VERSION,
							   version ? version : "none"),
						errhint("Run ALTER EXTENSION commerce UPDATE, then reconnect.")));
	installed = commerce_installed_version();
	if (installed != commerce_latest_migration())
		ereport(ERROR, (errcode(ERRCODE_NOT_READY),
						errmsg("the shop's tables are of version %d, this library needs %d", installed,
							   commerce_latest_migration()),
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
