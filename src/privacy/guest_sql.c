/*
 * guest_sql.c: finding guests' orders by an e-mail address. In C, so that the address never is a parameter of a statement,
 * where an extension that logs parameters would see it.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "base/ready.h"
#include "privacy/blind.h"
#include "privacy/convert.h"

PG_FUNCTION_INFO_V1(commerce_find_guests);

static SavedPlan find_by_email = {
	.sql = "SELECT ARRAY(SELECT g.order_id FROM commerce.guests g WHERE g.email_blind = ANY ($1) ORDER BY 1)",
	.args = "bytea[]"};

/* find_guests(email) returns the orders whose destination named this address, in any spelling. */
Datum
commerce_find_guests(PG_FUNCTION_ARGS)
{
	char *email = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	BlindRule rule = commerce_blind_rule("email");
	Datum blinds, found;
	bool complete, isnull;
	int count;

	SPI_connect();
	commerce_require_shop();
	blinds = commerce_blinds_to_find(email, &rule, &count, &complete);
	(void) commerce_run(&find_by_email, PLAN_READS, &blinds, NULL);
	found = SPI_datumTransfer(commerce_value(0, 1, &isnull), false, -1);
	/* Who asks to be forgotten must not be told that he is, where some could not be looked for. */
	if (!complete)
		commerce_refuse_incomplete_search();
	SPI_finish();
	return found;
}
