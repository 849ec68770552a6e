/*
 * audit.c: what the room registers when the library is loaded.
 */
#include "audit/audit.h"

#include "audit/audit_log.h"
#include "audit/seal_audit.h"

/* Begins to watch the table of entries and registers the chore. */
void
commerce_audit_init(void)
{
	commerce_audit_log_init();
	commerce_seal_audit_init();
}
