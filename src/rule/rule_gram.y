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

/* Checks a benefit made of these parts and adds it to those that the text holds. */
#define FINISH(place, ...) \
	do { \
		Benefit made = {__VA_ARGS__}; \
		CHECK(commerce_rule_benefit(parser, &made, place)); \
	} while (0)

/* Makes a limit that counts. */
#define COUNT(result, of_kind, number, place) \
	do { \
		(result) = (BenefitLimit){.kind = (of_kind), .span = (place)}; \
		CHECK(commerce_rule_count(parser, number, place, &(result).count)); \
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
%token OFF_WORD "off" FREE_WORD "free" WHERE_WORD "where" ORDER_WORD "order" UNITS_WORD "units" UNIT_WORD "unit"
%token LINE_WORD "line" FIRST_WORD "first" OTHERS_WORD "others" FOR_WORD "for" TIERS_WORD "tiers"
%token GRADUATED_WORD "graduated" BY_WORD "by" ON_WORD "on" BUNDLE_WORD "bundle" BUY_WORD "buy" GET_WORD "get"
%token GIFT_WORD "gift" EVERY_WORD "every" AT_WORD "at" MOST_WORD "most" UP_WORD "up" TO_WORD "to"
%token TIMES_WORD "times" OF_WORD "of" EACH_WORD "each" GROUPS_WORD "groups" STEPS_WORD "steps"
%token CHEAPEST_WORD "cheapest" DEAREST_WORD "dearest" CART_WORD "cart"
%token <text> LINES_WORD "lines" SHIPPING_WORD "shipping" PRICE_WORD "price"
%token <text> NAME "a name" STRING "text in single quotes"
%token <number> DECIMAL "a number"
%token <op> OPERATOR "a comparison"
%token BELOW_SIGN "<@" ARROW "->"

%type <node> condition conjunction negation test where
%type <operand> operand
%type <text> name aggregate
%type <literal> literal money
%type <literals> literals
%type <target> target
%type <moneys> moneys
%type <reward> reward tier_reward set_reward
%type <basis> basis
%type <flag> graduated
%type <literal> threshold
%type <tiers> tiers
%type <parts> parts part
%type <limit> limit
%type <limits> limits

%%

start:
	START_CONDITION condition	{ parser->condition = $2; }
	| START_BENEFIT benefit
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
	| PRICE_WORD
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
	action
	| benefit ';' action
	;

action:
	reward OFF_WORD target where limits
		{ FINISH(@1, .kind = BENEFIT_OFF, .target = $3, .reward = $1, .where = $4, .limits = $5); }
	| FREE_WORD target where limits
		{
			FINISH(@1, .kind = BENEFIT_OFF, .target = $2, .reward = {REWARD_PERCENT, PERCENT_WHOLE, NULL},
				   .where = $3, .limits = $4);
		}
	| PRICE_WORD moneys FOR_WORD target where limits
		{
			Reward price;

			CHECK(commerce_rule_money_reward(parser, $2.first, true, &price));
			FINISH(@1, .kind = BENEFIT_OFF, .target = $4, .reward = price, .where = $5, .limits = $6);
		}
	| reward OFF_WORD FIRST_WORD UNIT_WORD AND_WORD reward OFF_WORD OTHERS_WORD where limits
		{
			FINISH(@1, .kind = BENEFIT_FLEXIBLE, .target = BENEFIT_UNITS, .reward = $1, .others = $6, .where = $9,
				   .limits = $10);
		}
	| TIERS_WORD BY_WORD basis graduated ':' tiers
		{
			FINISH(@1, .kind = BENEFIT_TIERS, .target = BENEFIT_ORDER, .basis = $3, .graduated = $4,
				   .tiers = $6.first);
		}
	| TIERS_WORD BY_WORD basis graduated ':' tiers ON_WORD target where limits
		{
			FINISH(@1, .kind = BENEFIT_TIERS, .target = $8, .basis = $3, .graduated = $4, .tiers = $6.first,
				   .where = $9, .limits = $10);
		}
	| DECIMAL FOR_WORD moneys where limits
		{
			BenefitPart *part = commerce_rule_part(parser, $1, false, $4, @1);
			Reward price;

			CHECK(part);
			CHECK(commerce_rule_money_reward(parser, $3.first, true, &price));
			FINISH(@1, .kind = BENEFIT_SET, .target = BENEFIT_UNITS, .get = part, .reward = price, .limits = $5);
		}
	| BUNDLE_WORD parts set_reward limits
		{
			FINISH(@1, .kind = BENEFIT_SET, .target = BENEFIT_UNITS, .get = $2.first, .reward = $3, .limits = $4);
		}
	| BUY_WORD parts GET_WORD part set_reward limits
		{
			FINISH(@1, .kind = BENEFIT_SET, .target = BENEFIT_UNITS, .buy = $2.first, .get = $4.first,
				   .reward = $5, .limits = $6);
		}
	| GIFT_WORD DECIMAL STRING limits
		{
			Benefit gift = {.kind = BENEFIT_GIFT, .gift = $3, .limits = $4};

			CHECK(commerce_rule_count(parser, $2, @2, &gift.quantity));
			CHECK(commerce_rule_benefit(parser, &gift, @1));
		}
	| GIFT_WORD DECIMAL STRING FOR_WORD EVERY_WORD part limits
		{
			Benefit gift = {.kind = BENEFIT_GIFT, .gift = $3, .buy = $6.first, .limits = $7};

			CHECK(commerce_rule_count(parser, $2, @2, &gift.quantity));
			CHECK(commerce_rule_benefit(parser, &gift, @1));
		}
	;

moneys:
	money
		{ $$.first = $$.last = commerce_rule_money_item(parser, $1, NULL); CHECK($$.first); }
	| moneys OR_WORD money
		{
			RuleMoney *item = commerce_rule_money_item(parser, $3, $1.first);

			CHECK(item);
			$$.first = $1.first;
			$1.last->next = item;
			$$.last = item;
		}
	;

reward:
	DECIMAL '%'
		{ CHECK(commerce_rule_percent(parser, $1, @1, &$$)); }
	| moneys
		{ CHECK(commerce_rule_money_reward(parser, $1.first, false, &$$)); }
	;

target:
	LINES_WORD		{ $$ = BENEFIT_LINES; }
	| UNITS_WORD	{ $$ = BENEFIT_UNITS; }
	| ORDER_WORD	{ $$ = BENEFIT_ORDER; }
	| SHIPPING_WORD
		{
			$$ = BENEFIT_SHIPPING;
			parser->line_scope = false; /* what stands behind "where" is no line's */
		}
	;

basis:
	NAME
		{ CHECK(commerce_rule_basis(parser, "", $1, @1, &$$)); }
	| LINE_WORD NAME
		{ CHECK(commerce_rule_basis(parser, "line ", $2, @2, &$$)); }
	| ORDER_WORD NAME
		{ CHECK(commerce_rule_basis(parser, "order ", $2, @2, &$$)); }
	;

graduated:
	%empty				{ $$ = false; }
	| GRADUATED_WORD	{ $$ = true; }
	;

tiers:
	threshold ARROW tier_reward
		{ $$.first = $$.last = commerce_rule_tier(parser, $1, &$3, NULL); CHECK($$.first); }
	| tiers ',' threshold ARROW tier_reward
		{
			BenefitTier *tier = commerce_rule_tier(parser, $3, &$5, $1.last);

			CHECK(tier);
			$$.first = $1.first;
			$1.last->next = tier;
			$$.last = tier;
		}
	;

threshold:
	DECIMAL
		{ $$ = commerce_rule_number(parser, $1, false, @1); CHECK($$); }
	| money
	;

tier_reward:
	reward
	| PRICE_WORD moneys
		{ CHECK(commerce_rule_money_reward(parser, $2.first, true, &$$)); }
	;

set_reward:
	FREE_WORD
		{ $$ = (Reward){REWARD_PERCENT, PERCENT_WHOLE, NULL}; }
	| AT_WORD reward OFF_WORD
		{ $$ = $2; }
	| FOR_WORD moneys
		{ CHECK(commerce_rule_money_reward(parser, $2.first, true, &$$)); }
	;

parts:
	part
	| parts '+' part
		{
			$$.first = $1.first;
			$1.last->next = $3.first;
			$$.last = $3.first;
		}
	;

part:
	DECIMAL where
		{ $$.first = $$.last = commerce_rule_part(parser, $1, false, $2, @1); CHECK($$.first); }
	| UP_WORD TO_WORD DECIMAL where
		{ $$.first = $$.last = commerce_rule_part(parser, $3, true, $4, @3); CHECK($$.first); }
	;

limits:
	%empty
		{ memset(&$$, 0, sizeof($$)); }
	| limits ',' limit
		{ $$ = $1; CHECK(commerce_rule_limit(parser, &$$, &$3)); }
	;

limit:
	AT_WORD MOST_WORD DECIMAL UNITS_WORD
		{ COUNT($$, LIMIT_UNITS, $3, @3); }
	| AT_WORD MOST_WORD DECIMAL UNITS_WORD OF_WORD EACH_WORD LINE_WORD
		{ COUNT($$, LIMIT_UNITS_OF_LINE, $3, @3); }
	| AT_WORD MOST_WORD DECIMAL TIMES_WORD
		{ COUNT($$, LIMIT_TIMES, $3, @3); }
	| IN_WORD GROUPS_WORD OF_WORD DECIMAL
		{ COUNT($$, LIMIT_GROUP, $4, @4); }
	| IN_WORD STEPS_WORD OF_WORD DECIMAL
		{ COUNT($$, LIMIT_STEP, $4, @4); }
	| AT_WORD MOST_WORD moneys
		{ $$ = (BenefitLimit){.kind = LIMIT_MONEY, .money = $3.first, .span = @3}; }
	| CHEAPEST_WORD FIRST_WORD
		{ $$ = (BenefitLimit){.kind = LIMIT_ORDER, .order = UNITS_CHEAPEST, .span = @1}; }
	| DEAREST_WORD FIRST_WORD
		{ $$ = (BenefitLimit){.kind = LIMIT_ORDER, .order = UNITS_DEAREST, .span = @1}; }
	| IN_WORD CART_WORD ORDER_WORD
		{ $$ = (BenefitLimit){.kind = LIMIT_ORDER, .order = UNITS_AS_IN_CART, .span = @1}; }
	;

where:
	%empty				{ $$ = NULL; }
	| WHERE_WORD condition	{ $$ = $2; }
	;

%%

#define MAX_EXPECTED 30

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
		bool part_of_name = symbols[i] == YYSYMBOL_LINES_WORD || symbols[i] == YYSYMBOL_SHIPPING_WORD ||
							symbols[i] == YYSYMBOL_PRICE_WORD;
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
