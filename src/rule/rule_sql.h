/*
 * rule_sql.h: rules inside the server: palloc as their memory, ereport for their errors.
 */
#ifndef COMMERCE_RULE_RULE_SQL_H
#define COMMERCE_RULE_RULE_SQL_H

#include "base/pg.h"

#include "rule/rule.h"

/* Memory of the current context. */
extern const RuleMemory commerce_rule_palloc;

/* Parse the text of a value, or raise 22P02 with the place and what was expected. */
extern RuleNode *commerce_condition_read(const char *text);
extern Benefit *commerce_benefit_read(const char *text);

extern void commerce_rule_raise(const char *what, const RuleError *error, const char *hint)
	pg_attribute_noreturn();
extern void commerce_rule_require_short(const char *what, const char *canonical);

#endif
