/*
 * claims.h: the few members of a JSON object that decide whether a token is believed. Pure.
 */
#ifndef COMMERCE_PRIVACY_CLAIMS_H
#define COMMERCE_PRIVACY_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ClaimKind
{
	CLAIM_ABSENT,
	CLAIM_STRING,
	CLAIM_NUMBER,
	CLAIM_ARRAY,
	CLAIM_OTHER
} ClaimKind;

/* Where a member's value stands: of a string what is between the quotes, of all else the whole. */
typedef struct Claim
{
	ClaimKind kind;
	const char *at;
	size_t length;
} Claim;

/*
 * Finds a member of a JSON object. False where the text is not one JSON object, names this member twice, or names any
 * member with an escape, which another reader would take for another name.
 */
extern bool commerce_claim_find(const char *json, size_t length, const char *name, Claim *claim);

/* Is the value this string, written without escapes? */
extern bool commerce_claim_is(const Claim *claim, const char *value);

/* Is the value this string, or an array that holds it? */
extern bool commerce_claim_includes(const Claim *claim, const char *value);

/* Reads a time in seconds since 1970, rounded down; false where it is none from 0 to 10^14. */
extern bool commerce_claim_seconds(const Claim *claim, int64_t *seconds);

/* Reads a UUID in its usual form of 36 characters. */
extern bool commerce_claim_uuid(const Claim *claim, uint8_t uuid[16]);

#endif
