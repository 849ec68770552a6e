/*
 * letters.h: codes that people type and nobody guesses.
 */
#ifndef COMMERCE_BASE_LETTERS_H
#define COMMERCE_BASE_LETTERS_H

#include "base/pg.h"

/* So many different characters codes are made of: nearly 5 bits each. */
#define LETTERS 31

/* Writes so many random characters, without an end; XX000 where there is no randomness. */
extern void commerce_random_letters(char *to, int count);

#endif
