/*
 * login_state.h: on behalf of which customer, or for which channels, this transaction acts. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_LOGIN_STATE_H
#define COMMERCE_PRIVACY_LOGIN_STATE_H

#include "base/pg.h"

/* How it is known who acts. */
typedef enum LoginSource
{
	LOGIN_NONE,
	LOGIN_SESSION, /* a password or the token of a session was shown in this transaction */
	LOGIN_CLAIMS   /* an API server has checked a token and told its claims */
} LoginSource;

/* Watches transactions; called from the room's init. */
extern void commerce_login_state_init(void);

/*
 * Until this transaction or savepoint ends it acts for a customer and for channels; NULL for none. The claims are what
 * it is known by, as the API server wrote them; NULL without. Copies all three.
 */
extern void commerce_login_set(LoginSource source, const pg_uuid_t *customer, ArrayType *channels,
							   const char *claims);

extern LoginSource commerce_login_source(void);

/* Does it act already by these very claims (NULL: by the lack of any)? */
extern bool commerce_login_by_claims(const char *claims);

/* The customer, NULL for none; good until the transaction ends. */
extern const pg_uuid_t *commerce_login_customer(void);

/* The channels, NULL for none. */
extern ArrayType *commerce_login_channels(void);

/*
 * Whom a call is about: the customer in this argument, where it is NULL the one who is logged in. CM042 for another than
 * oneself, but for members of commerce_app; 22004 where nobody is named and nobody logged in.
 */
extern pg_uuid_t *commerce_login_subject(FunctionCallInfo fcinfo, int argument);

#endif
