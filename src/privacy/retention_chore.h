/*
 * retention_chore.h: forgetting what is old, in the background.
 */
#ifndef COMMERCE_PRIVACY_RETENTION_CHORE_H
#define COMMERCE_PRIVACY_RETENTION_CHORE_H

/* Registers the chore; called once, from _PG_init. */
extern void commerce_retention_init(void);

#endif
