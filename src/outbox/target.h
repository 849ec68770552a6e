/*
 * target.h: whom anything is sent to at all, as far as a URL tells.
 */
#ifndef COMMERCE_OUTBOX_TARGET_H
#define COMMERCE_OUTBOX_TARGET_H

#include "outbox/url.h"

/*
 * Says why nothing is sent to a URL, and what can be done about it; NULL where it may be. What a name resolves to is
 * checked when a connection is made.
 */
extern const char *commerce_target_refused(const Url *url, const char **hint);

#endif
