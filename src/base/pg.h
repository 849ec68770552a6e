/*
 * pg.h: PostgreSQL's own headers, included once and quarantined.
 *
 * The server's headers are not clean under -Wextra; ours are, and stay so because warnings are off only between
 * the push and the pop. Every file of the extension that touches the server includes this first.
 */
#ifndef COMMERCE_BASE_PG_H
#define COMMERCE_BASE_PG_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#pragma GCC diagnostic pop

#include "base/compat.h"

#endif
