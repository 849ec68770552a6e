/*
 * tree.h: the tree behind a condition, and what the files of this room share to build, print and evaluate it.
 *
 * A tree is canonical by construction: "and" and "or" hold a flat list (never one of their own kind), numbers carry
 * no trailing zeros, codes are upper case, names are resolved to attributes of the cart or of a line. So two texts
 * that differ only in layout give equal trees, and printing is a plain walk.
 */
#ifndef COMMERCE_RULE_TREE_H
#define COMMERCE_RULE_TREE_H

#include <stddef.h>

#include "rule/rule.h"

#define RULE_MAX_DEPTH 100
/* So many digits survive a double exactly, which is what a descriptive attribute is compared as. */
#define RULE_MAX_DIGITS 15

typedef enum RuleType
{
	RULE_MONEY,
	RULE_NUMBER,
	RULE_TEXT,
	RULE_CLOCK, /* text like '18:05', '2026-11-25': it has an order */
	RULE_BOOL,
	RULE_ANY, /* an attribute of the shop's own: text, number or boolean, known when it is read */
} RuleType;

typedef enum RuleAttribute
{
	ATTRIBUTE_CART_SUBTOTAL,
	ATTRIBUTE_SHIPPING,
	ATTRIBUTE_CHANNEL,
	ATTRIBUTE_CUSTOMER,
	ATTRIBUTE_CUSTOMER_GROUP,
	ATTRIBUTE_CUSTOMER_ORDERS,
	ATTRIBUTE_CUSTOMER_OWN, /* customer.attributes.<path> */
	ATTRIBUTE_COUNTRY,
	ATTRIBUTE_REGION,
	ATTRIBUTE_POSTAL_CODE,
	ATTRIBUTE_SHIPPING_METHOD,
	ATTRIBUTE_CURRENCY,
	ATTRIBUTE_TIME,
	ATTRIBUTE_DATE,
	ATTRIBUTE_WEEKDAY,
	ATTRIBUTE_CODE,
	ATTRIBUTE_SKU,
	ATTRIBUTE_PRODUCT,
	ATTRIBUTE_BRAND,
	ATTRIBUTE_CATEGORY,
	ATTRIBUTE_TAX_CLASS,
	ATTRIBUTE_TAG,
	ATTRIBUTE_QUANTITY,
	ATTRIBUTE_PRICE,
	ATTRIBUTE_LINE_SUBTOTAL,
	ATTRIBUTE_ON_SALE,
	ATTRIBUTE_OWN, /* attributes.<path> */
	ATTRIBUTE_SUM_QUANTITY,
	ATTRIBUTE_SUM_SUBTOTAL,
	ATTRIBUTE_COUNT_LINES,
	ATTRIBUTE_COUNT,
} RuleAttribute;

/* Where an attribute is read: once per cart, in each line, or over the lines that match. */
typedef enum RuleScope
{
	SCOPE_CART,
	SCOPE_LINE,
	SCOPE_AGGREGATE,
} RuleScope;

typedef struct RuleAttributeInfo
{
	const char *name;
	RuleScope scope;
	RuleType type;
	bool nullable; /* may be absent, so "is null" makes sense */
} RuleAttributeInfo;

/* A range of bytes of the text, from first up to but not including last. */
typedef struct RuleSpan
{
	int first;
	int last;
} RuleSpan;

/* coefficient / 10^scale, without trailing zeros. */
typedef struct RuleDecimal
{
	int64_t coefficient;
	int scale;
} RuleDecimal;

typedef struct RuleLiteral
{
	RuleType type;
	RuleDecimal number;
	int64_t minor;
	int currency;
	const char *text;
	bool truth;
	RuleSpan span;
	struct RuleLiteral *next;
} RuleLiteral;

/* What a comparison looks at. */
typedef struct RuleOperand
{
	RuleAttribute attribute;
	const char *path; /* ATTRIBUTE_OWN, ATTRIBUTE_CUSTOMER_OWN: the dotted path after "attributes." */
	RuleNode *where;  /* aggregates: which lines; NULL for all */
	RuleSpan span;
} RuleOperand;

typedef enum RuleOperator
{
	OPERATOR_EQ,
	OPERATOR_NE,
	OPERATOR_LT,
	OPERATOR_LE,
	OPERATOR_GT,
	OPERATOR_GE,
} RuleOperator;

typedef enum RuleKind
{
	RULE_OR,
	RULE_AND,
	RULE_NOT,
	RULE_CONSTANT,  /* true, false */
	RULE_TRUTH,     /* on_sale */
	RULE_COMPARE,   /* operand operator literal */
	RULE_MEMBER,    /* operand [not] in (literals) */
	RULE_BELOW,     /* operand <@ literal */
	RULE_IS_ABSENT, /* operand is [not] null */
} RuleKind;

struct RuleNode
{
	RuleKind kind;
	int depth;
	bool truth;   /* RULE_CONSTANT */
	bool negated; /* RULE_MEMBER, RULE_IS_ABSENT */
	RuleOperator op;
	RuleOperand operand;
	RuleLiteral *literals;
	RuleNode *first; /* children of RULE_OR, RULE_AND, RULE_NOT, linked by next */
	RuleNode *last;
	RuleNode *next;
};

/* One limit as it stands in a text. */
typedef enum BenefitLimitKind
{
	LIMIT_UNITS,
	LIMIT_UNITS_OF_LINE,
	LIMIT_GROUP,
	LIMIT_STEP,
	LIMIT_TIMES,
	LIMIT_MONEY,
	LIMIT_ORDER,
} BenefitLimitKind;

