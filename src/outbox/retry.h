/*
 * retry.h: when to try again. Pure.
 */
#ifndef COMMERCE_OUTBOX_RETRY_H
#define COMMERCE_OUTBOX_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* So many attempts are made; the first at once, the last some three days later. */
#define RETRY_ATTEMPTS 10

/* The longest that a receiver may put us off. */
#define RETRY_AFTER_MAX (INT64_C(24) * 60 * 60)

/*
 * How long to wait before attempt number n (from 0), in microseconds: the schedule of Standard Webhooks, times 0.8 to 1.2
 * by a random number, so that what failed together does not come back together. -1: no more attempts.
 */
extern int64_t commerce_retry_delay(int attempt, uint32_t random);

/* Reads a Retry-After header, seconds or a date (RFC 9110), into seconds from now, 0 to RETRY_AFTER_MAX. */
extern bool commerce_retry_after(const char *value, int64_t now, int64_t *seconds);

#endif
