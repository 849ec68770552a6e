/*
 * datakeys.c: the data keys of subjects.
 *
 * A subject (a customer, mostly) has a key of its own, so that deleting a row of commerce.data_keys puts all that was
 * sealed for that subject out of reach, in every table and column. Hence the rule of this file: a cache never decides
 * whether a key exists. Each use looks the row up under a snapshot taken now, and only the unwrapping is cached, under
 * everything that went into it; once the row is gone, no session opens the value any more, however warm its cache and
 * however old its transaction.
 *
 * A snapshot taken now is the one taken before as long as no transaction with an id has ended since and this session has
 * done nothing itself; the server counts the former, and reuses its own snapshots by the same rule. So a row looked up at
 * such a moment need not be looked up again: the five fields of one customer cost one lookup, and on a quiet server a
 * thousand customers cost none.
 *
 * Two sessions that seal a subject's first value at once each make a key. Both rows stay and both keys are good: a
 * value names the key it was sealed with. Ids are random, so such rows do not meet.
 *
 * A key that is retired opens what it has sealed and seals nothing any more; when nothing is left that needs it, its row
 * is deleted (sql/privacy/044_data_keys.sql). What somebody has sealed and not yet stored is nowhere to be seen by then,
 * so whoever seals says so, before he looks for the key, by a weak lock on the table that lasts as long as his
 * transaction: it keeps nobody from anything, and who retires a key waits for those who held it.
 */
#include "privacy/datakeys.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/owner.h"
#include "base/plan.h"
#include "privacy/erased.h"
#include "privacy/key_in_use.h"
#include "privacy/key_rows.h"
#include "privacy/keyring.h"
#include "privacy/keystate.h"
#include "privacy/moment.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/resowner.h"
#pragma GCC diagnostic pop

#define WAYS 4
#define SUBJECTS 256
#define SETS (KEYRING_DATA_KEYS / WAYS)

/* All that goes into an unwrapping, beside the key-encryption key. */
typedef struct WrappedKey
{
	int64 id;
	int32 epoch;
	uint8 subject[SEALED_UUID_BYTES];
	uint8 wrapped[WRAPPED_KEY_BYTES];
} WrappedKey;

/* Which key stands in the slot of the slab with the same number; none where the generation is not the keyring's. */
typedef struct CachedKey
{
	WrappedKey wrapped;
	uint8 installation[SEALED_UUID_BYTES];
	uint64 generation;
	uint64 used;
	Moment seen; /* when the row was there */
} CachedKey;

/* Which key a subject's values were last sealed with. */
typedef struct CachedSubject
{
	uint8 subject[SEALED_UUID_BYTES];
	int64 id;
	uint64 generation;
	Moment seen;
} CachedSubject;

static CachedKey cache[KEYRING_DATA_KEYS];
static CachedSubject subjects[SUBJECTS];
static uint64 uses = 0;

/* One key by its id. */
static SavedPlan find_one = {
	.sql = "SELECT s.installation, k.id, k.epoch, k.wrapped, k.retired_by IS NOT NULL FROM commerce.shop s "
		   "LEFT JOIN commerce.data_keys k ON k.subject = $1 AND k.id = $2",
	.args = "uuid; bigint"};

/* The key to seal with: of those that are not retired and under a key we hold, the one under the newest. */
static SavedPlan find_newest = {
	.sql = "SELECT s.installation, k.id, k.epoch, k.wrapped, false FROM commerce.shop s "
		   "LEFT JOIN LATERAL (SELECT id, epoch, wrapped FROM commerce.data_keys WHERE "
		   "subject = $1 AND epoch = ANY ($2) AND retired_by IS NULL "
		   "ORDER BY epoch DESC, id DESC LIMIT 1) k ON true",
	.args = "uuid; integer[]"};

static SavedPlan insert_key = {
	.sql = "INSERT INTO commerce.data_keys (subject, id, epoch, wrapped) VALUES ($1, $2, $3, $4)",
	.args = "uuid; bigint; integer; bytea"};

/* Refuses a shop without its one row of facts. */
static void
require_row(uint64 rows)
{
	if (rows != 1)
		ereport(ERROR, (errcode(ERRCODE_NOT_READY), errmsg("commerce.shop has no row"),
						errhint("Run SELECT commerce.create_shop(currency => 'EUR').")));
}

