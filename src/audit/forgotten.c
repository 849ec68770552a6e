/*
 * forgotten.c: the columns that erase_customer() and erase_guest() empty, because people wrote in them about others.
 *
 * Whoever has changes of such a table audited wants to know that and when something was written, and by whom. What it was
 * would stay in the log for good, the erasure itself would be what writes it there, and an entry about a change is never
 * redacted.
 */
#include "audit/forgotten.h"

#include <stddef.h>
#include <string.h>

/* In the order of tables. */
static const ForgottenColumn forgotten[] = {
	{"balance_entries", "reason"},
	{"carts", "attributes"},
	{"carts", "options"},
	{"carts", "ship_to"},
	{"claims", "key"},
	{"customers", "attributes"},
	{"fulfilments", "carrier"},
	{"fulfilments", "tracking"},
	{"fulfilments", "tracking_url"},
	{"order_discounts", "reason"},
	{"order_edits", "changes"},
	{"order_edits", "reason"},
	{"order_holds", "reason"},
	{"order_versions", "document"},
	{"order_versions", "reason"},
	{"outbox", "payload"},
	{"provider_calls", "arguments"},
	{"provider_calls", "body"},
	{"provider_calls", "error"},
	{"provider_calls", "headers"},
	{"provider_calls", "path"},
	{"provider_calls", "response"},
	{"provider_payments", "action_url"},
	{"quote_versions", "message"},
	{"quotes", "options"},
	{"quotes", "reason"},
	{"quotes", "ship_to"},
	{"return_receptions", "note"},
	{"returns", "reason"},
	{"state_history", "detail"},
	{"store_credits", "reason"},
	{NULL, NULL},
};

/* Finds the columns of a table. */
const ForgottenColumn *
commerce_forgotten_of(const char *table)
{
	for (const ForgottenColumn *f = forgotten; f->table != NULL; f++)
		if (strcmp(f->table, table) == 0)
			return f;
	return NULL;
}

/* Looks for a column among them. */
bool
commerce_is_forgotten(const ForgottenColumn *first, const char *column)
{
	if (first == NULL)
		return false;
	for (const ForgottenColumn *f = first; f->table != NULL && strcmp(f->table, first->table) == 0; f++)
		if (strcmp(f->column, column) == 0)
			return true;
	return false;
}
