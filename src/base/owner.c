/*
 * owner.c: the identity under which the shop's statements run where no definer function sets it.
 */
#include "base/owner.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/acl.h"
#include "utils/guc.h"
#pragma GCC diagnostic pop

/* Returns whether the session acts as a member of the role. */
bool
commerce_caller_is_member(Oid role)
{
	return !InSecurityRestrictedOperation() && has_privs_of_role(GetOuterUserId(), role);
}

/* Becomes the shop's owner, with nothing but pg_catalog in the search path. */
void
commerce_enter_owner(OwnerScope *scope)
{
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	SetUserIdAndSecContext(get_role_oid(COMMERCE_OWNER, false),
						   scope->security_context | SECURITY_LOCAL_USERID_CHANGE);
	scope->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Returns to the user and search path that enter found. */
void
commerce_leave_owner(OwnerScope *scope)
{
	AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->user, scope->security_context);
}
