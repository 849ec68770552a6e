/*
 * checkout_sql.c: buying, in one call and one transaction.
 *
 * The idempotency key is claimed first: a second client with the same key waits there until the first has finished, and
 * then gets its order. Budgets are claimed and stock is promised last, so that where their rows are locked that is for as
 * short a time as one transaction allows. Whatever fails takes everything with it, the key included.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/owner.h"
#include "base/plan.h"
#include "base/ready.h"
#include "base/uuid.h"
#include "inventory/stock.h"
#include "money/amount.h"
#include "order/checkout.h"
#include "order/quantities.h"
#include "order/store.h"
#include "budget/claims.h"
#include "pricing/quote.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

#define MAX_KEY_LENGTH 255

PG_FUNCTION_INFO_V1(commerce_checkout);

/* Keeps the customer from being erased while something is sold to him, and waits for who does it. */
static SavedPlan hold_customer = {
	.sql = "SELECT FROM commerce.customers WHERE id = $1 AND erased_at IS NULL FOR KEY SHARE",
	.args = "uuid"};

static SavedPlan claim_key = {.sql = "INSERT INTO commerce.idempotency_keys (key, request, order_id) VALUES "
									 "($1, $2, $3) ON CONFLICT DO NOTHING",
							  .args = "text; bytea; uuid"};

static SavedPlan read_key = {.sql = "SELECT order_id, request FROM commerce.idempotency_keys WHERE key = $1",
							 .args = "text"};

/*
 * Returns the SHA-256 of all that makes up the request but its key. Each argument is preceded by its length, so that no
 * two requests are one text; times and money count as numbers, whatever the session's way of printing them.
 */
static Datum
request_hash(FunctionCallInfo fcinfo)
{
	static const Oid types[ARG_IDEMPOTENCY_KEY] = {JSONBOID, TEXTARRAYOID, UUIDOID, TEXTOID,  TEXTOID,
												   JSONBOID, TEXTOID,      INT8OID, JSONBOID, INT8OID};
	StringInfoData text;

	initStringInfo(&text);
	for (int n = 0; n < ARG_IDEMPOTENCY_KEY; n++)
	{
		Oid output;
		bool varlena;
		char *value;

		if (PG_ARGISNULL(n))
		{
			appendStringInfoString(&text, "null\n");
			continue;
		}
		getTypeOutputInfo(types[n], &output, &varlena);
		value = OidOutputFunctionCall(output, PG_GETARG_DATUM(n));
		appendStringInfo(&text, "%zu:%s\n", strlen(value), value);
	}
	return DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text_with_len(text.data, text.len)));
}

/* Refuses a payment card number wherever one could come in; asked first, because other errors repeat what is unknown. */
static void
refuse_card_numbers(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int argument;
		const char *name;
		Oid type;
	} texts[] = {
		{ARG_LINES, "lines", JSONBOID},     {ARG_CODES, "codes", TEXTARRAYOID},
		{ARG_CHANNEL, "channel", TEXTOID},  {ARG_CURRENCY, "currency", TEXTOID},
		{ARG_SHIP_TO, "ship_to", JSONBOID}, {ARG_SHIPPING_METHOD, "shipping_method", TEXTOID},
		{ARG_OPTIONS, "options", JSONBOID},
	};

	for (size_t i = 0; i < lengthof(texts); i++)
		if (!PG_ARGISNULL(texts[i].argument))
			commerce_refuse_card_value(texts[i].name, PG_GETARG_DATUM(texts[i].argument), texts[i].type);
}

/*
 * Is somebody's destination part of the request? Then the hash of it must not be one that whoever has a dump, and all else
 * of the request in it, could try destinations against. Without a key no such order is made.
 */
static bool
is_private(FunctionCallInfo fcinfo)
{
	Jsonb *ship_to = PG_ARGISNULL(ARG_SHIP_TO) ? NULL : PG_GETARG_JSONB_P(ARG_SHIP_TO);

	return ship_to != NULL && JB_ROOT_IS_OBJECT(ship_to) && commerce_is_private(ship_to) &&
		   commerce_can_seal();
}

/* Does the stored hash stand for this request? */
static bool
is_same(Datum stored, Datum request, bool hidden)
{
	return DatumGetBool(DirectFunctionCall2(byteaeq, stored, request)) ||
		   (hidden && commerce_hides_digest(DatumGetByteaPP(stored), DatumGetByteaPP(request)));
}

