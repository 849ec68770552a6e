// sources: src/rule/attribute.c src/rule/tree.c src/rule/literal.c src/rule/benefit.c src/rule/need.c src/rule/parse.c src/rule/print.c src/rule/print_benefit.c src/rule/evaluate.c src/rule/rule_gram.c src/rule/rule_scan.c src/money/currency.c
/*
 * rule.c: what the language of rules accepts, how it prints it, what it refuses and where, outside of the server.
 */
#include "rule_test.h"

static const char *const canonical[][2] = {
	{"subtotal>=100 eur", "subtotal >= 100 EUR"},
	{"subtotal >= 100.00 EUR", "subtotal >= 100 EUR"},
	{"subtotal >= 100.5 EUR", "subtotal >= 100.50 EUR"},
	{"shipping = 0.05 KWD", "shipping = 0.050 KWD"},
	{"shipping < -0.5 EUR", "shipping < -0.50 EUR"},
	{"price = 9007199254740991 JPY", "price = 9007199254740991 JPY"},
	{"price = 90071992547409.91 EUR", "price = 90071992547409.91 EUR"},
	{"quantity = 007.500", "quantity = 7.5"},
	{"quantity = -0", "quantity = 0"},
	{"quantity = 0.000", "quantity = 0"},
	{"quantity = 100", "quantity = 100"},
	{"quantity = 0.05", "quantity = 0.05"},
	{"Sku = 'a''b' AND Not ON_SALE", "sku = 'a''b' and not on_sale"},
	{"sku = ''", "sku = ''"},
	{"code in ('summer', 'Winter')", "code in ('SUMMER', 'WINTER')"},
	{"sku not in ('A')", "sku not in ('A')"},
	{"not sku in ('A')", "not sku in ('A')"},
	{"((true) and (false and true)) or (((on_sale or false)))",
	 "true and false and true or on_sale or false"},
	{"not (true and false)", "not (true and false)"},
	{"not (true or false)", "not (true or false)"},
	{"not not (true)", "not not true"},
	{"(true or false) and on_sale", "(true or false) and on_sale"},
	{"quantity( category<@'a.b' )>2", "quantity(category <@ 'a.b') > 2"},
	{"lines(true or on_sale) = 1", "lines(true or on_sale) = 1"},
	{"subtotal() > 1 EUR", "subtotal() > 1 EUR"},
	{"subtotal(subtotal > 2 EUR) > 1 EUR and subtotal > 3 EUR",
	 "subtotal(subtotal > 2 EUR) > 1 EUR and subtotal > 3 EUR"},
	{"attributes.Size.eu-42 >= 41.5 or attributes.soft", "attributes.Size.eu-42 >= 41.5 or attributes.soft"},
	{"attributes.x = true and attributes.x <> 'y'", "attributes.x = true and attributes.x <> 'y'"},
	{"attributes.x in (1, 'a', false)", "attributes.x in (1, 'a', false)"},
	{"brand is null and tag IS NOT NULL", "brand is null and tag is not null"},
	{"WEEKDAY in('mon', 'sun')", "weekday in ('mon', 'sun')"},
	{"time >= '18:00' and time < '24:00'", "time >= '18:00' and time < '24:00'"},
	{"date <> '2026-11-27'", "date <> '2026-11-27'"},
	{"date in ('2028-02-29', '2000-02-29', '2026-12-31')", "date in ('2028-02-29', '2000-02-29', '2026-12-31')"},
	{"date in ('2026-01-01', '2027-12-31')", "date in ('2026-01-01', '2027-12-31')"},
	{"customer.orders=0", "customer.orders = 0"},
	{"Customer.Attributes.Tier >= 2.50", "customer.attributes.Tier >= 2.5"},
	{"customer.attributes.vip", "customer.attributes.vip"},
	{"customer.attributes.a.b is not null", "customer.attributes.a.b is not null"},
	{"region = 'CA' or postal_code in ('10115') or currency <> 'EUR'",
	 "region = 'CA' or postal_code in ('10115') or currency <> 'EUR'"},
	{"region is null and postal_code is not null", "region is null and postal_code is not null"},
	{"customer.group='vip'\n\tand shipping.method='dhl'",
	 "customer.group = 'vip' and shipping.method = 'dhl'"},
};

