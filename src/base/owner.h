/*
 * owner.h: acting as the shop's owner, and knowing on whose behalf.
 */
#ifndef COMMERCE_BASE_OWNER_H
#define COMMERCE_BASE_OWNER_H

#include "base/pg.h"

/* The NOLOGIN role that owns the shop's tables and the definer functions. */
#define COMMERCE_OWNER "commerce_owner"

/*
 * The scope of a shop owner: between enter and leave the current user is commerce_owner and search_path holds
 * pg_catalog alone. For trigger functions, which run as whoever touches the table; an error leaves the scope too.
 */
typedef struct OwnerScope
{
	Oid user;
	int security_context;
	int guc_level;
} OwnerScope;

/*
 * Returns whether the session acts as a member of the role, whoever's definer rights are in force. Never so inside a
 * security-restricted operation: a superuser's ANALYZE runs the functions in other people's indexes.
 */
extern bool commerce_caller_is_member(Oid role);

extern void commerce_enter_owner(OwnerScope *scope);
extern void commerce_leave_owner(OwnerScope *scope);

#endif
