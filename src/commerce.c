/*
 * commerce.c: where the server meets the extension. One call per room that has something to register.
 */
#include "base/pg.h"

#include "audit/audit.h"
#include "balance/balance.h"
#include "base/due.h"
#include "base/launcher.h"
#include "base/ready.h"
#include "base/resident.h"
#include "base/settings.h"
#include "escrow/escrow.h"
#include "inventory/directory.h"
#include "inventory/kits.h"
#include "inventory/reservations.h"
#include "inventory/stock_chores.h"
#include "inventory/sweep.h"
#include "order/cart_chores.h"
#include "order/order_chores.h"
#include "order/invoice_chore.h"
#include "order/history.h"
#include "order/machine.h"
#include "order/order_tables.h"
#include "order/provider_calls.h"
#include "outbox/outbox.h"
#include "order/quantities.h"
#include "order/quote_chores.h"
#include "order/return_chores.h"
#include "budget/claims.h"
#include "outbox/deliveries.h"
#include "outbox/sender.h"
#include "privacy/retention_chore.h"
#include "pricing/promotions.h"
#include "privacy/login.h"
#include "privacy/audit_signer.h"
#include "privacy/key_chores.h"
#include "privacy/keyring.h"

COMMERCE_MODULE_MAGIC("commerce", COMMERCE_VERSION);

void _PG_init(void);

/* Registers settings; runs once per backend, or once in the postmaster when preloaded. */
void
_PG_init(void)
{
	commerce_settings_init();
	commerce_escrow_init();
	commerce_directory_init();
	commerce_reservations_init();
	commerce_due_init();
	commerce_resident_init();
	commerce_launcher_init();
	commerce_sweep_init();
	commerce_stock_chores_init();
	commerce_invoices_init();
	commerce_kits_init();
	commerce_promotions_init();
	commerce_claims_init();
	commerce_balance_init();
	commerce_machines_init();
	commerce_cart_chores_init();
	commerce_quote_chores_init();
	commerce_return_chores_init();
	commerce_quantities_init();
	commerce_order_chores_init();
	commerce_history_init();
	commerce_order_tables_init();
	commerce_outbox_init();
	commerce_audit_init();
	commerce_login_init();
	commerce_retention_init();
	commerce_keyring_init();
	commerce_audit_signer_init();
	commerce_key_chores_init();
	commerce_provider_calls_init();
	commerce_deliveries_init();
	commerce_sender_init();
}