/* Chooses where a key goes: its place if it is cached, otherwise the least recently used of its set. */
static int
choose_slot(const WrappedKey *wanted, bool *cached)
{
	int first = (int) ((uint64) wanted->id % SETS) * WAYS;
	int oldest = first;

	for (int slot = first; slot < first + WAYS; slot++)
	{
		if (cache[slot].generation == commerce_keyring_generation() &&
			memcmp(&cache[slot].wrapped, wanted, sizeof(WrappedKey)) == 0)
		{
			*cached = true;
			return slot;
		}
		if (cache[slot].used < cache[oldest].used)
			oldest = slot;
	}
	*cached = false;
	return oldest;
}

/* Finds the key of an id that was seen to be there at this moment; false where it has to be looked up. */
static bool
find_seen(const uint8 *subject, int64 id, DataKey *key)
{
	int first = (int) ((uint64) id % SETS) * WAYS;
	Moment now = commerce_moment();

	for (int slot = first; slot < first + WAYS; slot++)
	{
		const CachedKey *cached = &cache[slot];

		if (cached->wrapped.id != id || cached->generation != commerce_keyring_generation() ||
			!commerce_same_moment(&cached->seen, &now) ||
			memcmp(cached->wrapped.subject, subject, SEALED_UUID_BYTES) != 0)
			continue;
		cache[slot].used = ++uses;
		memcpy(key->place.installation, cached->installation, SEALED_UUID_BYTES);
		memcpy(key->place.subject, subject, SEALED_UUID_BYTES);
		key->place.of_row = false;
		key->id = id;
		key->key = commerce_keyring_data_key_slot(slot);
		return true;
	}
	return false;
}

/* Returns where the key that a subject's values are sealed with is noted. */
static CachedSubject *
place_of_subject(const uint8 *subject)
{
	return &subjects[subject[SEALED_UUID_BYTES - 1] % SUBJECTS];
}

/* Notes that a key is there, and of which installation, since a moment before it was looked up. */
static void
note_seen(const DataKey *key, const Moment *since)
{
	int first = (int) ((uint64) key->id % SETS) * WAYS;

	/* A parallel query reads with the snapshot it has, which may be of an earlier moment. */
	if (IsInParallelMode())
		return;
	for (int slot = first; slot < first + WAYS; slot++)
		if (key->key == commerce_keyring_data_key_slot(slot))
		{
			cache[slot].seen = *since;
			memcpy(cache[slot].installation, key->place.installation, SEALED_UUID_BYTES);
		}
}

/* Enters a key whose slot has just been filled. */
static void
remember(int slot, const WrappedKey *wrapped)
{
	memset(&cache[slot].seen, 0, sizeof(Moment));
	memcpy(&cache[slot].wrapped, wrapped, sizeof(*wrapped));
	cache[slot].generation = commerce_keyring_generation();
	cache[slot].used = ++uses;
}

/* Returns the data key in its wrapping; NULL where the epoch's key is missing or another. */
static const uint8 *
unwrap(const WrappedKey *wrapped)
{
	const uint8 *wrapping_key = commerce_keyring_wrapping_key(wrapped->epoch);
	bool cached;
	int slot;

	if (wrapping_key == NULL)
		return NULL;
	slot = choose_slot(wrapped, &cached);
	if (cached)
	{
		cache[slot].used = ++uses;
		return commerce_keyring_data_key_slot(slot);
	}
	cache[slot].generation = 0;
	if (!commerce_unwrap_key(commerce_keyring_data_key_slot(slot), wrapped->wrapped, wrapped->id,
							 wrapped->subject, wrapped->epoch, wrapping_key))
		return NULL;
	remember(slot, wrapped);
	return commerce_keyring_data_key_slot(slot);
}

