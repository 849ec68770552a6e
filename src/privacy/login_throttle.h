/*
 * login_throttle.h: failed attempts, counted outside of any transaction. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_LOGIN_THROTTLE_H
#define COMMERCE_PRIVACY_LOGIN_THROTTLE_H

#include "base/pg.h"

/* So many failures in a row cost nothing; from there on each costs a wait, doubled from the first up to the longest. */
#define FREE_FAILURES 10
#define FIRST_WAIT_SECONDS 5
#define LONGEST_WAIT_SECONDS 300

/* What is guessed at. Each is counted for itself: whoever knows the one would forgive his guesses at the other by it. */
typedef enum ThrottleKind
{
	THROTTLE_EMAIL,    /* the password and the code behind an address */
	THROTTLE_PASSWORD, /* a customer's former password, where he changes it */
	THROTTLE_CODE      /* a customer's codes */
} ThrottleKind;

typedef struct ThrottleSubject
{
	ThrottleKind kind;
	const void *data;
	size_t length;
	int failures; /* in a row, with this attempt if it fails; 0 before commerce_throttle_attempt */
} ThrottleSubject;

/* Asks for the memory when the server starts; called from the room's init. */
extern void commerce_throttle_init(void);

/* Refuses with 53400 where the subject has to wait; counts nothing. */
extern void commerce_throttle_check(const ThrottleSubject *subject);

/*
 * Counts an attempt, before it is known whether it fails: those who try at once are counted at once, and whatever the
 * caller does with his transaction, it is counted. 53400 where the subject has to wait, and then nothing is counted.
 */
extern void commerce_throttle_attempt(ThrottleSubject *subject);

/* Forgets the subject's failures: an attempt was good. */
extern void commerce_throttle_forget(const ThrottleSubject *subject);

#endif
