/*
 * tax_rates.c: the taxes of a destination.
 */
#include "pricing/evaluation.h"

#include "base/plan.h"

static SavedPlan read_rates = {
	.sql =
		"SELECT DISTINCT ON (r.tax_class COLLATE \"C\", r.name COLLATE \"C\") r.tax_class, r.name,"
		" (r.rate * 1000000)::int8, r.included FROM commerce.tax_rates r WHERE r.zone ="
		" (SELECT z.code FROM commerce.tax_zones z WHERE z.is_default"
		" OR ($1 = ANY (z.countries) AND (z.regions IS NULL OR $2 = ANY (z.regions)))"
		" ORDER BY ($1 = ANY (z.countries)) IS NOT TRUE, z.regions IS NULL, z.code LIMIT 1) AND r.valid @> $3"
		" ORDER BY r.tax_class COLLATE \"C\", r.name COLLATE \"C\", lower(r.valid) DESC NULLS LAST, r.valid",
	.args = "text; text; timestamptz"};

/* Reads the rates of the destination: of the zone that names its region, or its country, or of the default zone. */
int
commerce_read_tax_rates(const QuoteRequest *request, TaxRate **rates)
{
	Datum values[] = {request->country ? CStringGetTextDatum(request->country) : (Datum) 0,
					  request->region ? CStringGetTextDatum(request->region) : (Datum) 0,
					  TimestampTzGetDatum(request->at)};
	char nulls[] = {request->country ? ' ' : 'n', request->region ? ' ' : 'n', ' '};
	int count = (int) commerce_run(&read_rates, PLAN_READS, values, nulls);
	bool isnull;

	*rates = palloc(sizeof(TaxRate) * Max(count, 1));
	for (int i = 0; i < count; i++)
		(*rates)[i] = (TaxRate){
			.tax_class = commerce_text(i, 1),
			.name = commerce_text(i, 2),
			.rate = DatumGetInt64(commerce_value(i, 3, &isnull)),
			.included = request->prices_include_tax < 0 ? DatumGetBool(commerce_value(i, 4, &isnull))
														: request->prices_include_tax == 1,
		};
	return count;
}
