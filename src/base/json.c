/*
 * json.c: a thin face over the server's jsonb builder and reader.
 */
#include "base/json.h"

#include "base/errors.h"

/* Pushes one scalar: as the value of the pending key inside an object, as an element otherwise. */
static void
push_scalar(JsonWriter *writer, JsonbValue *value)
{
	bool named = writer->pending_key != NULL;

	writer->pending_key = NULL;
	writer->root = pushJsonbValue(&writer->state, named ? WJB_VALUE : WJB_ELEM, value);
}

/* Opens an object. */
void
commerce_json_object(JsonWriter *writer)
{
	writer->pending_key = NULL;
	writer->root = pushJsonbValue(&writer->state, WJB_BEGIN_OBJECT, NULL);
}

/* Closes the object opened last. */
void
commerce_json_end_object(JsonWriter *writer)
{
	writer->root = pushJsonbValue(&writer->state, WJB_END_OBJECT, NULL);
}

/* Opens an array. */
void
commerce_json_array(JsonWriter *writer)
{
	writer->pending_key = NULL;
	writer->root = pushJsonbValue(&writer->state, WJB_BEGIN_ARRAY, NULL);
}

/* Closes the array opened last. */
void
commerce_json_end_array(JsonWriter *writer)
{
	writer->root = pushJsonbValue(&writer->state, WJB_END_ARRAY, NULL);
}

/* Names the value that comes next in the open object. */
void
commerce_json_key(JsonWriter *writer, const char *key)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	writer->root = pushJsonbValue(&writer->state, WJB_KEY, &value);
	writer->pending_key = unconstify(char *, key);
}

/* Writes a string, or null for a null pointer. */
void
commerce_json_string(JsonWriter *writer, const char *string)
{
	JsonbValue value = {.type = jbvString};

	if (string == NULL)
	{
		commerce_json_null(writer);
		return;
	}
	value.val.string.val = pstrdup(string);
	value.val.string.len = strlen(string);
	push_scalar(writer, &value);
}

/* Writes a number. */
void
commerce_json_numeric(JsonWriter *writer, Numeric number)
{
	JsonbValue value = {.type = jbvNumeric};

	value.val.numeric = number;
	push_scalar(writer, &value);
}

/* Writes a whole number. */
void
commerce_json_int(JsonWriter *writer, int64 number)
{
	commerce_json_numeric(writer, int64_to_numeric(number));
}

/* Writes true or false. */
void
commerce_json_bool(JsonWriter *writer, bool truth)
{
	JsonbValue value = {.type = jbvBool};

	value.val.boolean = truth;
	push_scalar(writer, &value);
}

/* Writes null. */
void
commerce_json_null(JsonWriter *writer)
{
	JsonbValue value = {.type = jbvNull};

	push_scalar(writer, &value);
}

/* Returns the finished document. */
Jsonb *
commerce_json_finish(JsonWriter *writer)
{
	return JsonbValueToJsonb(writer->root);
}

/* Finishes the document and attaches it as DETAIL to the error being reported. */
int
commerce_errdetail(JsonWriter *writer)
{
	Jsonb *document = commerce_json_finish(writer);

	return errdetail_internal("%s", JsonbToCString(NULL, &document->root, VARSIZE(document)));
}

/* Attaches texts by their keys as DETAIL to the error being reported; a null text is null, a null key ends the list. */
int
commerce_errfacts(const char *key, ...)
{
	JsonWriter writer = JSON_WRITER_INIT;
	va_list arguments;

	commerce_json_object(&writer);
	va_start(arguments, key);
	for (; key != NULL; key = va_arg(arguments, const char *))
	{
		commerce_json_key(&writer, key);
		commerce_json_string(&writer, va_arg(arguments, const char *));
	}
	va_end(arguments);
	commerce_json_end_object(&writer);
	return commerce_errdetail(&writer);
}

/* Finds a key that is present and not null. */
bool
commerce_json_find(JsonbContainer *object, const char *key, JsonbValue *found)
{
	return JsonContainerIsObject(object) &&
		   getKeyJsonValueFromContainer(object, key, strlen(key), found) != NULL && found->type != jbvNull;
}

/* Refuses a value of the wrong type, naming its key. */
static void
refuse_type(const char *key, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" must be %s", key, wanted)));
}

/* Returns the string under a key, or NULL where there is none. */
char *
commerce_json_get_string(JsonbContainer *object, const char *key)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value))
		return NULL;
	if (value.type != jbvString)
		refuse_type(key, "a string");
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* Returns the number under a key, or NULL where there is none; accepts a number written as a string. */
Numeric
commerce_json_get_numeric(JsonbContainer *object, const char *key)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value))
		return NULL;
	if (value.type == jbvString)
		return DatumGetNumeric(DirectFunctionCall3(
			numeric_in, CStringGetDatum(pnstrdup(value.val.string.val, value.val.string.len)),
			ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	if (value.type != jbvNumeric)
		refuse_type(key, "a number");
	return DatumGetNumericCopy(NumericGetDatum(value.val.numeric));
}

/* Reads the whole number under a key; false where there is none. Refuses fractions. */
bool
commerce_json_get_int(JsonbContainer *object, const char *key, int64 *value)
{
	Numeric number = commerce_json_get_numeric(object, key);

	if (number == NULL)
		return false;
	if (numeric_is_nan(number) || numeric_is_inf(number) ||
		!DatumGetBool(DirectFunctionCall2(
			numeric_eq, NumericGetDatum(number),
			DirectFunctionCall2(numeric_trunc, NumericGetDatum(number), Int32GetDatum(0)))))
		refuse_type(key, "a whole number");
	*value = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(number)));
	return true;
}

/* Returns the truth value under a key, or the fallback where there is none. */
bool
commerce_json_get_bool(JsonbContainer *object, const char *key, bool fallback)
{
	JsonbValue value;

	if (!commerce_json_find(object, key, &value))
		return fallback;
	if (value.type != jbvBool)
		refuse_type(key, "true or false");
	return value.val.boolean;
}

/* Collects the objects of an array. */
int
commerce_json_objects(Jsonb *array, const char *what, JsonbContainer ***objects)
{
	JsonbIterator *iterator;
	JsonbValue value;
	int count = 0;

	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be a JSON array of objects", what),
				 errhint("For instance [{…}, {…}].")));
	*objects = palloc(sizeof(JsonbContainer *) * (JB_ROOT_COUNT(array) + 1));
	iterator = JsonbIteratorInit(&array->root);
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
	{
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("%s must be a JSON array of objects", what),
							errdetail("Element %d is not an object.", count + 1)));
		(*objects)[count++] = value.val.binary.data;
	}
	return count;
}
