/*
 * audit_log.h: the table of entries. Private to the room.
 */
#ifndef COMMERCE_AUDIT_AUDIT_LOG_H
#define COMMERCE_AUDIT_AUDIT_LOG_H

/* Begins to watch it. */
extern void commerce_audit_log_init(void);

#endif
