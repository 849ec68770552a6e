/*
 * tax_rates.c: the taxes of a destination, and what they make of prices that were made elsewhere.
 *
 * Prices are made at home, the zone that is_home. A zone that says what to keep has taxes of its own: kept gross, a
 * price stays as it is and contains the taxes of the zone instead; kept net, the taxes of home are taken out of it and
 * those that prices in the zone contain are put in. A zone that says nothing has prices made for it. Who owes no tax
 * pays the net, also where consumers pay the same gross everywhere; only a caller can say that the gross is kept.
 */
#include "pricing/evaluation.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"

static SavedPlan read_zone = {
	.sql =
		"SELECT z.code, h.code, z.keep, h.tax_union = z.tax_union AND $1 <> ALL (h.countries)"
		" AND $4 <> ALL (h.countries) AND EXISTS (SELECT FROM commerce.tax_zones m"
		"  WHERE m.tax_union = h.tax_union AND $4 = ANY (m.countries))"
		" FROM (SELECT) one LEFT JOIN commerce.tax_zones h ON h.is_home LEFT JOIN"
		" (SELECT t.code, t.keep, t.tax_union FROM commerce.tax_zones t, LATERAL"
		"  (SELECT max(length(p)) AS length FROM unnest(t.postal_codes) p WHERE starts_with($3, p)) postal,"
		"  LATERAL (SELECT ($1 = ANY (t.countries) AND (t.regions IS NULL OR $2 = ANY (t.regions))"
		"   AND (t.postal_codes IS NULL OR postal.length IS NOT NULL)) IS TRUE AS named) fits"
		"  WHERE (t.is_default OR $1 = ANY (t.countries)) AND (t.is_default OR fits.named)"
		"  ORDER BY fits.named DESC, postal.length DESC NULLS LAST, t.regions IS NULL, t.code LIMIT 1) z ON "
		"true",
	.args = "text; text; text; text"};

static SavedPlan read_rates = {
	.sql =
		"SELECT r.tax_class, r.name, (r.rate * 1000000)::int8, r.included, r.compound, r.zone = $1 FROM"
		" (SELECT DISTINCT ON (x.zone, x.tax_class COLLATE \"C\", x.name COLLATE \"C\") x.*"
		"  FROM commerce.tax_rates x WHERE x.zone IN ($1, $2) AND x.valid @> $3 ORDER BY x.zone,"
		"  x.tax_class COLLATE \"C\", x.name COLLATE \"C\", lower(x.valid) DESC NULLS LAST, x.valid) r"
		" ORDER BY r.tax_class COLLATE \"C\", r.zone = $2 DESC, r.compound, r.priority, r.name COLLATE \"C\"",
	.args = "text; text; timestamptz"};

static const TaxFraction one = {1, 1};

/* Returns the name of a tax treatment. */
const char *
commerce_tax_treatment_name(TaxTreatment treatment)
{
	static const char *const names[] = {"taxed", "exempt", "reverse_charge"};

	return names[treatment];
}

/* Reads one row of the rates. */
static TaxRate
rate_of_row(const QuoteRequest *request, uint64 row)
{
	bool isnull;

	return (TaxRate){
		.tax_class = commerce_text(row, 1),
		.name = commerce_text(row, 2),
		.rate = DatumGetInt64(commerce_value(row, 3, &isnull)),
		.included = request->prices_include_tax < 0 ? DatumGetBool(commerce_value(row, 4, &isnull))
													: request->prices_include_tax == 1,
		.compound = DatumGetBool(commerce_value(row, 5, &isnull)),
	};
}

/* Works out the shares of a class's rates in one zone; returns the part of a price that is free of them. */
static TaxFraction
settle_shares(TaxRate *rates, int count)
{
	TaxStep *steps = palloc(sizeof(TaxStep) * Max(count, 1));
	TaxFraction *shares = palloc(sizeof(TaxFraction) * Max(count, 1));
	TaxFraction net;

	for (int i = 0; i < count; i++)
		steps[i] = (TaxStep){rates[i].rate, rates[i].included, rates[i].compound};
	if (!commerce_tax_fractions(steps, count, shares, &net))
		commerce_refuse_fine_taxes();
	for (int i = 0; i < count; i++)
		rates[i].share = shares[i];
	return net;
}

/* Says whether a fraction is one. */
static bool
is_one(TaxFraction fraction)
{
	return fraction.numerator == fraction.denominator;
}

