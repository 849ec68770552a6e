/*
 * rule_gram.y: the grammar of conditions and benefits.
 *
 * Two languages share it; the scanner hands out a token first that says which one is read. The rules give the shape,
 * tree.c and literal.c check what makes sense. Errors are not recovered from: the first one is the one to report.
 */
%code requires {
#include "rule/scan.h"
}

%code {
#include <stdio.h>
#include <string.h>

/* Deep enough for 100 levels of parentheses; anything deeper is refused, and nothing is ever allocated for it. */
#define YYINITDEPTH 1000
#define YYMAXDEPTH 1000

#define YYLLOC_DEFAULT(current, rhs, n) \
	do { \
		(current).first = (n) ? YYRHSLOC(rhs, 1).first : YYRHSLOC(rhs, 0).last; \
		(current).last = YYRHSLOC(rhs, n).last; \
	} while (0)

#define CHECK(value) \
	do { \
		if (!(value)) \
			YYABORT; \
	} while (0)

static void commerce_rule_yyerror(RuleSpan *span, RuleParser *parser, void *scanner, const char *message);
}

%define api.pure full
%define api.prefix {commerce_rule_yy}
%define api.token.prefix {RULE_}
%define api.value.type {RuleToken}
%define api.location.type {RuleSpan}
%define parse.error custom
%define parse.lac full
%locations
%parse-param {RuleParser *parser} {void *scanner}
%lex-param {void *scanner}
/* yynerrs: bison counts errors and never reads the count, which newer compilers remark on */
%initial-action { @$.first = @$.last = 0; (void) yynerrs; }
%expect 0

%token END 0 "the end"
%token START_CONDITION "a condition" START_BENEFIT "a benefit"
%token OR_WORD "or" AND_WORD "and" NOT_WORD "not" IN_WORD "in" IS_WORD "is" NULL_WORD "null"
%token TRUE_WORD "true" FALSE_WORD "false"
%token OFF_WORD "off" FREE_WORD "free" WHERE_WORD "where" ORDER_WORD "order" UNITS_WORD "units"
%token <text> LINES_WORD "lines" SHIPPING_WORD "shipping"
%token <text> NAME "a name" STRING "text in single quotes"
%token <number> DECIMAL "a number"
%token <op> OPERATOR "a comparison"
%token BELOW_SIGN "<@"

%type <node> condition conjunction negation test where
%type <operand> operand
%type <text> name aggregate
%type <literal> literal money
%type <literals> literals
%type <target> some_lines
%type <benefit> benefit

%%

start:
	START_CONDITION condition	{ parser->condition = $2; }
	| START_BENEFIT benefit		{ parser->benefit = $2; }
	;

condition:
	conjunction
	| condition OR_WORD conjunction
		{ $$ = commerce_rule_join(parser, RULE_OR, $1, $3, @3); CHECK($$); }
	;

conjunction:
	negation
	| conjunction AND_WORD negation
		{ $$ = commerce_rule_join(parser, RULE_AND, $1, $3, @3); CHECK($$); }
	;

negation:
	test
	| NOT_WORD negation
		{ $$ = commerce_rule_not(parser, $2, @1); CHECK($$); }
	;

test:
	'(' condition ')'
		{ $$ = $2; }
	| TRUE_WORD
		{ $$ = commerce_rule_constant(parser, true); }
	| FALSE_WORD
		{ $$ = commerce_rule_constant(parser, false); }
	| operand
		{ $$ = commerce_rule_truth(parser, &$1); CHECK($$); }
	| operand OPERATOR literal
		{ $$ = commerce_rule_compare(parser, &$1, $2, @2, $3); CHECK($$); }
	| operand IN_WORD '(' literals ')'
		{ $$ = commerce_rule_member(parser, &$1, $4.first, false); CHECK($$); }
	| operand NOT_WORD IN_WORD '(' literals ')'
		{ $$ = commerce_rule_member(parser, &$1, $5.first, true); CHECK($$); }
	| operand BELOW_SIGN literal
		{ $$ = commerce_rule_below(parser, &$1, @2, $3); CHECK($$); }
	| operand IS_WORD NULL_WORD
		{ $$ = commerce_rule_absent(parser, &$1, @2, false); CHECK($$); }
	| operand IS_WORD NOT_WORD NULL_WORD
		{ $$ = commerce_rule_absent(parser, &$1, @2, true); CHECK($$); }
	;

operand:
	name
		{ CHECK(commerce_rule_operand(parser, $1, @1, &$$)); }
	| aggregate '(' ')'
		{
			memset(&$$, 0, sizeof($$));
			CHECK(commerce_rule_enter_aggregate(parser, $1, @1, &$$.attribute));
			$$.span = @$;
			parser->line_scope = false;
		}
	| aggregate '(' <attribute>{ CHECK(commerce_rule_enter_aggregate(parser, $1, @1, &$$)); } condition ')'
		{
			memset(&$$, 0, sizeof($$));
			$$.attribute = $3;
			$$.where = $4;
			$$.span = @$;
			parser->line_scope = false;
		}
	;

name:
	NAME
	| SHIPPING_WORD
	;

aggregate:
	NAME
	| LINES_WORD
	;