/* Reads the row of a lookup into place and wrapped; false where the subject has no such key. */
static bool
read_key(const pg_uuid_t *subject, SealedPlace *place, WrappedKey *wrapped, bool *retired)
{
	bool isnull;
	Datum value = commerce_value(0, 1, &isnull);
	bytea *bytes;

	memcpy(place->installation, DatumGetUUIDP(value)->data, SEALED_UUID_BYTES);
	memcpy(place->subject, subject->data, SEALED_UUID_BYTES);
	place->of_row = false;
	memset(wrapped, 0, sizeof(*wrapped));
	value = commerce_value(0, 2, &isnull);
	if (isnull)
		return false;
	wrapped->id = DatumGetInt64(value);
	wrapped->epoch = DatumGetInt32(commerce_value(0, 3, &isnull));
	memcpy(wrapped->subject, subject->data, SEALED_UUID_BYTES);
	bytes = DatumGetByteaPP(commerce_value(0, 4, &isnull));
	if (VARSIZE_ANY_EXHDR(bytes) != WRAPPED_KEY_BYTES)
		return false;
	memcpy(wrapped->wrapped, VARDATA_ANY(bytes), WRAPPED_KEY_BYTES);
	*retired = DatumGetBool(commerce_value(0, 5, &isnull));
	return true;
}

/* Looks a key up by a statement, as the shop's owner, under a snapshot taken now. */
static bool
ask_sql(const pg_uuid_t *subject, int64 id, SealedPlace *place, WrappedKey *wrapped, bool *retired)
{
	Datum values[] = {UUIDPGetDatum(subject), id == 0 ? commerce_keyring_epochs() : Int64GetDatum(id)};
	OwnerScope scope;
	bool found;

	commerce_enter_owner(&scope);
	SPI_connect();
	require_row(commerce_run(id == 0 ? &find_newest : &find_one, PLAN_LATEST, values, NULL));
	found = read_key(subject, place, wrapped, retired);
	SPI_finish();
	commerce_leave_owner(&scope);
	return found;
}

/* Looks a key up under a snapshot taken now: the one of an id, or with id 0 the one to seal with. */
static bool
look_up(const pg_uuid_t *subject, int64 id, SealedPlace *place, WrappedKey *wrapped, bool *retired)
{
	static bool asked = false;
	KeyRow row;

	/* The first time a statement does it, whose preparation checks that shop, library and SQL fit each other. */
	if (!asked)
	{
		bool found = ask_sql(subject, id, place, wrapped, retired);

		asked = true;
		return found;
	}
	place->of_row = false;
	memcpy(place->subject, subject->data, SEALED_UUID_BYTES);
	memset(wrapped, 0, sizeof(*wrapped));
	switch (commerce_find_key_row(subject, id, place->installation, &row))
	{
		case KEY_NOT_THERE: return false;
		case KEY_ASK_SQL: return ask_sql(subject, id, place, wrapped, retired);
		case KEY_FOUND: break;
	}
	wrapped->id = row.id;
	wrapped->epoch = row.epoch;
	memcpy(wrapped->subject, subject->data, SEALED_UUID_BYTES);
	memcpy(wrapped->wrapped, row.wrapped, WRAPPED_KEY_BYTES);
	*retired = row.retired;
	return true;
}

/* Draws an id that no other session draws. */
static int64
random_id(void)
{
	int64 id;

	do
	{
		randombytes_buf(&id, sizeof(id));
		id &= PG_INT64_MAX;
	} while (id == 0);
	return id;
}

/* Draws a data key for a subject and wraps it by the newest epoch; nothing is stored yet. */
static void
draw_key(const pg_uuid_t *subject, WrappedKey *wrapped)
{
	KeyState state;
	bool cached;
	int slot;

	commerce_key_state_for_writing(&state);
	commerce_settle_key_state(&state);
	memset(wrapped, 0, sizeof(*wrapped));
	wrapped->id = random_id();
	wrapped->epoch = commerce_keyring_newest();
	commerce_require_key_in_use(wrapped->epoch);
	memcpy(wrapped->subject, subject->data, SEALED_UUID_BYTES);
	slot = choose_slot(wrapped, &cached);
	cache[slot].generation = 0;
	randombytes_buf(commerce_keyring_data_key_slot(slot), SEALED_KEY_BYTES);
	commerce_wrap_key(wrapped->wrapped, commerce_keyring_data_key_slot(slot), wrapped->id, wrapped->subject,
					  wrapped->epoch, commerce_keyring_wrapping_key(wrapped->epoch));
	remember(slot, wrapped);
}

