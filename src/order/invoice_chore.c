/*
 * invoice_chore.c: issuing invoices in the background, batch by batch.
 *
 * What there is to issue stands in commerce.invoice_queue, and how is told in sql/order/090_invoices.sql. A row comes by
 * triggers, which send for the worker; one that came by a restore waits for the launcher's round.
 */
#include "order/invoice_chore.h"

#include "base/chores.h"

static SavedPlan issue_batch = {.sql = "SELECT commerce.invoice_chore()"};

/* Issues one batch. */
static TimestampTz
issue(void)
{
	return commerce_chore_ask(&issue_batch);
}

static const CommerceChore issuing_invoices = {.name = "issuing invoices", .run = issue};

/* Registers the chore. */
void
commerce_invoices_init(void)
{
	commerce_register_chore(&issuing_invoices);
}
