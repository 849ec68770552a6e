/*
 * gifts.c: gifts are lines of the order, at their price, with all of it taken off.
 *
 * So they are sent, counted and taken back like anything else, and the books show what they were worth. A gift that is
 * not in the catalogue, or of which the goods that are bought and the gifts before it leave too few, is not given: the
 * order goes through without it. So is one that its promotion's budget does not cover, as nothing can be charged for the
 * rest of it.
 */
#include "pricing/evaluation.h"

#include "base/json.h"
#include "base/plan.h"
#include "promotion/promotion.h"

/* What there is of a sku that is given away. */
typedef struct GiftStock
{
	const char *sku;
	wide left;
} GiftStock;

/*
 * What can be sold, with what this cart holds already. Kits are worked out by available(); for all else the levels say the
 * same, many times faster. What is not in the catalogue, or not counted, has no row.
 */
static SavedPlan read_gift_stock = {
	.sql =
		"SELECT asked.place, coalesce(CASE WHEN EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = v.sku)"
		" THEN commerce.available(v.sku) ELSE (SELECT sum(s.available)::int8 FROM commerce.stock_levels s"
		" LEFT JOIN commerce.locations l ON l.code = s.location WHERE s.sku = v.sku AND coalesce(l.active, "
		"true))"
		" END, 0) + CASE WHEN $2 IS NULL THEN 0 ELSE (SELECT coalesce(sum(r.quantity), 0)::int8 FROM"
		" commerce.reservations r WHERE r.sku = v.sku AND r.holder = $2 AND r.state = 'held' AND "
		"r.expires_at >"
		" statement_timestamp()) END"
		" FROM unnest($1) WITH ORDINALITY AS asked (sku, place) JOIN commerce.variants v ON v.sku = asked.sku"
		" WHERE v.track_stock",
	.args = "text[]; text"};

/* Orders stocks by sku. */
static int
by_sku(const void *a, const void *b)
{
	return strcmp(((const GiftStock *) a)->sku, ((const GiftStock *) b)->sku);
}

/* Finds the stock of a sku; NULL where none of it is given away. */
static GiftStock *
stock_of(GiftStock *stocks, int count, const char *sku)
{
	GiftStock wanted = {.sku = sku};

	return bsearch(&wanted, stocks, count, sizeof(GiftStock), by_sku);
}

/* Lists what there is of each sku that is given away, once the lines of the cart have theirs. */
static GiftStock *
read_stocks(const QuoteRequest *request, const Quote *quote, const PromotionOutcome *outcome, int *count)
{
	char *holder = request->options ? commerce_json_get_string(request->options, "holder") : NULL;
	GiftStock *stocks = palloc(sizeof(GiftStock) * outcome->gift_count);
	Datum *skus = palloc(sizeof(Datum) * outcome->gift_count);
	Datum values[2];
	uint64 rows;

	*count = 0;
	for (int i = 0; i < outcome->gift_count; i++)
		stocks[i] = (GiftStock){.sku = outcome->gifts[i].sku, .left = PG_INT64_MAX};
	qsort(stocks, outcome->gift_count, sizeof(GiftStock), by_sku);
	for (int i = 0; i < outcome->gift_count; i++)
		if (*count == 0 || strcmp(stocks[*count - 1].sku, stocks[i].sku) != 0)
			stocks[(*count)++] = stocks[i];
	for (int i = 0; i < *count; i++)
		skus[i] = CStringGetTextDatum(stocks[i].sku);
	values[0] = PointerGetDatum(construct_array(skus, *count, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = holder ? CStringGetTextDatum(holder) : (Datum) 0;
	rows = commerce_run(&read_gift_stock, PLAN_READS, values, holder ? NULL : " n");
	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;

		stocks[DatumGetInt64(commerce_value(row, 1, &isnull)) - 1].left =
			DatumGetInt64(commerce_value(row, 2, &isnull));
	}
	for (int i = 0; i < quote->line_count; i++)
	{
		GiftStock *stock = stock_of(stocks, *count, quote->lines[i].sku);

		if (stock && quote->lines[i].track_stock)
			stock->left -= quote->lines[i].quantity;
	}
	return stocks;
}

/* Notes that a gift of a promotion is not given; what else it gives stands. */
static void
withhold(Finding *finding, const char *code, const char *reason)
{
	finding->code = code;
	finding->reason = reason;
}

/* Judges a gift by its stock and by the budget of its promotion; takes its units where it is given. */
static bool
is_given(const QuoteLine *gift, GiftStock *stock, const PromotionPurse *purse, Finding *finding)
{
	if (!gift->in_catalogue || (gift->track_stock && stock->left < gift->quantity))
	{
		withhold(finding, "gift_unavailable", "its gift is not in the catalogue, or not in stock");
		return false;
	}
	if (purse && gift->subtotal > purse->spend - finding->minor)
	{
		withhold(finding, commerce_verdict_code(PROMOTION_BUDGET_EXHAUSTED),
				 commerce_verdict_reason(PROMOTION_BUDGET_EXHAUSTED));
		finding->over_budget = true;
		return false;
	}
	if (gift->track_stock)
		stock->left -= gift->quantity;
	return true;
}

/*
 * Settles what became of promotions with gifts: one applies where it took or gave anything. One that gives nothing only
 * because of its budget has nothing left.
 */
static void
settle(Quote *quote, const PromotionOutcome *outcome, int first_finding)
{
	for (int i = 0; i < outcome->gift_count; i++)
		quote->findings[first_finding + outcome->gifts[i].finding].applied =
			quote->findings[first_finding + outcome->gifts[i].finding].minor > 0;
	for (int i = 0; i < quote->line_count; i++)
		if (quote->lines[i].gift_of >= 0)
			quote->findings[quote->lines[i].gift_of].applied = true;
	for (int i = 0; i < outcome->gift_count; i++)
	{
		Finding *finding = &quote->findings[first_finding + outcome->gifts[i].finding];

		finding->limited = !finding->applied && finding->over_budget;
		finding->over_budget = finding->limited;
	}
}

/* Adds the lines of gifts. */
void
commerce_add_gifts(const QuoteRequest *request, Quote *quote, const PromotionOutcome *outcome,
				   const PromotionPurse *purses, int first_finding)
{
	int count = outcome->gift_count;
	GiftStock *stocks;
	int stock_count;
	QuoteLine *gifts;

	if (count == 0)
		return;
	stocks = read_stocks(request, quote, outcome, &stock_count);
	quote->lines = repalloc_huge(quote->lines, sizeof(QuoteLine) * ((Size) quote->line_count + count));
	gifts = palloc_extended(sizeof(QuoteLine) * count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		gifts[i] = (QuoteLine){.sku = outcome->gifts[i].sku,
							   .quantity = outcome->gifts[i].quantity,
							   .per_quantity = 1,
							   .list_price = -1,
							   .gift_of = first_finding + outcome->gifts[i].finding};
	commerce_price_gifts(request, quote, gifts, count);
	for (int i = 0; i < count; i++)
	{
		const PromotionPurse *purse = purses ? &purses[outcome->gifts[i].finding] : NULL;
		Finding *finding = &quote->findings[gifts[i].gift_of];
		QuoteLine *line;

		if (!is_given(&gifts[i], stock_of(stocks, stock_count, gifts[i].sku), purse, finding))
			continue;
		line = &quote->lines[quote->line_count++];
		*line = gifts[i];
		line->floor = 0;
		commerce_take_off_line(line, line->gift_of, line->subtotal);
		finding->minor += line->subtotal;
	}
	settle(quote, outcome, first_finding);
}
