/*
 * keystate.c: which epochs the shop's data keys and blind values are of.
 *
 * A key file may have any number of epochs, and sessions may have read it at different times. What is stored must not
 * hang on that: a data key that is wrapped by an epoch which everyone believes done with is lost when that epoch is
 * destroyed, and a blind value of it is found by nobody. So the row in commerce.key_state says of which epochs things
 * are, and a rotation begins by changing it, under a lock that waits for all who have read it for writing and have not
 * ended yet: from then on nothing of an earlier epoch comes into being, and what there is can be counted.
 *
 * The lock is taken before the snapshot that the row is read with. It is a weak lock on the table, which costs a writer
 * next to nothing and keeps no writer from another; a rotation takes the strong one for a moment. Whoever only looks
 * something up takes none.
 *
 * A shop whose first key is being made has no state yet. Of sessions that make the first key at once one notes it, and
 * the others go on with the same rule that it follows: keys of the newest epoch, blind values of the oldest.
 */
#include "privacy/keystate.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "privacy/keyring.h"
#include "privacy/moment.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* The advisory lock of the session that notes a shop's first epochs: "keys" in ASCII. */
#define FIRST_KEY_LOCK INT64CONST(0x6b657973)

static SavedPlan read_state = {.sql = "SELECT s.installation, k.epoch, k.blind_epochs FROM commerce.shop s "
									  "LEFT JOIN commerce.key_state k ON true"};

static SavedPlan settle_state = {
	.sql = "UPDATE commerce.key_state SET epoch = $1, blind_epochs = $2 WHERE epoch IS NULL",
	.args = "integer; integer[]"};

/* Reads an int4[] of epochs into the state. */
static void
read_epochs(KeyState *state, ArrayType *array)
{
	Datum *values;
	bool *nulls;
	int count;

	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count && state->blind_count < KEYFILE_MAX_EPOCHS; i++)
		if (!nulls[i])
			state->blind_epochs[state->blind_count++] = DatumGetInt32(values[i]);
}

/* Refuses to go on with keys that lack the shop's epoch: what came of them would be of one that is done with. */
static void
refuse_old_keys(int32 epoch)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	commerce_json_key(&writer, "reason");
	commerce_json_string(&writer, "the keys at hand are older than those the shop has begun to use");
	commerce_json_key(&writer, "epoch");
	commerce_json_int(&writer, epoch);
	commerce_json_end_object(&writer);
	ereport(
		ERROR,
		(errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("the key of sealed fields is not available"),
		 commerce_errdetail(&writer),
		 errhint(
			 "Put the key of this epoch back into the key file, or where commerce.key_command finds it.")));
}

/* Reads the row as it is committed now. */
static void
read_row(KeyState *state)
{
	bool isnull;
	Datum value;

	memset(state, 0, sizeof(*state));
	SPI_connect();
	if (commerce_run(&read_state, PLAN_LATEST, NULL, NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_NOT_READY), errmsg("commerce.shop has no row"),
						errhint("Run SELECT commerce.create_shop(currency => 'EUR').")));
	memcpy(state->installation, DatumGetUUIDP(commerce_value(0, 1, &isnull))->data, SEALED_UUID_BYTES);
	state->epoch = DatumGetInt32(commerce_value_or(0, 2, Int32GetDatum(0)));
	value = commerce_value(0, 3, &isnull);
	if (!isnull)
		read_epochs(state, DatumGetArrayTypeP(value));
	SPI_finish();
}

/* Finds the state as it is committed now, and fits the keys at hand to it. */
static void
find_state(KeyState *state)
{
	static KeyState read;
	static Moment seen;
	Moment now = commerce_moment();

	if (!commerce_same_moment(&seen, &now))
	{
		memset(&seen, 0, sizeof(seen));
		read_row(&read);
		/* A parallel query reads with the snapshot it has, which may be of an earlier moment. */
		if (!IsInParallelMode())
			seen = now;
	}
	*state = read;
	if (state->epoch > commerce_keyring_newest() && commerce_keyring_wrapping_key(state->epoch) == NULL)
		refuse_old_keys(state->epoch);
	if (state->blind_count == 0)
		state->blind_epochs[state->blind_count++] = commerce_keyring_oldest();
}

/* Reads the state and keeps rotations from beginning until the transaction ends. */
void
commerce_key_state_for_writing(KeyState *state)
{
	Oid schema = get_namespace_oid("commerce", true);
	Oid table = OidIsValid(schema) ? get_relname_relid("key_state", schema) : InvalidOid;

	if (OidIsValid(table))
		LockRelationOid(table, RowExclusiveLock);
	find_state(state);
}

/* Reads the state. */
void
commerce_key_state_for_reading(KeyState *state)
{
	find_state(state);
}

/* Notes the first epochs, unless another session is about to. */
void
commerce_settle_key_state(const KeyState *state)
{
	Datum oldest = Int32GetDatum(state->blind_epochs[0]);
	KeyState again;

	if (state->epoch != 0 ||
		!DatumGetBool(DirectFunctionCall1(pg_try_advisory_xact_lock_int8, Int64GetDatum(FIRST_KEY_LOCK))))
		return;
	/* Another may have noted them and committed since. */
	find_state(&again);
	if (again.epoch != 0)
		return;
	(void) commerce_run(
		&settle_state, PLAN_WRITES,
		(Datum[]){Int32GetDatum(commerce_keyring_newest()),
				  PointerGetDatum(construct_array(&oldest, 1, INT4OID, sizeof(int32), true, TYPALIGN_INT))},
		NULL);
}
