/*
 * settings.c: definitions of the commerce.* settings.
 */
#include "base/pg.h"

#include "base/settings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/guc.h"
#pragma GCC diagnostic pop

int commerce_reservation_ttl = 15 * 60;
int commerce_max_counters = 65536;
char *commerce_key_file = NULL;
char *commerce_key_command = NULL;
int commerce_key_cache_ttl = 15 * 60;
bool commerce_audit_reveals = true;
bool commerce_audit_changes = true;
bool commerce_require_locked_memory = false;
char *commerce_phone_country = NULL;
int commerce_workers = 1;
int commerce_password_hashes = 4;
int commerce_senders = 4;
char *commerce_allow_private_endpoints = NULL;
char *commerce_ca_file = NULL;

/* Takes two letters, or nothing, for a country; which countries there are is known above this room. */
static bool
check_country(char **value, void **extra, GucSource source)
{
	const char *country = *value;

	(void) extra;
	(void) source;
	return country == NULL || country[0] == '\0' ||
		   (strlen(country) == 2 && strspn(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2);
}

/* Defines the settings; called once, from _PG_init. */
void
commerce_settings_init(void)
{
	DefineCustomIntVariable(
		"commerce.reservation_ttl", "How long reserve() holds stock when no ttl is given.", NULL,
		&commerce_reservation_ttl, 15 * 60, 1, 365 * 24 * 60 * 60, PGC_USERSET, GUC_UNIT_S, NULL, NULL, NULL);
	/* Without preloading there is no shared memory to size; what a configuration file says is then accepted and moot. */
	DefineCustomIntVariable(
		"commerce.max_counters",
		"How many levels of stock and shares of budgets are counted in shared memory at a time.",
		"Each takes about 200 bytes. Those not in use make room for others; where all are in use, rows are "
		"locked.",
		&commerce_max_counters, 65536, 128, 16 * 1024 * 1024,
		process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"commerce.key_file",
		"File with the key-encryption keys of sealed fields: one \"epoch hex-key\" per line.",
		"It must belong to the server's user or root and be readable by nobody else.", &commerce_key_file, "",
		PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"commerce.key_command",
		"Shell command that writes the key-encryption keys of sealed fields, instead of commerce.key_file.",
		"Each backend runs it as the server's user when it first needs a key, for ten seconds at most.",
		&commerce_key_command, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomIntVariable("commerce.key_cache_ttl", "How long a backend keeps keys in memory.",
							"Then they are wiped, as soon as no transaction uses them, and read again when "
							"next needed.",
							&commerce_key_cache_ttl, 15 * 60, 1, 24 * 60 * 60, PGC_SIGHUP, GUC_UNIT_S, NULL,
							NULL, NULL);
	DefineCustomBoolVariable(
		"commerce.audit_changes",
		"Write into the audit log what changes in audited tables, and which orders are placed.",
		"Off for bringing many rows along, whose origin is known otherwise. What reveals, "
		"logins, erasures and the application write is written all the same.",
		&commerce_audit_changes, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("commerce.audit_reveals",
							 "Write into the audit log whose values were revealed, to whom and what for.",
							 "An entry stays though its transaction be rolled back. A standby, which can "
							 "write none, reveals nothing while this is on.",
							 &commerce_audit_reveals, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("commerce.require_locked_memory",
							 "Do without keys where the memory they are in cannot be kept out of swap.",
							 "Off, a backend that cannot lock it says so in the server's log and goes on.",
							 &commerce_require_locked_memory, false, PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL,
							 NULL, NULL);
	DefineCustomStringVariable(
		"commerce.phone_country", "Country of telephone numbers written without one, for blind indexes.",
		"Two capital letters of ISO 3166-1. Set it before the first number is stored: blind values of "
		"national numbers depend on it.",
		&commerce_phone_country, "", PGC_SIGHUP, 0, check_country, NULL, NULL);
	DefineCustomIntVariable(
		"commerce.workers", "How many background workers may run at a time, 0 for none.",
		"They end overdue holds, take expired lots off sale and tell of stock that runs low or is "
		"back. They run only where commerce is in shared_preload_libraries.",
		&commerce_workers, 1, 0, COMMERCE_MAX_WORKERS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"commerce.password_hashes", "How many passwords are hashed at a time in the whole server.",
		"Each takes 19 MiB of memory and a core for some 20 ms. 16 times as many wait, others are refused.",
		&commerce_password_hashes, 4, 1, 64, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"commerce.senders",
		"In how many databases at a time a background worker may stay to send events, 0 for none.",
		"One is there only where commerce.workers is not 0, and only while a shop has endpoints and "
		"something to send to them.",
		&commerce_senders, 4, 0, COMMERCE_MAX_SENDERS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"commerce.allow_private_endpoints",
		"Networks that events may be sent to though they are not of the open internet.",
		"Addresses and networks divided by commas, as \"10.1.0.0/16, fd00::5\". To an address that is "
		"listed, "
		"http will do.",
		&commerce_allow_private_endpoints, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("commerce.ca_file",
							   "File with the certificate authorities that endpoints are trusted by.",
							   "In PEM. Empty for those that the system trusts.", &commerce_ca_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	MarkGUCPrefixReserved("commerce");
}
