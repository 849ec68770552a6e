/*
 * condition_sql.c: the type commerce.condition.
 *
 * A value is stored as its canonical text: it reads well in a dump, compares as text, and survives any change of the
 * tree behind it. Whoever evaluates often keeps the parsed tree.
 */
#include "rule/rule_sql.h"

#include "base/errors.h"
#include "base/json.h"
#include "rule/cart_json.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_condition_in);
PG_FUNCTION_INFO_V1(commerce_condition_out);
PG_FUNCTION_INFO_V1(commerce_condition_recv);
PG_FUNCTION_INFO_V1(commerce_condition_send);
PG_FUNCTION_INFO_V1(commerce_condition_holds_sql);

/* Gives the language memory of the current context. */
static void *
allocate(void *context, unsigned long size)
{
	(void) context;
	CHECK_FOR_INTERRUPTS();
	return palloc(size);
}

const RuleMemory commerce_rule_palloc = {allocate, NULL};

/* Gives memory of a context. */
static void *
allocate_in(void *context, unsigned long size)
{
	return MemoryContextAllocHuge(context, size);
}

/* Returns memory of a context. */
RuleMemory
commerce_rule_memory(MemoryContext context)
{
	return (RuleMemory){allocate_in, context};
}

/* Lets a long evaluation be cancelled. */
void
commerce_rule_breathe(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Writes a piece of a refused text into the DETAIL; a piece cut inside a character of the server's encoding is left out. */
static void
write_piece(JsonWriter *detail, const char *key, const char *piece)
{
	if (piece[0] == '\0' || !pg_verifymbstr(piece, (int) strlen(piece), true))
		return;
	commerce_json_key(detail, key);
	commerce_json_string(detail, piece);
}

/* Raises what the parser reported about a text. */
void
commerce_rule_raise(const char *what, const RuleError *error, const char *hint)
{
	JsonWriter detail = JSON_WRITER_INIT;
	bool readable = pg_verifymbstr(error->message, (int) strlen(error->message), true);

	commerce_json_object(&detail);
	commerce_json_key(&detail, "position");
	commerce_json_int(&detail, error->position);
	write_piece(&detail, "expected", error->expected);
	write_piece(&detail, "found", error->found);
	commerce_json_end_object(&detail);
	ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid %s: %s", what, readable ? error->message : error->expected),
					commerce_errdetail(&detail), errhint("%s", hint)));
}

/* Refuses a canonical text that is too long to be read again, which could not be restored from a dump. */
void
commerce_rule_require_short(const char *what, const char *canonical)
{
	if (strlen(canonical) > RULE_MAX_TEXT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("invalid %s: longer than 64 KiB", what),
				 errhint("Mark what a long list names with a tag, a category or an attribute.")));
}

/* Refuses any key that is not in the list. */
void
commerce_rule_require_keys(JsonbContainer *object, const char *const *known, int count, const char *what)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		bool found = false;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; i < count && !found; i++)
			found = strlen(known[i]) == (size_t) value.val.string.len &&
					memcmp(known[i], value.val.string.val, value.val.string.len) == 0;
		if (!found)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("unknown key \"%s\" in %s",
								   pnstrdup(value.val.string.val, value.val.string.len), what)));
	}
}

/* Raises what is wrong with a condition. */
static void
raise_condition(const RuleError *error)
{
	commerce_rule_raise("condition", error,
						"A condition reads like: subtotal >= 100 EUR and quantity(category <@ 'shoes') >= 2");
}

/* Parses a value of the type or raises. */
RuleNode *
commerce_condition_read(const char *text)
{
	RuleError error;
	RuleNode *condition = commerce_stored_condition_parse(text, &commerce_rule_palloc, &error);

	if (condition == NULL)
		raise_condition(&error);
	return condition;
}

/* Makes a value of the type. */
static Datum
make_condition(const char *text)
{
	RuleError error;
	RuleNode *condition = commerce_condition_parse(text, &commerce_rule_palloc, &error);
	char *canonical;

	if (condition == NULL)
		raise_condition(&error);
	canonical = commerce_condition_print(condition, &commerce_rule_palloc);
	commerce_rule_require_short("condition", canonical);
	return PointerGetDatum(cstring_to_text(canonical));
}

/* Text input. */
Datum
commerce_condition_in(PG_FUNCTION_ARGS)
{
	return make_condition(PG_GETARG_CSTRING(0));
}

/* Text output. */
Datum
commerce_condition_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

/* Binary input: the text, checked like any. */
Datum
commerce_condition_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int length;

	return make_condition(pq_getmsgtext(message, message->len - message->cursor, &length));
}

/* Binary output: the text. */
Datum
commerce_condition_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;
	text *value = PG_GETARG_TEXT_PP(0);

	pq_begintypsend(&message);
	pq_sendtext(&message, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* condition_holds(condition, cart) tells whether a condition holds for a cart written as JSON. */
Datum
commerce_condition_holds_sql(PG_FUNCTION_ARGS)
{
	RuleNode *condition = commerce_condition_read(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	RuleCart cart;

	commerce_cart_from_json(PG_GETARG_JSONB_P(1), &cart);
	PG_RETURN_BOOL(commerce_condition_holds(condition, &cart));
}
