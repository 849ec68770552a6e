/*
 * gifts.c: gifts are lines of the order, at their price, with all of it taken off.
 *
 * So they are sent, counted and taken back like anything else, and the books show what they were worth. A gift that is
 * not in the catalogue, or of which, or of whose parts if it is a kit, the goods that are bought and the gifts before it
 * leave too few, is not given: the order goes through without it. So is one that its promotion's budget does not cover,
 * as nothing can be charged for the rest of it.
 */
#include "pricing/evaluation.h"

#include "base/json.h"
#include "base/plan.h"
#include "inventory/needs.h"
#include "promotion/promotion.h"

/* What there is of a sku that gifts take from stock. */
typedef struct GiftStock
{
	const char *sku;
	wide left;
} GiftStock;

/* What gifts take, down to the parts of kits: need n of the goods is gift n, the lines of the cart follow. */
typedef struct GiftGoods
{
	NeededGoods goods;
	GiftStock *stocks;
	int stock_count;
} GiftGoods;

/* What can be sold, with what this cart holds already. What is not counted has no row. */
static SavedPlan read_gift_stock = {
	.sql = "SELECT asked.place, coalesce((SELECT sum(s.available)::int8 FROM commerce.stock_levels s"
		   " LEFT JOIN commerce.locations l ON l.code = s.location"
		   " WHERE s.sku = v.sku AND coalesce(l.active, true)), 0)"
		   " + CASE WHEN $2 IS NULL THEN 0 ELSE (SELECT coalesce(sum(r.quantity), 0)::int8"
		   " FROM commerce.reservations r WHERE r.sku = v.sku AND r.holder = $2 AND r.state = 'held'"
		   " AND r.expires_at > statement_timestamp()) END"
		   " FROM unnest($1) WITH ORDINALITY AS asked (sku, place)"
		   " JOIN commerce.variants v ON v.sku = asked.sku WHERE v.track_stock",
	.args = "text[]; text"};

/* Orders stocks by sku. */
static int
by_sku(const void *a, const void *b)
{
	return strcmp(((const GiftStock *) a)->sku, ((const GiftStock *) b)->sku);
}

/* Finds the stock of a sku; NULL where no gift takes any. */
static GiftStock *
stock_of(const GiftGoods *all, const char *sku)
{
	GiftStock wanted = {.sku = sku};

	return bsearch(&wanted, all->stocks, all->stock_count, sizeof(GiftStock), by_sku);
}

/* Lists each sku that gifts take, once. */
static void
list_stocks(GiftGoods *all, int gift_count)
{
	const SourcedLine *last = &all->goods.sourcing.lines[gift_count - 1];
	int parts = last->first_part + last->part_count;

	all->stocks = palloc(sizeof(GiftStock) * Max(parts, 1));
	all->stock_count = 0;
	for (int i = 0; i < parts; i++)
		all->stocks[i] = (GiftStock){.sku = all->goods.part_skus[i], .left = PG_INT64_MAX};
	qsort(all->stocks, parts, sizeof(GiftStock), by_sku);
	for (int i = 0; i < parts; i++)
		if (all->stock_count == 0 || strcmp(all->stocks[all->stock_count - 1].sku, all->stocks[i].sku) != 0)
			all->stocks[all->stock_count++] = all->stocks[i];
}

/* Reads what there is of each. */
static void
read_stocks(GiftGoods *all, const QuoteRequest *request)
{
	char *holder = request->options ? commerce_json_get_string(request->options, "holder") : NULL;
	Datum *skus = palloc(sizeof(Datum) * Max(all->stock_count, 1));
	Datum values[2];
	uint64 rows;

	for (int i = 0; i < all->stock_count; i++)
		skus[i] = CStringGetTextDatum(all->stocks[i].sku);
	values[0] = PointerGetDatum(construct_array(skus, all->stock_count, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = holder ? CStringGetTextDatum(holder) : (Datum) 0;
	rows = commerce_run(&read_gift_stock, PLAN_READS, values, holder ? NULL : " n");
	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;

		all->stocks[DatumGetInt64(commerce_value(row, 1, &isnull)) - 1].left =
			DatumGetInt64(commerce_value(row, 2, &isnull));
	}
}

/* Returns whether there is enough for a need; takes it from what there is, if any gift takes of it, where told to. */
static bool
is_enough(const GiftGoods *all, int need, bool take)
{
	const SourcedLine *line = &all->goods.sourcing.lines[need];
	bool enough = true;

	for (int i = line->first_part; i < line->first_part + line->part_count; i++)
	{
		GiftStock *stock = stock_of(all, all->goods.part_skus[i]);
		wide wanted = (wide) all->goods.sourcing.parts[i].per_unit * line->quantity;

		if (stock == NULL)
			continue;
		enough &= stock->left >= wanted;
		if (take)
			stock->left -= wanted;
	}
	return enough;
}

/* Works out what there is for gifts, once the lines of the cart have theirs. */
static void
find_goods(GiftGoods *all, const QuoteRequest *request, const Quote *quote, const QuoteLine *gifts,
		   int gift_count)
{
	StockNeed *needs =
		palloc_extended(sizeof(StockNeed) * ((Size) gift_count + quote->line_count), MCXT_ALLOC_HUGE);
	int count = 0;

	for (int i = 0; i < gift_count; i++)
		needs[count++] = (StockNeed){.sku = gifts[i].sku, .quantity = gifts[i].quantity};
	for (int i = 0; i < quote->line_count; i++)
		if (quote->lines[i].track_stock)
			needs[count++] = (StockNeed){.sku = quote->lines[i].sku, .quantity = quote->lines[i].quantity};
	commerce_expand_needs(&all->goods, needs, count, true);
	list_stocks(all, gift_count);
	read_stocks(all, request);
	for (int i = gift_count; i < count; i++)
		(void) is_enough(all, i, true);
}

/* Notes that a gift of a promotion is not given; what else it gives stands. */
static void
withhold(Finding *finding, const char *code, const char *reason)
{
	finding->code = code;
	finding->reason = reason;
}

/* Judges gift n by its stock and by the budget of its promotion; takes its units where it is given. */
static bool
is_given(const QuoteLine *gift, const GiftGoods *all, int n, const PromotionPurse *purse, Finding *finding)
{
	if (!gift->in_catalogue || (gift->track_stock && !is_enough(all, n, false)))
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
		(void) is_enough(all, n, true);
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
	GiftGoods all;
	QuoteLine *gifts;

	if (count == 0)
		return;
	quote->lines = repalloc_huge(quote->lines, sizeof(QuoteLine) * ((Size) quote->line_count + count));
	gifts = palloc_extended(sizeof(QuoteLine) * count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		gifts[i] = (QuoteLine){.sku = outcome->gifts[i].sku,
							   .quantity = outcome->gifts[i].quantity,
							   .per_quantity = 1,
							   .list_price = -1,
							   .gift_of = first_finding + outcome->gifts[i].finding};
	commerce_price_gifts(request, quote, gifts, count);
	find_goods(&all, request, quote, gifts, count);
	for (int i = 0; i < count; i++)
	{
		const PromotionPurse *purse = purses ? &purses[outcome->gifts[i].finding] : NULL;
		Finding *finding = &quote->findings[gifts[i].gift_of];
		QuoteLine *line;

		if (!is_given(&gifts[i], &all, i, purse, finding))
			continue;
		line = &quote->lines[quote->line_count++];
		*line = gifts[i];
		line->floor = 0;
		commerce_take_off_line(line, line->gift_of, line->subtotal);
		finding->minor += line->subtotal;
	}
	settle(quote, outcome, first_finding);
}
