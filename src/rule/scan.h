/*
 * scan.h: the scanner as the parser sees it.
 */
#ifndef COMMERCE_RULE_SCAN_H
#define COMMERCE_RULE_SCAN_H

#include "rule/tree.h"

/* The value of a token or of a piece of the grammar. */
typedef union RuleToken
{
	const char *text;
	RuleDecimal number;
	RuleOperator op;
	RuleAttribute attribute;
	RuleOperand operand;
	RuleLiteral *literal;
	struct
	{
		RuleLiteral *first;
		RuleLiteral *last;
	} literals;
	BenefitTarget target;
	TierBasis basis;
	bool flag;
	RuleNode *node;
	Reward reward;
	struct
	{
		RuleMoney *first;
		RuleMoney *last;
	} moneys;
	struct
	{
		BenefitTier *first;
		BenefitTier *last;
	} tiers;
	struct
	{
		BenefitPart *first;
		BenefitPart *last;
	} parts;
	BenefitLimit limit;
	BenefitLimits limits;
	Benefit *benefit;
} RuleToken;

/* The scanner itself, as flex makes it. */
struct yy_buffer_state;
extern int commerce_rule_yylex(RuleToken *token, RuleSpan *span, void *scanner);
extern int commerce_rule_yylex_init_extra(RuleParser *parser, void **scanner);
extern struct yy_buffer_state *commerce_rule_yy_scan_bytes(const char *text, int length, void *scanner);
extern int commerce_rule_yylex_destroy(void *scanner);

/* rule_gram.y */
extern void commerce_rule_run(RuleParser *parser, size_t length);

#endif
