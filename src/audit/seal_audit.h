/*
 * seal_audit.h: entering entries into the tree. Private to the room.
 */
#ifndef COMMERCE_AUDIT_SEAL_AUDIT_H
#define COMMERCE_AUDIT_SEAL_AUDIT_H

/* Seals up to so many entries and signs what there is then; returns how many. Needs an SPI connection. */
extern int commerce_audit_seal(int batch);

/* Registers the chore that does so. */
extern void commerce_seal_audit_init(void);

#endif
