/*
 * owner_sql.c: on whose behalf, as SQL asks it.
 */
#include "base/pg.h"

PG_FUNCTION_INFO_V1(commerce_acting_role);

/* acting_role() returns the role the session acts as (SET ROLE), whatever definer's rights are in force. */
Datum
commerce_acting_role(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(GetUserNameFromId(GetOuterUserId(), false)));
}
