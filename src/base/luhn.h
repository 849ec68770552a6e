/*
 * luhn.h: does a text hold a payment card number? Pure.
 */
#ifndef COMMERCE_BASE_LUHN_H
#define COMMERCE_BASE_LUHN_H

#include <stdbool.h>
#include <stddef.h>

extern bool commerce_holds_card_number(const char *text, size_t length);

#endif
