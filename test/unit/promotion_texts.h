/*
 * promotion_texts.h: random conditions and benefits as text, with small numbers and few names, so that they meet.
 */
#ifndef COMMERCE_TEST_PROMOTION_TEXTS_H
#define COMMERCE_TEST_PROMOTION_TEXTS_H

#include "rule_random.h"

#include <stdarg.h>

/* Text that grows. */
typedef struct Text
{
	char text[4000];
	size_t length;
} Text;

/* Appends as printf does. */
static inline void __attribute__((format(printf, 2, 3))) append(Text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text->length +=
		(size_t) vsnprintf(text->text + text->length, sizeof(text->text) - text->length, format, arguments);
	va_end(arguments);
}

/* Picks one of several texts. */
#define PICK(...)                                                                                            \
	(((const char *const[]){                                                                                 \
		__VA_ARGS__})[random_below(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

/* Appends a condition on a line. */
static inline void
line_condition(Text *text, int depth)
{
	if (depth > 0 && random_below(3) == 0)
	{
		append(text, "%s(", random_below(4) == 0 ? "not " : "");
		line_condition(text, depth - 1);
		append(text, " %s ", PICK("and", "or", "or"));
		line_condition(text, depth - 1);
		append(text, ")");
		return;
	}
	switch (random_below(10))
	{
		case 0: append(text, "attributes.kind %s '%s'", PICK("=", "<>"), PICK("soft", "hard")); break;
		case 9: append(text, "tag = '%s'", PICK("x", "y", "z")); break;
		case 1: append(text, "not on_sale"); break;
		case 2: append(text, "category <@ '%s'", PICK("c", "c.d", "c.d.e", "e")); break;
		case 3: append(text, "brand %s ('b', 'B')", PICK("in", "not in")); break;
		case 4: append(text, "price %s 0.%02u EUR", PICK(">", "<=", "="), random_below(25)); break;
		case 5: append(text, "quantity %s %u", PICK(">=", "<"), random_below(6)); break;
		case 6: append(text, "tax_class = '%s'", PICK("t", "T")); break;
		case 7: append(text, "product in ('%s', 'p')", PICK("P", "q")); break;
		default: append(text, "sku %s '%s'", PICK("=", "=", "<>"), PICK("A", "B", "C", "D")); break;
	}
}

/* Appends a condition on a cart. */
static inline void
cart_condition(Text *text, int depth)
{
	if (depth > 0 && random_below(2) == 0)
	{
		append(text, "%s(", random_below(5) == 0 ? "not " : "");
		cart_condition(text, depth - 1);
		append(text, " %s ", PICK("and", "or", "or"));
		cart_condition(text, depth - 1);
		append(text, ")");
		return;
	}
	switch (random_below(14))
	{
		case 0: append(text, "subtotal %s 0.%02u EUR", PICK(">=", ">=", "<"), random_below(100)); break;
		case 1: append(text, "quantity() %s %u", PICK(">=", "<", "="), random_below(9)); break;
		case 2: append(text, "code = '%s'", PICK("SUMMER", "winter")); break;
		case 3: append(text, "customer.group in ('vip'%s)", PICK("", ", 'staff'")); break;
		case 4: append(text, "country = '%s'", PICK("DE", "AT")); break;
		case 5: append(text, "channel %s 'web'", PICK("=", "<>")); break;
		case 6: append(text, "currency = '%s'", PICK("EUR", "USD")); break;
		case 7: append(text, "shipping.method = '%s'", PICK("dhl", "ups")); break;
		case 8: append(text, "%s", PICK("true", "customer = 'me'", "customer is null", "sku is null")); break;
		case 9:
			append(text, "subtotal(");
			line_condition(text, depth - 1);
			append(text, ") %s 0.%02u EUR", PICK(">=", ">", "<", "="), random_below(30));
			break;
		case 10:
		case 11:
			append(text, "%s(", PICK("quantity", "lines"));
			line_condition(text, depth - 1);
			append(text, ") %s",
				   PICK(">= 0", "> 0", "= 1", "<> 1", "< 2", "in (0, 2)", ">= 0.5", "> -1", "= -0"));
			break;
		default: line_condition(text, depth - 1); break;
	}
}

/* Appends where a benefit is given, or nothing. */
static inline void
append_where(Text *text)
{
	if (random_below(3) == 0)
		return;
	append(text, " where ");
	line_condition(text, 1);
}

/* Appends an amount of money. */
static inline void
append_money(Text *text, bool zero)
{
	append(text, "0.%02u EUR%s", random_below(20) + !zero, random_below(12) == 0 ? " or 0.07 USD" : "");
}

/* Appends a percentage or an amount. */
static inline void
append_off(Text *text)
{
	if (random_below(2))
		append(text, "%s%%", PICK("5", "10", "12.5", "20", "33.333333", "50", "50", "66.6", "75", "100"));
	else
		append_money(text, false);
}

/* Appends tiers and what they are on. */
static inline void
append_tiers(Text *text)
{
	static const char *const bases[] = {"subtotal", "quantity", "line subtotal", "line quantity",
										"order subtotal"};
	unsigned basis = random_below(5);
	bool counts = basis == 1 || basis == 3;
	bool by_line = basis == 2 || basis == 3;
	bool graduated = (basis == 0 || basis == 3) && random_below(2);
	unsigned from = random_below(4);

	append(text, "tiers by %s%s:", bases[basis], graduated ? " graduated" : "");
	for (unsigned i = 0, count = 1 + random_below(3); i < count; i++, from += 1 + random_below(4))
	{
		append(text, counts ? "%s %u -> " : "%s 0.%02u EUR -> ", i > 0 ? "," : "", counts ? from : from * 8);
		if (graduated && basis == 0)
			append(text, "%u%%", 1 + random_below(100));
		else if (random_below(4) == 0)
		{
			append(text, "price ");
			append_money(text, true);
		}
		else
			append_off(text);
	}
	append(text, " on %s",
		   graduated ? (basis == 0 ? "order" : "units")
		   : by_line ? PICK("units", "lines")
					 : PICK("units", "lines", "order", "shipping"));
	append_where(text);
}

/* Appends parts of a set. */
static inline void
append_parts(Text *text, unsigned most)
{
	for (unsigned i = 0, count = 1 + random_below(most); i < count; i++)
	{
		append(text, "%s%u", i > 0 ? " + " : " ", 1 + random_below(3));
		append_where(text);
	}
}

/* Appends a set. */
static inline void
append_set(Text *text)
{
	unsigned kind = random_below(3);

	if (kind == 0)
	{
		append(text, "%u for ", 1 + random_below(4));
		append_money(text, true);
		append_where(text);
	}
	else
	{
		append(text, kind == 1 ? "bundle" : "buy");
		append_parts(text, 3);
		if (kind == 2)
		{
			append(text, " get %s%u", PICK("", "", "up to "), 1 + random_below(3));
			append_where(text);
		}
		switch (random_below(3))
		{
			case 0: append(text, " free"); break;
			case 1:
				append(text, " at ");
				append_off(text);
				append(text, " off");
				break;
			default:
				append(text, " for ");
				append_money(text, true);
				break;
		}
	}
	if (random_below(3) == 0)
		append(text, ", at most %u times", 1 + random_below(3));
	if (random_below(4) == 0)
		append(text, ", %s", PICK("cheapest first", "dearest first", "in cart order"));
}

/* Appends limits on units. */
static inline void
append_unit_limits(Text *text)
{
	bool pooled = false;

	if (random_below(4) == 0)
		append(text, ", in steps of %u", 1 + random_below(3));
	if (random_below(4) == 0)
	{
		append(text, ", in groups of %u", 1 + random_below(4));
		pooled = true;
	}
	if (random_below(3) == 0)
	{
		bool each = random_below(3) == 0;

		append(text, ", at most %u units%s", 1 + random_below(6), each ? " of each line" : "");
		pooled = pooled || !each;
	}
	if (pooled && random_below(2))
		append(text, ", %s", PICK("cheapest first", "dearest first", "in cart order"));
}

/* Appends one thing that a promotion gives. */
static inline void
append_benefit(Text *text)
{
	unsigned kind = random_below(12);

	if (kind < 4)
	{
		bool price = random_below(5) == 0;

		if (price)
		{
			append(text, "price ");
			append_money(text, true);
		}
		else
			append_off(text);
		append(text, " %s %s", price ? "for" : "off", PICK("units", "lines", "order"));
		append_where(text);
		append_unit_limits(text);
	}
	else if (kind == 4)
		append(text, "%s off shipping%s", PICK("100%", "50%", "0.03 EUR"),
			   PICK("", " where lines(on_sale) = 0"));
	else if (kind == 5)
	{
		append_off(text);
		append(text, " off first unit and ");
		append_off(text);
		append(text, " off others");
		append_where(text);
		if (random_below(2))
			append(text, ", at most %u units of each line", 1 + random_below(4));
	}
	else if (kind < 8)
		append_tiers(text);
	else if (kind < 11)
		append_set(text);
	else
	{
		append(text, "gift %u '%s'", 1 + random_below(2), PICK("MUG", "PEN"));
		if (random_below(2))
		{
			append(text, " for every");
			append_parts(text, 1);
		}
		return;
	}
	if (random_below(5) == 0)
	{
		append(text, ", at most ");
		append_money(text, true);
	}
}

#endif
