/*
 * blind.h: equality search over sealed values. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_BLIND_H
#define COMMERCE_PRIVACY_BLIND_H

#include "base/pg.h"
#include "privacy/keystate.h"
#include "privacy/normalise.h"

/* 128 bits: of a unique identifier, where two alike must never be two that differ. */
#define BLIND_BITS 128
#define BLIND_BYTES (BLIND_BITS / 8)

/* How the values of a column are made. */
typedef struct BlindRule
{
	const char *field;
	Normaliser normaliser;
	const char *country; /* of telephone numbers that do not say; NULL: the setting's */
	int bits;            /* 1 to BLIND_BITS */
} BlindRule;

/*
 * Returns the blind value to store of a UTF-8 text, a bytea of as many bytes as the bits need; 22023 where its normal
 * form is empty, CM041 where the key of its epoch is not at hand. Keeps rotations from beginning until the
 * transaction ends.
 */
extern Datum commerce_blind_to_store(const char *text, const BlindRule *rule);

/*
 * Returns the blind values under which the text may be stored, a bytea[]: one, and during a rotation one more for each
 * epoch that may not be done with. *complete is false where the key of one of them is not at hand.
 */
extern Datum commerce_blinds_to_find(const char *text, const BlindRule *rule, int *count, bool *complete);

/* Returns the normal form of a text that such a value is made of; 22023 where nothing is left. */
extern char *commerce_normal_form(const char *text, const BlindRule *rule);

/* Raises the CM041 of a search that *complete says may have missed something. */
pg_noreturn extern void commerce_refuse_incomplete_search(void);

/* The rule of a field that is unique and named as what it is: email, phone. */
extern BlindRule commerce_blind_rule(const char *field);

/* The same as commerce_blind_to_store by that rule. */
extern Datum commerce_blind_text(const char *text, const char *field);

#endif