static const struct
{
	const char *text;
	int position;
	const char *message;
} refused[] = {
	{"", 1, "expected \"not\", \"true\", \"false\", an attribute or \"(\", found the end"},
	{"subtotal >= 'abc'", 13, "expected an amount of money such as 100 EUR, found 'abc'"},
	{"subtotal >= 100", 13, "expected an amount of money such as 100 EUR, found \"100\""},
	{"subtotal >= 100 XXY", 17, "expected a currency such as EUR, found \"XXY\""},
	{"subtotal >= 0.001 EUR", 13, "expected at most 2 decimals for EUR, found \"0.001 EUR\""},
	{"subtotal >= 90071992547409.92 EUR", 13,
	 "expected an amount of at most 9007199254740991 minor units, found \"90071992547409.92 EUR\""},
	{"quantity > 1234567890123456", 12, "expected a number of at most 15 digits, found \"1234567890123456\""},
	{"quantity > 1234567890123456789", 12,
	 "expected a number of at most 15 digits, found \"1234567890123456789\""},
	{"quantity > '2'", 12, "expected a number, found '2'"},
	{"sku = 2", 7, "expected text in single quotes, found \"2\""},
	{"sku < 'A'", 5, "expected =, <> or in, found \"<\""},
	{"on_sale = 'yes'", 11, "expected true or false, found 'yes'"},
	{"on_sale > true", 9, "expected = or <>, found \">\""},
	{"attributes.x = 5 EUR", 16, "expected text in single quotes, a number, true or false, found \"5 EUR\""},
	{"attributes.x < 'a'", 14, "expected =, <> or in, found \"<\""},
	{"sku in ('A', 2)", 14, "expected text in single quotes, found \"2\""},
	{"color = 'red'", 1, "expected an attribute such as subtotal, sku or customer.group, found \"color\""},
	{"sku", 1, "expected a comparison such as sku = '...', found \"sku\""},
	{"quantity()", 1, "expected a comparison such as quantity() >= 2, found \"quantity()\""},
	{"sku <@ 'a'", 5, "<@ compares a category: category <@ 'clothing.shoes'"},
	{"category <@ 'a..b'", 13, "expected a category such as 'clothing.shoes', found 'a..b'"},
	{"category <@ ''", 13, "expected a category such as 'clothing.shoes', found ''"},
	{"quantity is null", 10, "quantity is never null"},
	{"sku(true) = 1", 1, "expected quantity, subtotal or lines before a parenthesis, found \"sku\""},
	{"lines(quantity() > 1) > 1", 7,
	 "quantity(...) counts over the cart and cannot stand in a condition on a line"},
	{"sku = 'A' sku", 11, "expected the end, \"or\" or \"and\", found \"sku\""},
	{"sku = 'A", 7, "text in quotes has no closing quote"},
	{"sku = 'A' and", 14, "expected \"not\", \"true\", \"false\", an attribute or \"(\", found the end"},
	{"(sku = 'A'", 11, "expected \"or\", \"and\" or \")\", found the end"},
	{"sku = 'A')", 10, "expected the end, \"or\" or \"and\", found \")\""},
	{"sku = \"A\"", 7, "expected a word, a number or text in single quotes, found \"\"\""},
	{"sku = 'äöü' !", 13, "expected a word, a number or text in single quotes, found \"!\""},
	{"sku == 'A'", 6, "expected \"true\", \"false\", text in single quotes, a number or \"-\", found \"=\""},
	{"weekday = 'monday'", 11, "expected 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', found 'monday'"},
	{"weekday = 'Mon'", 11, "expected 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', found 'Mon'"},
	{"weekday in ('mon', 'n t')", 20,
	 "expected 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', found 'n t'"},
	{"weekday = 'ont'", 11, "expected 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', found 'ont'"},
	{"weekday < 'mon'", 9, "expected =, <> or in, found \"<\""},
	{"time < '9:00'", 8, "expected a time such as '18:30', found '9:00'"},
	{"time < '25:00'", 8, "expected a time such as '18:30', found '25:00'"},
	{"time < '24:01'", 8, "expected a time such as '18:30', found '24:01'"},
	{"time < '18:60'", 8, "expected a time such as '18:30', found '18:60'"},
	{"time < 18", 8, "expected text in single quotes, found \"18\""},
	{"time is null", 6, "time is never null"},
	{"date = '2026-13-01'", 8, "expected a date such as '2026-11-27', found '2026-13-01'"},
	{"date = '2026-1-01'", 8, "expected a date such as '2026-11-27', found '2026-1-01'"},
	{"date = '2026-12-32'", 8, "expected a date such as '2026-11-27', found '2026-12-32'"},
	{"date = '2026-02-31'", 8, "expected a date that exists, found '2026-02-31'"},
	{"date < '2026-02-29'", 8, "expected a date that exists, found '2026-02-29'"},
	{"date < '2100-02-29'", 8, "expected a date that exists, found '2100-02-29'"},
	{"date in ('2026-04-30', '2026-04-31')", 24, "expected a date that exists, found '2026-04-31'"},
	{"date > '0000-01-01'", 8, "expected a date that exists, found '0000-01-01'"},
	{"date = '2026-02-00'", 8, "expected a date such as '2026-11-27', found '2026-02-00'"},
	{"date in ('2026-11-27', 'today')", 24, "expected a date such as '2026-11-27', found 'today'"},
	{"customer.orders", 1, "expected a comparison such as customer.orders >= 2, found \"customer.orders\""},
	{"customer.orders is null", 17, "customer.orders is never null"},
	{"region > 'A'", 8, "expected =, <> or in, found \">\""},
	{"currency is null", 10, "currency is never null"},
	{"currency = 978", 12, "expected text in single quotes, found \"978\""},
	{"20% off order", 1, "expected \"not\", \"true\", \"false\", an attribute or \"(\", found \"20\""},
};

