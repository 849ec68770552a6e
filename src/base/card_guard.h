/*
 * card_guard.h: keeping payment card numbers out. CM070 names the field and never shows the number.
 */
#ifndef COMMERCE_BASE_CARD_GUARD_H
#define COMMERCE_BASE_CARD_GUARD_H

#include "base/pg.h"

/* Refuses a text that holds a card number; NULL holds none. */
extern void commerce_refuse_card_number(const char *field, const char *text);

/* The same for a value of type text, text[] or jsonb (its keys, strings and numbers); other types hold none. */
extern void commerce_refuse_card_value(const char *field, Datum value, Oid type);

/* Returns whether commerce_refuse_card_value() looks into values of the type. */
extern bool commerce_is_free_text(Oid type);

#endif
