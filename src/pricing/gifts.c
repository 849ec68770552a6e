/*
 * gifts.c: gifts are lines of the order, at their price, with all of it taken off.
 *
 * So they are sent, counted and taken back like anything else, and the books show what they were worth. A gift that is
 * not in the catalogue, or not in stock, is not given: the order goes through without it.
 */
#include "pricing/evaluation.h"

#include "base/plan.h"
#include "promotion/promotion.h"

/* Kits are worked out by available(); for all else the levels say the same, many times faster. */
static SavedPlan read_gift_stock = {
	.sql =
		"SELECT asked.place FROM unnest($1, $2) WITH ORDINALITY AS asked (sku, quantity, place)"
		" JOIN commerce.variants v ON v.sku = asked.sku WHERE NOT v.track_stock OR asked.quantity <= CASE"
		" WHEN EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = v.sku) THEN commerce.available(v.sku)"
		" ELSE (SELECT sum(s.available) FROM commerce.stock_levels s LEFT JOIN commerce.locations l"
		"  ON l.code = s.location WHERE s.sku = v.sku AND coalesce(l.active, true)) END",
	.args = "text[]; int8[]"};

/* Finds which gifts can be had. */
static bool *
find_gifts(const PromotionGift *gifts, int count)
{
	Datum *skus = palloc(sizeof(Datum) * count);
	Datum *quantities = palloc(sizeof(Datum) * count);
	bool *found = palloc0(sizeof(bool) * count);
	Datum values[2];
	uint64 rows;

	for (int i = 0; i < count; i++)
	{
		skus[i] = CStringGetTextDatum(gifts[i].sku);
		quantities[i] = Int64GetDatum(gifts[i].quantity);
	}
	values[0] = PointerGetDatum(construct_array(skus, count, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(quantities, count, INT8OID, 8, true, TYPALIGN_DOUBLE));
	rows = commerce_run(&read_gift_stock, PLAN_READS, values, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;

		found[DatumGetInt64(commerce_value(row, 1, &isnull)) - 1] = true;
	}
	return found;
}

/* Adds the lines of gifts. */
void
commerce_add_gifts(const QuoteRequest *request, Quote *quote, const PromotionOutcome *outcome,
				   int first_finding)
{
	int count = outcome->gift_count;
	int before = quote->line_count;
	bool *found;
	QuoteLine *gifts;
	int given = 0;

	if (count == 0)
		return;
	found = find_gifts(outcome->gifts, count);
	quote->lines = repalloc_huge(quote->lines, sizeof(QuoteLine) * (Size) (before + count));
	gifts = quote->lines + before;
	for (int i = 0; i < count; i++)
	{
		const PromotionGift *gift = &outcome->gifts[i];
		Finding *finding = &quote->findings[first_finding + gift->finding];

		if (found[i])
			gifts[given++] = (QuoteLine){.sku = gift->sku,
										 .quantity = gift->quantity,
										 .per_quantity = 1,
										 .list_price = -1,
										 .gift_of = first_finding + gift->finding};
		else
		{
			finding->applied = finding->minor > 0;
			finding->code = "gift_unavailable";
			finding->reason = "its gift is not in the catalogue, or not in stock";
		}
	}
	if (given == 0)
		return;
	commerce_price_gifts(request, quote, gifts, given);
	quote->line_count += given;
	for (int i = 0; i < given; i++)
	{
		gifts[i].floor = 0;
		commerce_take_off_line(&gifts[i], gifts[i].gift_of, gifts[i].subtotal);
		quote->findings[gifts[i].gift_of].minor += gifts[i].subtotal;
	}
}
