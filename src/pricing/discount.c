/*
 * discount.c: promotions on a priced cart: what the shop says of it becomes a request to the room promotion, and its
 * answer discounts on lines.
 */
#include "pricing/evaluation.h"

#include "base/plan.h"
#include "money/amount.h"
#include "budget/claims.h"
#include "pricing/promotions.h"
#include "rule/cart_json.h"
#include "rule/rule_sql.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_is_time_zone);

static SavedPlan count_orders = {
	.sql = "SELECT count(*) FROM commerce.orders WHERE customer_id = $1 AND placed_at IS NOT NULL"
		   " AND state NOT IN ('cancelled', 'expired')",
	.args = "uuid"};

/* The times of a quote in the zones that its promotions go by. */
typedef struct Clocks
{
	TimestampTz at;
	const char *zones[8];
	RuleClock clocks[8];
	int count;
} Clocks;

/* Reads a time off the clocks of a zone; false for one that is on none. */
static bool
read_clock(TimestampTz at, const char *zone, RuleClock *clock)
{
	Datum local = DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(zone), TimestampTzGetDatum(at));

	return commerce_rule_clock(DatumGetTimestamp(local), clock);
}

/* Returns the time of the quote in a zone; each zone is asked once, as far as there is room. */
static const RuleClock *
clock_in(void *context, const char *zone)
{
	Clocks *clocks = context;
	int i = 0;

	while (i < clocks->count && strcmp(clocks->zones[i], zone) != 0)
		i++;
	if (i == clocks->count)
	{
		if (i == lengthof(clocks->zones))
			i--;
		clocks->zones[i] = zone;
		clocks->count = i;
		if (!read_clock(clocks->at, zone, &clocks->clocks[i]))
			return NULL;
		clocks->count = i + 1;
	}
	return &clocks->clocks[i];
}

/* is_time_zone(text): does the server know a time zone of this name? */
Datum
commerce_is_time_zone(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_BOOL(pg_tzset(name) != NULL);
}

/* Compares the attributes of two lines, so that lines that differ in nothing else have an order of their own. */
static int
compare_attributes(const void *first, const void *second)
{
	return compareJsonbContainers((JsonbContainer *) first, (JsonbContainer *) second);
}

/* Describes a line beside what the rules see of it. */
static PromotionLine
promotion_line(const QuoteLine *line)
{
	return (PromotionLine){.per_quantity = line->per_quantity,
						   .floor = line->floor,
						   .discount = line->discount,
						   .discountable = line->discountable};
}

