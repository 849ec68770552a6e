/*
 * key_chores.h: rotating keys in the background.
 */
#ifndef COMMERCE_PRIVACY_KEY_CHORES_H
#define COMMERCE_PRIVACY_KEY_CHORES_H

/* Registers the chore; called once, from _PG_init. */
extern void commerce_key_chores_init(void);

#endif
