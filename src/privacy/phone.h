/*
 * phone.h: telephone numbers in the form of E.164. Pure.
 */
#ifndef COMMERCE_PRIVACY_PHONE_H
#define COMMERCE_PRIVACY_PHONE_H

#include <stdbool.h>
#include <stddef.h>

/* Is there a plan of numbers for this country (ISO 3166-1, two capital letters)? */
extern bool commerce_phone_knows(const char *country);

/*
 * Writes the number as + and digits where it says its country or "country" does, as its digits alone otherwise; NULL or
 * empty for no country. "out" has room for strlen(text) + 8 bytes.
 */
extern void commerce_phone_normalise(char *out, const char *text, const char *country);

#endif