/* Reads what is right and what is wrong. */
static void
test_texts(void)
{
	RuleError error;

	for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++)
	{
		RuleNode *node = commerce_condition_parse(canonical[i][0], &memory, &error);

		same(node ? commerce_condition_print(node, &memory) : error.message, canonical[i][1],
			 canonical[i][0]);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		bool none = commerce_condition_parse(refused[i].text, &memory, &error) == NULL;

		same(none ? error.message : "accepted", refused[i].message, refused[i].text);
		ok(none && error.position == refused[i].position, "its position");
		if (none && error.position != refused[i].position)
			printf("# wanted: %d\n# got:    %d\n", refused[i].position, error.position);
	}
	ok(commerce_stored_condition_parse("date <= '2026-02-31'", &memory, &error) != NULL,
	   "a date that does not exist, stored");
	ok(commerce_stored_condition_parse("date <= '2026-02-32'", &memory, &error) == NULL,
	   "what never was taken, stored");
	ok(commerce_stored_benefit_parse("1% off order where date = '2026-02-31'", &memory, &error) != NULL,
	   "a date that does not exist in a benefit, stored");
	free_all();
}

/* Repeats a text before, and another after, a third. */
static char *
repeat(const char *before, int count, const char *middle, const char *after)
{
	size_t size = (strlen(before) + strlen(after)) * (size_t) count + strlen(middle) + 1;
	char *text = allocate(NULL, size);
	char *end = text;

	for (int i = 0; i < count; i++)
		end = stpcpy(end, before);
	end = stpcpy(end, middle);
	for (int i = 0; i < count; i++)
		end = stpcpy(end, after);
	return text;
}

/* Says why a condition is refused. */
static const char *
refusal(const char *text)
{
	static RuleError error;

	return commerce_condition_parse(text, &memory, &error) ? "accepted" : error.message;
}

/* Goes up to each limit and one step beyond. */
static void
test_limits(void)
{
	const char *deep = "nested more than 100 levels deep";

	same(refusal(repeat("(", 100, "true", ")")), "accepted", "100 parentheses");
	same(refusal(repeat("(", 101, "true", ")")), deep, "101 parentheses");
	same(refusal(repeat("(", 60000, "true", "")), deep, "60000 parentheses");
	same(refusal(repeat("not ", 99, "true", "")), "accepted", "99 nots");
	same(refusal(repeat("not ", 100, "true", "")), deep, "100 nots over a test");
	same(refusal(repeat("not ", 16000, "true", "")), deep, "16000 nots");
	same(refusal(repeat("true and (false or ", 49, "true", ")")), "accepted", "98 levels of and and or");
	same(refusal(repeat("true and (false or ", 50, "true", ")")), deep, "100 levels over a test");
	same(refusal(repeat("true or true and not (", 100, "true", ")")), deep, "100 levels of everything");
	same(refusal(repeat("true or ", 8000, "true", "")), "accepted", "8000 alternatives are one level");
	same(refusal(repeat("", 0, repeat(" ", 65532, "true", ""), "")), "accepted", "64 KiB");
	same(refusal(repeat(" ", 65533, "true", "")), "longer than 64 KiB", "one byte more");
	same(refusal(repeat("'", 65536, "", "")),
		 "expected \"not\", \"true\", \"false\", an attribute or \"(\", found "
		 "''''''''''''''''''''''''''''''''''''''''...",
		 "64 KiB of quotes");
	ok(strstr(refusal(repeat("sku = 'A' €", 1, "", "")), "found \"€\"") != NULL,
	   "a found character is whole");
	ok(strlen(refusal(repeat("\xc3", 60000, "", ""))) > 0, "invalid bytes are refused");
	free_all();
}

/* Runs all of it. */
int
main(void)
{
	test_texts();
	test_limits();
	return finish();
}