/* Describes the lines. */
static PromotionLine *
promotion_lines(const Quote *quote)
{
	PromotionLine *lines =
		palloc_extended(sizeof(PromotionLine) * Max(quote->line_count, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < quote->line_count; i++)
		lines[i] = promotion_line(&quote->lines[i]);
	return lines;
}

/* Lists what may apply: what the index finds, or every promotion that runs, where all of them are asked for. */
static int
list_candidates(const QuoteRequest *request, const PromotionSet *set, const RuleCart *cart,
				const OpenedCode *opened, int *candidates, const RuleMemory *memory,
				const CandidateLines **lines)
{
	int count = 0;

	if (set->index && !request->explain)
	{
		int *places = palloc(sizeof(int) * Max(request->code_count, 1));

		for (int i = 0; i < request->code_count; i++)
			places[i] = opened[i].promotion;
		return commerce_find_candidates(set->index, cart, request->at, places, request->code_count,
										candidates, memory, lines);
	}
	for (int i = 0; i < set->count; i++)
		if (set->promotions[i].active && request->at >= set->promotions[i].begins &&
			request->at < set->promotions[i].ends)
			candidates[count++] = i;
	return count;
}

/* Finds which candidate a promotion is; candidates are in the order of their places. */
static int
candidate_of(const PromotionRequest *promotions, int place)
{
	int low = 0;
	int high = promotions->candidate_count - 1;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (promotions->candidates[middle] < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Marks the candidates that codes have opened, and notes what became of each code. */
static void
mark_opened(const QuoteRequest *request, Quote *quote, PromotionRequest *promotions, const OpenedCode *opened,
			int first_finding)
{
	bool *marks = palloc0(sizeof(bool) * Max(promotions->candidate_count, 1));

	quote->codes = palloc(sizeof(QuoteCode) * Max(request->code_count, 1));
	for (int i = 0; i < request->code_count; i++)
	{
		int candidate = candidate_of(promotions, opened[i].promotion);

		marks[candidate] = true;
		quote->codes[quote->code_count++] = (QuoteCode){opened[i].code, first_finding + candidate};
	}
	promotions->opened = marks;
}

/* Returns the first code that opened a candidate; NULL where none did. */
static const char *
code_of(const Quote *quote, int finding)
{
	for (int i = 0; i < quote->code_count; i++)
		if (quote->codes[i].finding == finding)
			return quote->codes[i].code;
	return NULL;
}

/* Asks the shop's budgets how much each candidate may still give; NULL where nothing is limited. */
static PromotionPurse *
read_purses(const QuoteRequest *request, const Quote *quote, const PromotionRequest *promotions, int first)
{
	int count = promotions->candidate_count;
	BudgetUse *uses = palloc_extended(sizeof(BudgetUse) * Max(count, 1), MCXT_ALLOC_HUGE);
	int *limited = palloc_extended(sizeof(int) * Max(count, 1), MCXT_ALLOC_HUGE);
	int limited_count = 0;
	BudgetLeft *left;
	PromotionPurse *purses;

	for (int i = 0; i < count; i++)
	{
		BudgetUse use = {.code = code_of(quote, first + i)};

		memcpy(use.promotion.data, promotions->promotions[promotions->candidates[i]].id, UUID_LEN);
		if (use.code == NULL && !commerce_has_budgets(&use.promotion))
			continue;
		uses[limited_count] = use;
		limited[limited_count++] = i;
	}
	if (limited_count == 0)
		return NULL;
	left = palloc(sizeof(BudgetLeft) * limited_count);
	commerce_budgets_left(uses, limited_count, request->customer, quote->currency, left);
	purses = palloc_extended(sizeof(PromotionPurse) * count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		purses[i] = (PromotionPurse){PG_INT64_MAX, PG_INT64_MAX, PG_INT64_MAX, false, false};
	for (int i = 0; i < limited_count; i++)
		purses[limited[i]] = (PromotionPurse){left[i].uses, left[i].spend, left[i].refused_beyond,
											  left[i].missing_key != NULL, left[i].other_currency};
	return purses;
}

/* Says how much each candidate may still give. */
static void
fill_purses(const QuoteRequest *request, const Quote *quote, const PromotionSet *set,
			PromotionRequest *promotions, int first)
{
	PromotionPurse *purses;

	if (!set->given)
	{
		promotions->purses = read_purses(request, quote, promotions, first);
		return;
	}
	purses = palloc(sizeof(PromotionPurse) * Max(promotions->candidate_count, 1));
	for (int i = 0; i < promotions->candidate_count; i++)
		purses[i] = set->purses[promotions->candidates[i]];
	promotions->purses = purses;
}

/* Finds the prices of the catalogue, by line. */
static void
find_catalog_prices(const Quote *quote, const PromotionRequest *promotions, PromotionFinding *findings,
					CatalogPrice *prices)
{
	for (int i = 0; i < quote->line_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		prices[i].cut_count = 0;
		if (!quote->lines[i].priced_by_caller || promotions->lines[i].discountable)
			commerce_catalog_price(promotions, i, quote->options.catalog_best, quote->options.catalog_by_line,
								   findings, &prices[i]);
	}
}

/* Sets the prices of the catalogue, which all that follows goes by. */
static void
set_catalog_prices(Quote *quote, const PromotionRequest *promotions, RuleLine *facts,
				   PromotionFinding *findings)
{
	CatalogPrice *prices;

	if (commerce_catalog_begin(promotions, findings) == 0)
		return;
	prices = palloc_extended(sizeof(CatalogPrice) * Max(quote->line_count, 1), MCXT_ALLOC_HUGE);
	do
		find_catalog_prices(quote, promotions, findings, prices);
	while (commerce_catalog_rule_out(promotions, findings));
	for (int i = 0; i < quote->line_count; i++)
	{
		QuoteLine *line = &quote->lines[i];

		if (prices[i].cut_count == 0)
			continue;
		line->list_price = line->unit_price;
		line->unit_price = prices[i].unit_price;
		line->per_quantity = prices[i].per_quantity;
		line->subtotal = prices[i].subtotal;
		line->floor = Min(line->floor, line->subtotal);
		line->on_sale = true;
		facts[i].unit_price = line->unit_price;
		facts[i].subtotal = line->subtotal;
		facts[i].on_sale = true;
	}
}

/* Copies what the room found out about each candidate. */
static void
copy_findings(Quote *quote, const PromotionRequest *promotions, const PromotionFinding *findings, int first,
			  bool given)
{
	for (int i = 0; i < promotions->candidate_count; i++)
	{
		const Promotion *promotion = &promotions->promotions[promotions->candidates[i]];
		Finding *finding = &quote->findings[first + i];

		*finding = (Finding){.name = promotion->name,
							 .entered = given ? NULL : code_of(quote, first + i),
							 .catalog = promotion->class == CLASS_CATALOG,
							 .applied = findings[i].verdict == PROMOTION_APPLIED,
							 .limited = findings[i].verdict == PROMOTION_LIMIT_REACHED ||
										findings[i].verdict == PROMOTION_BUDGET_EXHAUSTED ||
										findings[i].verdict == PROMOTION_NEEDS_CUSTOMER,
							 .over_budget = findings[i].verdict == PROMOTION_BUDGET_EXHAUSTED,
							 .minor = findings[i].minor,
							 .code = commerce_verdict_code(findings[i].verdict),
							 .reason = commerce_verdict_reason(findings[i].verdict)};
		memcpy(finding->promotion.data, promotion->id, UUID_LEN);
	}
}

/* Returns how many orders the customer has placed and not cancelled. */
static int64
orders_before(const QuoteRequest *request)
{
	Datum customer = UUIDPGetDatum(request->customer);
	bool isnull;

	if (request->customer == NULL)
		return 0;
	(void) commerce_run(&count_orders, PLAN_READS, &customer, NULL);
	return DatumGetInt64(commerce_value(0, 1, &isnull));
}

/* A request to the room promotion, and what it points to. */
typedef struct Evaluation
{
	PromotionRequest promotions;
	RuleMemory memory;
	Clocks clocks;
	PromotionLine shipping;
	RuleLine *facts;
	RuleCart *cart;
} Evaluation;

/* Begins an evaluation: what is left open is which promotions are candidates. */
static void
begin(Evaluation *evaluation, const QuoteRequest *request, const Quote *quote, const PromotionSet *set)
{
	evaluation->memory = commerce_rule_memory(CurrentMemoryContext);
	evaluation->clocks = (Clocks){.at = request->at};
	evaluation->shipping = promotion_line(&quote->shipping);
	evaluation->facts = commerce_rule_lines(quote);
	evaluation->cart = commerce_rule_cart(request, quote, evaluation->facts);
	evaluation->promotions =
		(PromotionRequest){.promotions = set->promotions,
						   .cart = evaluation->cart,
						   .shipping = quote->shipping_method ? &evaluation->shipping : NULL,
						   .rounding = quote->options.rounding,
						   .remainder = quote->options.remainder,
						   .percent_of_original = quote->options.percent_of_original,
						   .dearest_pool = quote->options.dearest_pool,
						   .partial_get = quote->options.partial_get,
						   .budget_rest = quote->options.budget_rest,
						   .priority_first = quote->options.priority_first,
						   .clock = clock_in,
						   .context = &evaluation->clocks,
						   .compare_attributes = compare_attributes,
						   .breathe = commerce_rule_breathe,
						   .memory = &evaluation->memory};
}

/* Sets the prices of the catalogue, takes off what is taken off by hand, and then asks what promotions take. */
static void
evaluate(Evaluation *evaluation, const QuoteRequest *request, Quote *quote, PromotionOutcome *outcome)
{
	PromotionRequest *promotions = &evaluation->promotions;
	int64 orders = evaluation->cart->customer_orders;

	outcome->findings = palloc0(sizeof(PromotionFinding) * Max(promotions->candidate_count, 1));
	promotions->lines = promotion_lines(quote);
	set_catalog_prices(quote, promotions, evaluation->facts, outcome->findings);
	evaluation->cart = commerce_rule_cart(request, quote, evaluation->facts);
	evaluation->cart->customer_orders = orders;
	promotions->cart = evaluation->cart;
	commerce_take_line_manual(quote);
	promotions->lines = promotion_lines(quote);
	commerce_promote(promotions, outcome);
}

/* Applies all promotions that run at the time of the quote. */
void
commerce_apply_promotions(const QuoteRequest *request, Quote *quote)
{
	const PromotionSet *set = request->promotions
								  ? commerce_given_promotions(request->promotions, quote->currency)
								  : commerce_promotions();
	OpenedCode *opened = commerce_open_codes(set, request->codes, request->code_count, request->at);
	int *candidates = palloc_extended(sizeof(int) * Max(set->count, 1), MCXT_ALLOC_HUGE);
	PromotionOutcome outcome = {0};
	Evaluation evaluation;
	PromotionRequest *promotions = &evaluation.promotions;
	int first;

	begin(&evaluation, request, quote, set);
	if (set->asks_orders)
		evaluation.cart->customer_orders = orders_before(request);
	promotions->candidates = candidates;
	promotions->candidate_count = list_candidates(request, set, evaluation.cart, opened, candidates,
												  &evaluation.memory, &promotions->candidate_lines);
	first = commerce_add_findings(quote, promotions->candidate_count);
	mark_opened(request, quote, promotions, opened, first);
	fill_purses(request, quote, set, promotions, first);
	evaluate(&evaluation, request, quote, &outcome);
	copy_findings(quote, promotions, outcome.findings, first, set->given);
	for (int i = 0; i < outcome.take_count; i++)
	{
		const PromotionTake *take = &outcome.takes[i];

		commerce_take_off_line(take->line == quote->line_count ? &quote->shipping : &quote->lines[take->line],
							   first + take->finding, take->minor);
	}
	quote->bounded = outcome.bounded;
	commerce_take_order_manual(request, quote);
	commerce_add_gifts(request, quote, &outcome, promotions->purses, first);
}

/* Tries a promotion, whether it runs or not, as if its code had been entered. */
void
commerce_try_promotion(const QuoteRequest *request, Quote *quote, const PromotionSet *set, int64 orders,
					   PromotionOutcome *outcome)
{
	static const int candidate = 0;
	static const bool opened = true;
	Evaluation evaluation;

	begin(&evaluation, request, quote, set);
	evaluation.cart->customer_orders = orders;
	evaluation.promotions.candidates = &candidate;
	evaluation.promotions.candidate_count = 1;
	evaluation.promotions.opened = &opened;
	evaluate(&evaluation, request, quote, outcome);
}
