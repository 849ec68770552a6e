/*
 * quote_json.c: a quote as JSON.
 */
#include "pricing/quote.h"

#include "base/json.h"
#include "money/amount.h"

/* Writes a key with an amount of the quote's currency. */
static void
money(JsonWriter *writer, const char *key, int64 minor, const Quote *quote)
{
	commerce_json_key(writer, key);
	commerce_json_money(writer, minor, quote->currency);
}

/* Writes a promotion's id under the key. */
static void
promotion_id(JsonWriter *writer, const pg_uuid_t *id)
{
	commerce_json_key(writer, "promotion");
	commerce_json_string(writer, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))));
}

/* Writes what takes something off: a promotion, or somebody's reason. */
static void
cause(JsonWriter *writer, const Finding *finding)
{
	if (!finding->manual)
	{
		promotion_id(writer, &finding->promotion);
		return;
	}
	commerce_json_key(writer, "reason");
	commerce_json_string(writer, finding->name);
}

/* Writes a rate in percent. */
static void
percent(JsonWriter *writer, int64 rate)
{
	Datum numerator = NumericGetDatum(int64_to_numeric(rate));
	Datum denominator = NumericGetDatum(int64_to_numeric(INT64CONST(1000000)));
	Datum quotient = DirectFunctionCall2(numeric_div, numerator, denominator);

	commerce_json_key(writer, "rate");
	commerce_json_numeric(writer, DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, quotient)));
}

/* Writes what shipping and other lines have in common. */
static void
line_money(JsonWriter *writer, const QuoteLine *line, const Quote *quote)
{
	money(writer, "subtotal", line->subtotal, quote);
	money(writer, "discount", line->discount, quote);
	money(writer, "tax", line->tax, quote);
	money(writer, "included_tax", line->included_tax, quote);
	money(writer, "total", line->total, quote);
	commerce_json_key(writer, "discounts");
	commerce_json_array(writer);
	for (int i = 0; i < line->discount_count; i++)
	{
		commerce_json_object(writer);
		cause(writer, &quote->findings[line->discounts[i].finding]);
		money(writer, "amount", line->discounts[i].minor, quote);
		if (line->discounts[i].tax != 0)
			money(writer, "saved_tax", line->discounts[i].tax, quote);
		commerce_json_end_object(writer);
	}
	commerce_json_end_array(writer);
	commerce_json_key(writer, "taxes");
	commerce_json_array(writer);
	for (int i = 0; i < line->tax_count; i++)
	{
		commerce_json_object(writer);
		commerce_json_key(writer, "name");
		commerce_json_string(writer, line->taxes[i].rate->name);
		percent(writer, line->taxes[i].rate->rate);
		commerce_json_key(writer, "included");
		commerce_json_bool(writer, line->taxes[i].rate->included);
		if (line->taxes[i].rate->compound)
		{
			commerce_json_key(writer, "compound");
			commerce_json_bool(writer, true);
		}
		money(writer, "amount", line->taxes[i].minor, quote);
		commerce_json_end_object(writer);
	}
	commerce_json_end_array(writer);
}

/* Writes one line. */
static void
write_line(JsonWriter *writer, const QuoteLine *line, const Quote *quote)
{
	commerce_json_object(writer);
	commerce_json_key(writer, "sku");
	commerce_json_string(writer, line->sku);
	commerce_json_key(writer, "title");
	commerce_json_string(writer, line->title);
	commerce_json_key(writer, "quantity");
	commerce_json_int(writer, line->quantity);
	money(writer, "unit_price", line->unit_price, quote);
	if (line->converted)
		money(writer, "home_price", line->home_price, quote);
	if (line->per_quantity != 1)
	{
		commerce_json_key(writer, "per_quantity");
		commerce_json_int(writer, line->per_quantity);
	}
	if (line->list_price >= 0)
		money(writer, "list_price", line->list_price, quote);
	if (line->gift_of >= 0)
	{
		commerce_json_key(writer, "gift");
		commerce_json_bool(writer, true);
	}
	if (line->tax_exempt)
	{
		commerce_json_key(writer, "tax_exempt");
		commerce_json_bool(writer, true);
	}
	line_money(writer, line, quote);
	commerce_json_end_object(writer);
}