literal:
	DECIMAL
		{ $$ = commerce_rule_number(parser, $1, false, @1); CHECK($$); }
	| '-' DECIMAL
		{ $$ = commerce_rule_number(parser, $2, true, @$); CHECK($$); }
	| money
	| '-' DECIMAL NAME
		{ $$ = commerce_rule_money(parser, $2, true, $3, @$, @3); CHECK($$); }
	| STRING
		{ $$ = commerce_rule_text(parser, $1, @1); }
	| TRUE_WORD
		{ $$ = commerce_rule_bool(parser, true, @1); }
	| FALSE_WORD
		{ $$ = commerce_rule_bool(parser, false, @1); }
	;

money:
	DECIMAL NAME
		{ $$ = commerce_rule_money(parser, $1, false, $2, @$, @2); CHECK($$); }
	;

literals:
	literal
		{ $$.first = $$.last = $1; }
	| literals ',' literal
		{ $$.first = $1.first; $1.last->next = $3; $$.last = $3; }
	;

benefit:
	DECIMAL '%' OFF_WORD LINES_WORD where
		{ $$ = commerce_rule_percent_off(parser, $1, BENEFIT_LINES, $5, @1); CHECK($$); }
	| DECIMAL '%' OFF_WORD ORDER_WORD where
		{ $$ = commerce_rule_percent_off(parser, $1, BENEFIT_ORDER, $5, @1); CHECK($$); }
	| DECIMAL '%' OFF_WORD SHIPPING_WORD
		{ $$ = commerce_rule_percent_off(parser, $1, BENEFIT_SHIPPING, NULL, @1); CHECK($$); }
	| FREE_WORD SHIPPING_WORD
		{
			RuleDecimal all = {100, 0};

			$$ = commerce_rule_percent_off(parser, all, BENEFIT_SHIPPING, NULL, @1);
			CHECK($$);
		}
	| money OFF_WORD some_lines where
		{ $$ = commerce_rule_money_off(parser, $1, $3, $4); CHECK($$); }
	| money OFF_WORD SHIPPING_WORD
		{ $$ = commerce_rule_money_off(parser, $1, BENEFIT_SHIPPING, NULL); CHECK($$); }
	;

some_lines:
	LINES_WORD		{ $$ = BENEFIT_LINES; }
	| UNITS_WORD	{ $$ = BENEFIT_UNITS; }
	| ORDER_WORD	{ $$ = BENEFIT_ORDER; }
	;

where:
	%empty				{ $$ = NULL; }
	| WHERE_WORD condition	{ $$ = $2; }
	;

%%

#define MAX_EXPECTED 20

/* Appends in words what one token is; a name is an attribute or a currency, by what else could stand there. */
static void
describe(char *text, size_t size, yysymbol_kind_t symbol, bool attribute)
{
	const char *name = yysymbol_name(symbol);
	size_t used = strlen(text);

	if (symbol == YYSYMBOL_NAME)
		snprintf(text + used, size - used, "%s", attribute ? "an attribute" : "a currency such as EUR");
	else if (name[0] == '\'')
		snprintf(text + used, size - used, "\"%c\"", name[1]);
	else if (strchr(name, ' '))
		snprintf(text + used, size - used, "%s", name);
	else
		snprintf(text + used, size - used, "\"%s\"", name);
}

/* Reports a token that cannot stand where it stands, with all that could. */
static int
yyreport_syntax_error(const yypcontext_t *context, RuleParser *parser, void *scanner)
{
	yysymbol_kind_t symbols[MAX_EXPECTED];
	char expected[160] = "";
	int count = yypcontext_expected_tokens(context, symbols, MAX_EXPECTED);
	bool attribute = false;
	int kept = 0;

	(void) scanner;
	for (int i = 0; i < count; i++)
		attribute = attribute || symbols[i] == YYSYMBOL_LINES_WORD;
	for (int i = 0; i < count; i++)
	{
		bool part_of_name = symbols[i] == YYSYMBOL_LINES_WORD || symbols[i] == YYSYMBOL_SHIPPING_WORD;
		bool names = false;

		for (int j = 0; j < count; j++)
			names = names || symbols[j] == YYSYMBOL_NAME;
		if (!(part_of_name && names))
			symbols[kept++] = symbols[i];
	}
	for (int i = 0; i < kept; i++)
	{
		size_t used = strlen(expected);
		const char *separator = i == 0 ? "" : i == kept - 1 ? " or " : ", ";

		snprintf(expected + used, sizeof(expected) - used, "%s", separator);
		describe(expected, sizeof(expected), symbols[i], attribute);
	}
	commerce_rule_expected(parser, *yypcontext_location(context), kept ? expected : "something else");
	return 0;
}

/* Reports what bison itself reports: a stack that is full. */
static void
commerce_rule_yyerror(RuleSpan *span, RuleParser *parser, void *scanner, const char *message)
{
	(void) scanner;
	(void) message;
	commerce_rule_refuse(parser, *span, "nested more than 100 levels deep");
}

/* Reads the text as the language that parser->start names; the parser holds the result, or has failed. */
void
commerce_rule_run(RuleParser *parser, size_t length)
{
	void *scanner;

	commerce_rule_yylex_init_extra(parser, &scanner);
	commerce_rule_yy_scan_bytes(parser->text, (int) length, scanner);
	if (commerce_rule_yyparse(parser, scanner) != 0 && !parser->failed)
		commerce_rule_refuse(parser, (RuleSpan){0, 0}, "cannot be read");
	commerce_rule_yylex_destroy(scanner);
}