/* Claims the key for a new order, or finds the order that the same request made before. */
bool
commerce_claim_key(const char *key, Datum request, bool hidden, pg_uuid_t *order)
{
	Datum name = CStringGetTextDatum(key);
	Datum stored;
	bool isnull;

	if (key[0] == '\0' || strlen(key) > MAX_KEY_LENGTH)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("an idempotency key has 1 to %d bytes", MAX_KEY_LENGTH)));
	commerce_refuse_card_number("idempotency_key", key);
	stored = hidden ? commerce_hide_digest(DatumGetByteaPP(request)) : request;
	if (commerce_run(&claim_key, PLAN_WRITES, (Datum[]){name, stored, UUIDPGetDatum(order)}, NULL) == 1)
		return true;
	if (commerce_run(&read_key, PLAN_LATEST, &name, NULL) == 1)
	{
		pg_uuid_t former = *DatumGetUUIDP(commerce_value(0, 1, &isnull));

		if (is_same(commerce_value(0, 2, &isnull), request, hidden))
		{
			*order = former;
			return false;
		}
		ereport(ERROR, (errcode(ERRCODE_IDEMPOTENCY_CONFLICT),
						errmsg("the idempotency key was used for another request"),
						errhint("Use a new key for a new request; repeat a request unchanged.")));
	}
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the idempotency key was deleted while it was waited for"), errhint("Try again.")));
}

/* Raises CM022 unless the total is what the caller expects. */
static void
check_expected_total(const Quote *quote, Amount expected)
{
	JsonWriter detail = JSON_WRITER_INIT;

	commerce_require_same_currency(commerce_amount_currency(expected), quote->currency);
	if (commerce_amount_minor(expected) == quote->total)
		return;
	commerce_json_object(&detail);
	commerce_json_key(&detail, "expected");
	commerce_json_money(&detail, commerce_amount_minor(expected), quote->currency);
	commerce_json_key(&detail, "actual");
	commerce_json_money(&detail, quote->total, quote->currency);
	commerce_json_end_object(&detail);
	ereport(ERROR, (errcode(ERRCODE_PRICE_CHANGED),
					errmsg("the total is %s, not %s",
						   commerce_amount_print(commerce_amount_make(quote->total, quote->currency)),
						   commerce_amount_print(expected)),
					commerce_errdetail(&detail), errhint("Show the customer the new quote().")));
}

/*
 * Only who sets prices may bring a price, the time of another one, or what discounts and taxes go by; everyone else
 * pays what the shop asks today for the goods as they are in its catalogue.
 */
static void
check_prices(const Quote *quote, const QuoteRequest *request)
{
	bool overrides = request->priced_at || request->tax_level != NULL || request->prices_include_tax >= 0 ||
					 request->keep != NULL || request->vat_country != NULL || request->cash_increment != 0 ||
					 commerce_request_sets_discounts(request);

	for (int i = 0; i < quote->line_count && !overrides; i++)
		overrides = quote->lines[i].priced_by_caller || quote->lines[i].described_by_caller;
	if (overrides && !commerce_caller_is_member(get_role_oid("commerce_admin", false)))
		ereport(ERROR,
				(errcode(ERRCODE_NOT_PERMITTED),
				 errmsg("only members of commerce_admin may bring prices, discounts, facts of the catalogue, "
						"options of pricing or another time to a checkout"),
				 commerce_errfacts("role", "commerce_admin", NULL),
				 errhint("Leave them out; quote() prices with them.")));
}

/* Returns a text among the options, or NULL: "holder", whose holds give way to this order, and "strategy". */
static char *
text_option(FunctionCallInfo fcinfo, const char *name)
{
	return PG_ARGISNULL(ARG_OPTIONS) ? NULL
									 : commerce_json_get_string(&PG_GETARG_JSONB_P(ARG_OPTIONS)->root, name);
}

/* Tells whether a code was entered for a promotion that gives nothing because of its limits. */
static bool
is_used_up(const Finding *finding)
{
	return finding->entered && !finding->applied && finding->limited;
}

/*
 * Claims what the promotions that applied take of their budgets and codes. Where a code was entered whose promotion has
 * nothing left to give, claiming it is refused for that reason, and so is the order; a promotion that applies by itself
 * and has nothing left is simply not part of it.
 */