/* Writes what became of every promotion. */
static void
write_findings(JsonWriter *writer, const Quote *quote)
{
	commerce_json_key(writer, "explain");
	commerce_json_array(writer);
	for (int i = 0; i < quote->finding_count; i++)
	{
		const Finding *finding = &quote->findings[i];

		commerce_json_object(writer);
		cause(writer, finding);
		if (!finding->manual)
		{
			commerce_json_key(writer, "name");
			commerce_json_string(writer, finding->name);
		}
		commerce_json_key(writer, "applied");
		commerce_json_bool(writer, finding->applied);
		money(writer, finding->catalog ? "off_prices" : "amount", finding->minor, quote);
		commerce_json_key(writer, "code");
		commerce_json_string(writer, finding->code);
		if (!finding->manual)
		{
			commerce_json_key(writer, "reason");
			commerce_json_string(writer, finding->reason);
		}
		commerce_json_end_object(writer);
	}
	commerce_json_end_array(writer);
}

/* Writes which lines are gifts, and of which promotions. */
static void
write_gifts(JsonWriter *writer, const Quote *quote)
{
	commerce_json_key(writer, "gifts");
	commerce_json_array(writer);
	for (int i = 0; i < quote->line_count; i++)
	{
		const QuoteLine *line = &quote->lines[i];

		if (line->gift_of < 0)
			continue;
		commerce_json_object(writer);
		promotion_id(writer, &quote->findings[line->gift_of].promotion);
		commerce_json_key(writer, "sku");
		commerce_json_string(writer, line->sku);
		commerce_json_key(writer, "quantity");
		commerce_json_int(writer, line->quantity);
		commerce_json_end_object(writer);
	}
	commerce_json_end_array(writer);
}

/* Writes what became of each code that was entered; nothing where none was. */
static void
write_codes(JsonWriter *writer, const Quote *quote)
{
	if (quote->code_count == 0)
		return;
	commerce_json_key(writer, "codes");
	commerce_json_array(writer);
	for (int i = 0; i < quote->code_count; i++)
	{
		const Finding *finding = &quote->findings[quote->codes[i].finding];

		commerce_json_object(writer);
		commerce_json_key(writer, "entered");
		commerce_json_string(writer, quote->codes[i].code);
		promotion_id(writer, &finding->promotion);
		commerce_json_key(writer, "applied");
		commerce_json_bool(writer, finding->applied);
		commerce_json_key(writer, "code");
		commerce_json_string(writer, finding->code);
		commerce_json_key(writer, "reason");
		commerce_json_string(writer, finding->reason);
		commerce_json_end_object(writer);
	}
	commerce_json_end_array(writer);
}

/* Writes the quote as quote() returns it. */
Jsonb *
commerce_quote_json(const Quote *quote, bool explain)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	commerce_json_key(&writer, "currency");
	commerce_json_string(&writer, commerce_currency_code(quote->currency));
	commerce_json_key(&writer, "lines");
	commerce_json_array(&writer);
	for (int i = 0; i < quote->line_count; i++)
		write_line(&writer, &quote->lines[i], quote);
	commerce_json_end_array(&writer);
	commerce_json_key(&writer, "shipping");
	commerce_json_object(&writer);
	commerce_json_key(&writer, "method");
	commerce_json_string(&writer, quote->shipping_method);
	line_money(&writer, &quote->shipping, quote);
	commerce_json_end_object(&writer);
	write_gifts(&writer, quote);
	write_codes(&writer, quote);
	money(&writer, "subtotal", quote->subtotal, quote);
	money(&writer, "discount", quote->discount, quote);
	money(&writer, "tax", quote->tax, quote);
	money(&writer, "included_tax", quote->included_tax, quote);
	money(&writer, "rounding", quote->rounding, quote);
	money(&writer, "total", quote->total, quote);
	commerce_json_key(&writer, "tax_level");
	commerce_json_string(&writer, commerce_tax_level_name(quote->tax_level));
	commerce_json_key(&writer, "tax_treatment");
	commerce_json_string(&writer, commerce_tax_treatment_name(quote->tax_treatment));
	if (quote->bounded)
	{
		commerce_json_key(&writer, "groups_bounded");
		commerce_json_bool(&writer, true);
	}
	if (explain)
		write_findings(&writer, quote);
	commerce_json_end_object(&writer);
	return commerce_json_finish(&writer);
}