/*
 * Completes a class from its rates at home and at the destination. Without anything to keep, or without a home, prices
 * are made for the destination. untaxed_too: the gross is kept for those, too, who owe no tax.
 */
static void
settle_class(TaxClass *class, TaxRate *home, int home_count, TaxRate *here, int here_count, const char *keep,
			 bool made_at_home, bool untaxed_too)
{
	bool keep_gross = keep != NULL && strcmp(keep, "gross") == 0;
	TaxFraction origin = settle_shares(home, home_count);
	TaxFraction net;

	if (made_at_home && keep_gross && !is_one(origin))
		for (int i = 0; i < here_count; i++)
			here[i].included = true;
	net = settle_shares(here, here_count);
	class->rates = here;
	class->rate_count = here_count;
	class->kept = one;
	class->untaxed = untaxed_too ? one : made_at_home ? origin : net;
	if (made_at_home && !keep_gross && !commerce_tax_divide(origin, net, &class->kept))
		commerce_refuse_fine_taxes();
}

/* Numbers rates so that those which are one where tax is rounded per rate have the same number. */
static void
settle_groups(TaxRate *rates, int count)
{
	for (int i = 0; i < count; i++)
	{
		int same = 0;

		while (same < i && (strcmp(rates[same].name, rates[i].name) != 0 ||
							rates[same].rate != rates[i].rate || rates[same].included != rates[i].included ||
							rates[same].share.numerator != rates[i].share.numerator ||
							rates[same].share.denominator != rates[i].share.denominator))
			same++;
		rates[i].group = same;
	}
}

/* Finds the zones of the destination and of home and settles who owes the taxes. */
static void
find_zones(const QuoteRequest *request, Quote *quote, char **zone, char **home, const char **keep)
{
	const char *facts[] = {request->country, request->region, request->postal_code, quote->vat_country};
	Datum values[lengthof(facts)];
	char nulls[lengthof(facts)];
	bool isnull;
	bool reverse;

	for (size_t i = 0; i < lengthof(facts); i++)
	{
		values[i] = facts[i] ? CStringGetTextDatum(facts[i]) : (Datum) 0;
		nulls[i] = facts[i] ? ' ' : 'n';
	}
	(void) commerce_run(&read_zone, PLAN_READS, values, nulls);
	*zone = commerce_text(0, 1);
	*home = commerce_text(0, 2);
	*keep = request->keep ? request->keep : commerce_text(0, 3);
	reverse = DatumGetBool(commerce_value(0, 4, &isnull));
	if (reverse && !isnull)
		quote->tax_treatment = TAX_REVERSE_CHARGE;
	else if (quote->customer_exempt)
		quote->tax_treatment = TAX_EXEMPT;
}

/* Reads the taxes of the destination and settles who owes them. */
const TaxRules *
commerce_read_taxes(const QuoteRequest *request, Quote *quote)
{
	TaxRules *rules = palloc0(sizeof(TaxRules));
	char *zone;
	char *home;
	const char *keep;
	bool made_at_home;
	int count;
	TaxRate *rates;
	bool *here;
	bool isnull;

	find_zones(request, quote, &zone, &home, &keep);
	made_at_home = home != NULL && keep != NULL && (zone == NULL || strcmp(zone, home) != 0);
	if (zone == NULL && !made_at_home)
		return rules;
	count = (int) commerce_run(&read_rates, PLAN_READS,
							   (Datum[]){CStringGetTextDatum(zone ? zone : ""),
										 CStringGetTextDatum(made_at_home ? home : ""),
										 TimestampTzGetDatum(request->at)},
							   NULL);
	rates = palloc(sizeof(TaxRate) * Max(count, 1));
	here = palloc(sizeof(bool) * Max(count, 1));
	rules->classes = palloc0(sizeof(TaxClass) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		rates[i] = rate_of_row(request, i);
		here[i] = DatumGetBool(commerce_value(i, 6, &isnull));
	}
	for (int begin = 0, middle, end; begin < count; begin = end)
	{
		TaxClass *class = &rules->classes[rules->class_count++];

		class->name = rates[begin].tax_class;
		for (end = begin; end < count && strcmp(rates[end].tax_class, class->name) == 0; end++)
			;
		for (middle = begin; middle < end && !here[middle]; middle++)
			;
		settle_class(class, &rates[begin], middle - begin, &rates[middle], end - middle, keep, made_at_home,
					 request->keep != NULL && strcmp(request->keep, "gross") == 0);
	}
	settle_groups(rates, count);
	return rules;
}