/* Makes a data key for a subject and stores it wrapped, as the shop's owner. */
static const uint8 *
make_key(const pg_uuid_t *subject, WrappedKey *wrapped)
{
	bytea *stored = palloc(VARHDRSZ + WRAPPED_KEY_BYTES);
	OwnerScope scope;

	commerce_enter_owner(&scope);
	SPI_connect();
	commerce_refuse_erased(subject);
	draw_key(subject, wrapped);
	SET_VARSIZE(stored, VARHDRSZ + WRAPPED_KEY_BYTES);
	memcpy(VARDATA(stored), wrapped->wrapped, WRAPPED_KEY_BYTES);
	(void) commerce_run(&insert_key, PLAN_WRITES,
						(Datum[]){UUIDPGetDatum(subject), Int64GetDatum(wrapped->id),
								  Int32GetDatum(wrapped->epoch), PointerGetDatum(stored)},
						NULL);
	SPI_finish();
	commerce_leave_owner(&scope);
	pfree(stored);
	/* Asked for anew: a trigger of the user's on the table may have sealed, too, and taken the slot. */
	return unwrap(wrapped);
}

/*
 * Says that this transaction seals: who retires keys waits for its end before one that it may have used is deleted. The
 * lock is the whole transaction's, because a variable outlives the subtransaction in which it was set.
 */
static void
announce_sealing(void)
{
	Oid schema = get_namespace_oid("commerce", true);
	Oid table = OidIsValid(schema) ? get_relname_relid("data_keys", schema) : InvalidOid;
	ResourceOwner owner = CurrentResourceOwner;

	if (!OidIsValid(table))
		return;
	CurrentResourceOwner = TopTransactionResourceOwner;
	LockRelationOid(table, RowShareLock);
	CurrentResourceOwner = owner;
}

/* Finds the key to seal a subject's values with; false where there is none, and none is to be made. */
static bool
find_sealing_key(const pg_uuid_t *subject, DataKey *key, bool make)
{
	CachedSubject *noted = place_of_subject(subject->data);
	WrappedKey wrapped;
	Moment since;
	bool retired;

	announce_sealing();
	since = commerce_moment();
	if (noted->generation == commerce_keyring_generation() && commerce_same_moment(&noted->seen, &since) &&
		memcmp(noted->subject, subject->data, SEALED_UUID_BYTES) == 0 &&
		find_seen(subject->data, noted->id, key))
		return true;
	if (look_up(subject, 0, &key->place, &wrapped, &retired))
		key->key = unwrap(&wrapped);
	else if (make)
		key->key = make_key(subject, &wrapped);
	else
		return false;
	if (key->key == NULL)
		commerce_refuse_other_key(wrapped.epoch);
	key->id = wrapped.id;
	note_seen(key, &since);
	*noted = (CachedSubject){.id = key->id, .generation = commerce_keyring_generation(), .seen = since};
	memcpy(noted->subject, subject->data, SEALED_UUID_BYTES);
	return true;
}

/* Finds the key to seal a subject's values with, or makes one; CM041 where the key at hand is not the one in use. */
void
commerce_data_key_for_sealing(const pg_uuid_t *subject, DataKey *key)
{
	(void) find_sealing_key(subject, key, true);
}

/* Finds the key to seal a subject's values with and makes none; false where there is none. */
bool
commerce_data_key_in_use(const pg_uuid_t *subject, DataKey *key)
{
	return find_sealing_key(subject, key, false);
}

/* Finds the key that a value names. */
bool
commerce_data_key_for_opening(const pg_uuid_t *subject, int64 id, DataKey *key)
{
	Moment since = commerce_moment();
	WrappedKey wrapped;
	bool retired;

	if (find_seen(subject->data, id, key))
		return true;
	if (!look_up(subject, id, &key->place, &wrapped, &retired))
		return false;
	key->id = id;
	key->key = unwrap(&wrapped);
	if (key->key != NULL)
		note_seen(key, &since);
	return key->key != NULL;
}

/* Is the key that a value names there, and retired? */
bool
commerce_data_key_is_retired(const pg_uuid_t *subject, int64 id)
{
	SealedPlace place;
	WrappedKey wrapped;
	bool retired;

	return look_up(subject, id, &place, &wrapped, &retired) && retired;
}

/* Draws a key that is to take the place of others. */
void
commerce_draw_data_key(const pg_uuid_t *subject, int64 *id, int32 *epoch, uint8 wrapped[WRAPPED_KEY_BYTES])
{
	WrappedKey drawn;

	draw_key(subject, &drawn);
	*id = drawn.id;
	*epoch = drawn.epoch;
	memcpy(wrapped, drawn.wrapped, WRAPPED_KEY_BYTES);
}
