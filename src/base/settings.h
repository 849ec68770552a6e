/*
 * settings.h: the few settings, each with a default that lets a shop run.
 */
#ifndef COMMERCE_BASE_SETTINGS_H
#define COMMERCE_BASE_SETTINGS_H

/* commerce.reservation_ttl: how long a hold lasts when its caller does not say, in seconds. */
extern int commerce_reservation_ttl;

/* commerce.max_counters: how many quantities the escrow engine counts in shared memory at a time. */
extern int commerce_max_counters;

/* commerce.key_file: where the key-encryption keys are; empty for none. */
extern char *commerce_key_file;

/* commerce.key_command: what writes them instead; empty for nothing. */
extern char *commerce_key_command;

/* commerce.key_cache_ttl: how long a backend keeps keys in memory, in seconds. */
extern int commerce_key_cache_ttl;

/* commerce.require_locked_memory: does a backend do without keys where memory cannot be kept out of swap? */
extern bool commerce_audit_reveals;
extern bool commerce_audit_changes;
extern bool commerce_require_locked_memory;

/* commerce.phone_country: of telephone numbers that do not say; ISO 3166-1, empty for none. */
extern char *commerce_phone_country;

/* commerce.workers: how many background workers may run at a time. */
extern int commerce_workers;
#define COMMERCE_MAX_WORKERS 8

/* commerce.password_hashes: how many passwords are hashed at a time in the whole server. */
extern int commerce_password_hashes;
/* commerce.senders: in how many databases at a time events are sent. */
extern int commerce_senders;
#define COMMERCE_MAX_SENDERS 16

/* commerce.allow_private_endpoints: networks that events may be sent to though they are not of the open internet. */
extern char *commerce_allow_private_endpoints;

/* commerce.ca_file: whose certificates of endpoints are trusted; empty for those the system trusts. */
extern char *commerce_ca_file;

extern void commerce_settings_init(void);

#endif
