/*
 * commerce.c: where the server meets the extension. One call per room that has something to register.
 */
#include "base/pg.h"

#include "base/settings.h"
#include "base/ready.h"
#include "inventory/kits.h"
#include "order/machine.h"
#include "pricing/promotions.h"

COMMERCE_MODULE_MAGIC("commerce", COMMERCE_VERSION);

void _PG_init(void);

/* Registers settings; runs once per backend, or once in the postmaster when preloaded. */
void
_PG_init(void)
{
	commerce_settings_init();
	commerce_kits_init();
	commerce_promotions_init();
	commerce_machines_init();
}