typedef struct BenefitLimit
{
	BenefitLimitKind kind;
	int64_t count;
	RuleMoney *money;
	UnitOrder order;
	RuleSpan span;
} BenefitLimit;

typedef struct RuleParser
{
	const char *text;
	const RuleMemory *memory;
	RuleError *error;
	bool failed;
	bool line_scope; /* names mean a line's attributes first */
	bool stored;     /* it was read before, perhaps by a version that refused less */
	int start;       /* token that says which language is read; 0 once it was handed out */
	int open;        /* parentheses open so far */
	RuleNode *condition;
	Benefit *benefit; /* the first of several */
	Benefit *last;
	int benefit_count;
} RuleParser;

/* attribute.c */
extern const RuleAttributeInfo *commerce_rule_attribute(RuleAttribute attribute);
extern bool commerce_rule_find(const char *name, RuleScope scope, RuleAttribute *found);

/* parse.c */
extern void *commerce_rule_allocate(const RuleMemory *memory, size_t size);
extern void commerce_rule_expected(RuleParser *parser, RuleSpan span, const char *expected);
extern void commerce_rule_refuse(RuleParser *parser, RuleSpan span, const char *message);

/* print.c, print_benefit.c: the words for RuleOperator, BenefitTarget, TierBasis and UnitOrder */
extern const char *const commerce_rule_operators[];
extern const char *const commerce_rule_targets[];
extern const char *const commerce_rule_bases[];
extern const char *const commerce_rule_orders[];

/* tree.c: each returns NULL, and false, after reporting what is wrong */
extern RuleNode *commerce_rule_join(RuleParser *parser, RuleKind kind, RuleNode *left, RuleNode *right,
									RuleSpan span);
extern RuleNode *commerce_rule_not(RuleParser *parser, RuleNode *child, RuleSpan span);
extern RuleNode *commerce_rule_constant(RuleParser *parser, bool truth);
extern RuleNode *commerce_rule_truth(RuleParser *parser, const RuleOperand *operand);
extern RuleNode *commerce_rule_compare(RuleParser *parser, const RuleOperand *operand, RuleOperator op,
									   RuleSpan op_span, RuleLiteral *literal);
extern RuleNode *commerce_rule_member(RuleParser *parser, const RuleOperand *operand, RuleLiteral *literals,
									  bool negated);
extern RuleNode *commerce_rule_below(RuleParser *parser, const RuleOperand *operand, RuleSpan op_span,
									 RuleLiteral *literal);
extern RuleNode *commerce_rule_absent(RuleParser *parser, const RuleOperand *operand, RuleSpan op_span,
									  bool negated);

/* literal.c: likewise */
extern bool commerce_rule_decimal(const char *digits, int length, RuleDecimal *decimal);
extern bool commerce_rule_operand(RuleParser *parser, const char *name, RuleSpan span, RuleOperand *operand);
extern bool commerce_rule_enter_aggregate(RuleParser *parser, const char *name, RuleSpan span,
										  RuleAttribute *attribute);
extern RuleLiteral *commerce_rule_number(RuleParser *parser, RuleDecimal number, bool minus, RuleSpan span);
extern RuleLiteral *commerce_rule_money(RuleParser *parser, RuleDecimal number, bool minus,
										const char *currency, RuleSpan span, RuleSpan currency_span);
extern RuleLiteral *commerce_rule_text(RuleParser *parser, const char *text, RuleSpan span);
extern RuleLiteral *commerce_rule_bool(RuleParser *parser, bool truth, RuleSpan span);

/* benefit.c: likewise */
extern bool commerce_rule_percent(RuleParser *parser, RuleDecimal percent, RuleSpan span, Reward *reward);
extern bool commerce_rule_money_reward(RuleParser *parser, RuleMoney *money, bool price, Reward *reward);
extern RuleMoney *commerce_rule_money_item(RuleParser *parser, const RuleLiteral *money,
										   const RuleMoney *before);
extern bool commerce_rule_count(RuleParser *parser, RuleDecimal number, RuleSpan span, int64_t *count);
extern BenefitPart *commerce_rule_part(RuleParser *parser, RuleDecimal quantity, bool up_to, RuleNode *where,
									   RuleSpan span);
extern bool commerce_rule_basis(RuleParser *parser, const char *word, const char *name, RuleSpan span,
								TierBasis *basis);
extern BenefitTier *commerce_rule_tier(RuleParser *parser, const RuleLiteral *from, const Reward *reward,
									   const BenefitTier *before);
extern bool commerce_rule_limit(RuleParser *parser, BenefitLimits *limits, const BenefitLimit *limit);
extern bool commerce_rule_benefit(RuleParser *parser, const Benefit *benefit, RuleSpan span);

/* print.c, for print_benefit.c */
typedef struct RulePrinter
{
	const RuleMemory *memory;
	char *text;
	size_t length;
	size_t size;
} RulePrinter;

extern void commerce_rule_put(RulePrinter *printer, const char *string);
extern void commerce_rule_put_quoted(RulePrinter *printer, const char *text);
extern void commerce_rule_put_decimal(RulePrinter *printer, int64_t coefficient, int scale);
extern void commerce_rule_put_money(RulePrinter *printer, int64_t minor, int currency);
extern void commerce_rule_put_where(RulePrinter *printer, const RuleNode *where);

#endif
