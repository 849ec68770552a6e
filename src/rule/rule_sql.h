/*
 * rule_sql.h: rules inside the server: palloc as their memory, ereport for their errors.
 */
#ifndef COMMERCE_RULE_RULE_SQL_H
#define COMMERCE_RULE_RULE_SQL_H

#include "base/pg.h"

#include "base/json.h"

#include "rule/rule.h"

/* Memory of the current context. */
extern const RuleMemory commerce_rule_palloc;

/* Memory of a context, in blocks of any size. */
extern RuleMemory commerce_rule_memory(MemoryContext context);

/* Lets a long evaluation be cancelled: what carts breathe with. */
extern void commerce_rule_breathe(void);

/*
 * Parse the text of a value that there is already, or raise 22P02 with the place and what was expected. The tree lives in
 * the current context.
 */
extern RuleNode *commerce_condition_read(const char *text);
extern Benefit *commerce_benefit_read(const char *text);

/* The input functions of both types. */
extern Datum commerce_condition_in(PG_FUNCTION_ARGS);
extern Datum commerce_benefit_in(PG_FUNCTION_ARGS);

extern void commerce_rule_raise(const char *what, const RuleError *error, const char *hint)
	__attribute__((__noreturn__));
extern void commerce_rule_require_short(const char *what, const char *canonical);

/* from_json_sql.c, to_json_sql.c, for benefits: a condition from JSON, as text in parentheses, and to JSON. */
extern void commerce_condition_append_json(StringInfo text, JsonbContainer *object);
extern void commerce_rule_append_quoted(StringInfo text, const char *value);
extern void commerce_condition_write_json(JsonWriter *writer, const RuleNode *condition);

/* Refuses an object with a key that is not in the list: a misspelled one must not become a silent default. */
extern void commerce_rule_require_keys(JsonbContainer *object, const char *const *known, int count,
									   const char *what);

#endif
