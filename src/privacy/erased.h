/*
 * erased.h: refusing keys for those who were erased.
 */
#ifndef COMMERCE_PRIVACY_ERASED_H
#define COMMERCE_PRIVACY_ERASED_H

#include "base/pg.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/uuid.h"
#pragma GCC diagnostic pop

/* Refuses a subject that was erased, a customer or a guest (CM042); connected to SPI, it waits for who erases it. */
extern void commerce_refuse_erased(const pg_uuid_t *subject);

#endif