static void
claim_budgets(const Quote *quote, const QuoteRequest *request, const pg_uuid_t *order)
{
	BudgetUse *uses = palloc_extended(sizeof(BudgetUse) * Max(quote->finding_count, 1), MCXT_ALLOC_HUGE);
	const Finding *used_up = NULL;
	int count = 0;

	for (int i = 0; i < quote->finding_count; i++)
	{
		const Finding *finding = &quote->findings[i];

		if (is_used_up(finding))
			used_up = finding;
		if (is_used_up(finding) || (finding->applied && !finding->manual))
			uses[count++] = (BudgetUse){finding->promotion, finding->entered,
										finding->over_budget ? AMOUNT_MAX_MINOR : finding->minor};
	}
	commerce_claim_budgets(order, uses, count, request->customer, quote->currency);
	if (used_up)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("what is left of code \"%s\" has changed meanwhile", used_up->entered),
						errhint("Try again.")));
}

/* Promises the stock of all lines that have stock to the order. */
static void
promise_stock(const Quote *quote, const pg_uuid_t *order, Jsonb *lines, const char *holder,
			  const char *strategy)
{
	StockNeed *needs = palloc_extended(sizeof(StockNeed) * quote->line_count, MCXT_ALLOC_HUGE);
	StockClaim claim = {.holder = holder,
						.order = order,
						.strategy = commerce_stock_strategy(strategy),
						.replace = holder != NULL};
	JsonbContainer **objects;
	int count = 0;
	int made;
	int asked = commerce_json_objects(lines, "lines", &objects);

	for (int i = 0; i < quote->line_count; i++)
		if (quote->lines[i].track_stock)
			needs[count++] = (StockNeed){
				.sku = quote->lines[i].sku,
				/* Gifts come after what was asked for. */
				.location = i < asked ? commerce_json_get_string(objects[i], "location") : NULL,
				.quantity = quote->lines[i].quantity,
				.line = i + 1,
			};
	if (count > 0)
		(void) commerce_stock_promise(needs, count, &claim, true, &made);
}

/* Holds the customer, where there is one: what is stored now is there for an erasure, or comes after it and is refused. */
static void
hold(const pg_uuid_t *customer)
{
	if (customer == NULL ||
		commerce_run(&hold_customer, PLAN_WRITES, (Datum[]){UUIDPGetDatum(customer)}, NULL) == 1)
		return;
	ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND),
					errmsg("there is no customer %s",
						   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(customer))))));
}

/* Buys: prices, stores, claims, promises. */
void
commerce_place(FunctionCallInfo fcinfo, const pg_uuid_t *order, const CartOrigin *cart)
{
	QuoteRequest request;
	Quote *quote;

	refuse_card_numbers(fcinfo);
	commerce_quote_request(fcinfo, ARG_LINES, &request);
	quote = commerce_quote(&request);
	if (cart == NULL)
		check_prices(quote, &request);
	/* What staff has written, and what was sold elsewhere, is in the quantity that it is. */
	if (cart ? !cart->by_staff : !request.priced_at)
		commerce_require_quantities(quote);
	if (!PG_ARGISNULL(ARG_EXPECTED_TOTAL))
		check_expected_total(quote, PG_GETARG_AMOUNT(ARG_EXPECTED_TOTAL));
	hold(request.customer);
	commerce_store_order(order, &request, quote,
						 PG_ARGISNULL(ARG_SHIP_TO) ? NULL : PG_GETARG_JSONB_P(ARG_SHIP_TO), cart);
	claim_budgets(quote, &request, order);
	promise_stock(quote, order, request.lines, text_option(fcinfo, "holder"),
				  text_option(fcinfo, "strategy"));
}

/* checkout(lines, codes, customer, channel, currency, ship_to, shipping_method, at, options, expected_total,
 * idempotency_key) */
Datum
commerce_checkout(PG_FUNCTION_ARGS)
{
	pg_uuid_t *order = commerce_uuidv7();
	Datum result;

	SPI_connect();
	commerce_require_shop();
	if (PG_ARGISNULL(ARG_IDEMPOTENCY_KEY) ||
		commerce_claim_key(text_to_cstring(PG_GETARG_TEXT_PP(ARG_IDEMPOTENCY_KEY)), request_hash(fcinfo),
						   is_private(fcinfo), order))
		commerce_place(fcinfo, order, NULL);
	result = SPI_datumTransfer(UUIDPGetDatum(order), false, UUID_LEN);
	SPI_finish();
	return result;
}
