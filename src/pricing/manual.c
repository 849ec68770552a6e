/*
 * manual.c: what somebody takes off by hand, with a reason.
 *
 * It belongs to what is asked, not to the shop's promotions, so it is still there when the cart is priced again. What is
 * taken off a line comes before all promotions, which then go by what is left; what is taken off the order comes after
 * them. Neither takes a line below its floor.
 */
#include "pricing/evaluation.h"

#include "base/json.h"
#include "money/allocate.h"
#include "money/amount.h"
#include "rule/rule.h"

static const char *const manual_keys[] = {"amount", "percent", "reason", NULL};

/* Reads one discount. */
static ManualDiscount
read_one(JsonbContainer *object, int currency)
{
	ManualDiscount manual = {0};
	JsonbValue percent;
	Amount amount;
	bool has_amount;
	bool has_percent;

	commerce_refuse_unknown_keys(object, manual_keys, "a discount");
	manual.reason = commerce_json_get_string(object, "reason");
	has_amount = commerce_json_get_money(object, "amount", currency, &amount);
	has_percent = commerce_json_find(object, "percent", &percent);
	if (has_amount == has_percent || manual.reason == NULL || manual.reason[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a discount needs either an \"amount\" or a \"percent\", and a \"reason\""),
						errhint("For example {\"amount\": \"5.00\", \"reason\": \"scratched\"}.")));
	if (has_amount)
	{
		commerce_require_same_currency(currency, commerce_amount_currency(amount));
		manual.minor = commerce_amount_minor(amount);
	}
	else
	{
		Datum scaled =
			DirectFunctionCall2(numeric_mul, NumericGetDatum(commerce_json_get_numeric(object, "percent")),
								NumericGetDatum(int64_to_numeric(PERCENT_SCALE)));

		manual.percent = DatumGetInt64(DirectFunctionCall1(numeric_int8, scaled));
	}
	if (has_amount ? manual.minor <= 0 : manual.percent <= 0 || manual.percent > PERCENT_WHOLE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a discount must be above zero, and at most 100 percent")));
	return manual;
}

/* Reads discounts from an array of objects. */
static ManualDiscount *
read_all(Jsonb *array, int currency, int *count)
{
	JsonbContainer **objects;
	ManualDiscount *manual;

	*count = commerce_json_objects(array, "discounts", &objects);
	manual = palloc(sizeof(ManualDiscount) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
		manual[i] = read_one(objects[i], currency);
	return manual;
}

/* Reads what is taken off a line by hand. */
ManualDiscount *
commerce_read_manual(JsonbContainer *object, int currency, int *count)
{
	JsonbValue value;

	*count = 0;
	if (!commerce_json_find(object, "discounts", &value))
		return NULL;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"discounts\" must be an array of objects")));
	return read_all(JsonbValueToJsonb(&value), currency, count);
}

/* Makes room for findings and returns the place of the first; they are not filled in. */
int
commerce_add_findings(Quote *quote, int count)
{
	int first = quote->finding_count;
	Size size = sizeof(Finding) * (Size) (first + count + 1);

	quote->findings =
		quote->findings ? repalloc_huge(quote->findings, size) : palloc_extended(size, MCXT_ALLOC_HUGE);
	quote->finding_count += count;
	return first;
}

/* Adds a finding about something taken off by hand, and returns its place. */
static int
add_finding(Quote *quote, const char *reason)
{
	int place = commerce_add_findings(quote, 1);

	quote->findings[place] =
		(Finding){.manual = true, .name = reason, .code = "manual", .reason = "taken off by hand"};
	return place;
}

/* Takes an amount off a line for a finding. */
void
commerce_take_off_line(QuoteLine *line, int finding, int64 minor)
{
	if (minor == 0)
		return;
	line->discounts = line->discounts
						  ? repalloc(line->discounts, sizeof(LineDiscount) * (line->discount_count + 1))
						  : palloc(sizeof(LineDiscount));
	line->discounts[line->discount_count++] = (LineDiscount){finding, minor, 0};
	line->discount += minor;
}

/* Returns what may still be taken off a line. */
static int64
room(const QuoteLine *line)
{
	return Max(line->subtotal - line->discount - line->floor, 0);
}

/* Takes off lines what is taken off them by hand. */
void
commerce_take_line_manual(Quote *quote)
{
	for (int i = 0; i < quote->line_count; i++)
	{
		QuoteLine *line = &quote->lines[i];

		for (int m = 0; m < line->manual_count; m++)
		{
			const ManualDiscount *manual = &line->manual[m];
			int finding = add_finding(quote, manual->reason);
			wide minor = manual->minor;

			if (manual->percent > 0)
				minor = commerce_round_ratio((wide) (line->subtotal - line->discount) * manual->percent,
											 PERCENT_WHOLE, quote->options.rounding);
			minor = Min(minor, (wide) room(line));
			commerce_take_off_line(line, finding, (int64) minor);
			quote->findings[finding].minor = (int64) minor;
			quote->findings[finding].applied = minor > 0;
		}
	}
}

/* Takes off the order what is taken off it by hand, distributed over the lines by what is left of them. */
void
commerce_take_order_manual(const QuoteRequest *request, Quote *quote)
{
	int count = quote->line_count;
	int64 *weights = palloc_extended(sizeof(int64) * 3 * Max(count, 1), MCXT_ALLOC_HUGE);
	int64 *caps = weights + count;
	int64 *shares = caps + count;
	ManualDiscount *manual;
	int manual_count;

	if (request->discounts == NULL)
		return;
	manual = read_all(request->discounts, quote->currency, &manual_count);
	for (int m = 0; m < manual_count; m++)
	{
		int finding = add_finding(quote, manual[m].reason);
		wide left = 0;
		wide limit = 0;
		wide minor = manual[m].minor;

		for (int i = 0; i < count; i++)
		{
			weights[i] = quote->lines[i].subtotal - quote->lines[i].discount;
			caps[i] = room(&quote->lines[i]);
			left += weights[i];
			limit += caps[i];
		}
		if (manual[m].percent > 0)
			minor = commerce_round_ratio(left * manual[m].percent, PERCENT_WHOLE, quote->options.rounding);
		minor = Min(minor, limit);
		(void) commerce_allocate_capped((int64) minor, weights, caps, count, quote->options.remainder,
										shares);
		for (int i = 0; i < count; i++)
			commerce_take_off_line(&quote->lines[i], finding, shares[i]);
		quote->findings[finding].minor = (int64) minor;
		quote->findings[finding].applied = minor > 0;
	}
}
