/*
 * key_in_use.c: whether the key at hand is the one that the shop's data keys are wrapped by.
 *
 * After a wrong file was put back nothing opens, but everything could be sealed; and what is sealed meanwhile would be lost
 * to the right key. So data keys are made of none that opens none of those there are. The first and the last are tried,
 * once for each reading of the keys: one row that somebody has damaged stops nobody.
 */
#include "privacy/key_in_use.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "privacy/envelope.h"
#include "privacy/keyring.h"

/* The keys at both ends, of the customers who came first and last. */
static SavedPlan find_outermost = {
	.sql =
		"(SELECT subject, id, epoch, wrapped FROM commerce.data_keys ORDER BY subject, id LIMIT 1) UNION ALL "
		"(SELECT subject, id, epoch, wrapped FROM commerce.data_keys ORDER BY subject DESC, id DESC LIMIT "
		"1)"};

/* Refuses to go on with a key that does not open what was sealed under its epoch: values would be strewn over two. */
void
commerce_refuse_other_key(int32 epoch)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	commerce_json_key(&writer, "reason");
	commerce_json_string(&writer, "the key file holds another key for this epoch than was in use");
	commerce_json_key(&writer, "epoch");
	commerce_json_int(&writer, epoch);
	commerce_json_end_object(&writer);
	ereport(ERROR, (errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("the key of sealed fields is not available"),
					commerce_errdetail(&writer),
					errhint("Put the former key of this epoch back into the key file.")));
}

/* Does the key at hand open this row's? */
static bool
opens(uint64 row, int32 epoch)
{
	uint8 data_key[SEALED_KEY_BYTES];
	bool isnull;
	pg_uuid_t *subject = DatumGetUUIDP(commerce_value(row, 1, &isnull));
	int64 id = DatumGetInt64(commerce_value(row, 2, &isnull));
	bytea *wrapped = DatumGetByteaPP(commerce_value(row, 4, &isnull));
	bool opened;

	if (VARSIZE_ANY_EXHDR(wrapped) != WRAPPED_KEY_BYTES)
		return false;
	opened = commerce_unwrap_key(data_key, (uint8 *) VARDATA_ANY(wrapped), id, subject->data, epoch,
								 commerce_keyring_wrapping_key(epoch));
	sodium_memzero(data_key, sizeof(data_key));
	return opened;
}

/* Refuses to make data keys of a key that opens none of those there are. */
void
commerce_require_key_in_use(int32 epoch)
{
	static uint64 proven = 0;
	uint64 rows;
	bool isnull;
	bool tried = false;
	bool opened = false;

	if (proven == commerce_keyring_generation())
		return;
	SPI_connect();
	rows = commerce_run(&find_outermost, PLAN_LATEST, NULL, NULL);
	for (uint64 row = 0; row < rows && !opened; row++)
	{
		if (DatumGetInt32(commerce_value(row, 3, &isnull)) != epoch)
			continue;
		tried = true;
		opened = opens(row, epoch);
	}
	SPI_finish();
	if (tried && !opened)
		commerce_refuse_other_key(epoch);
	if (opened)
		proven = commerce_keyring_generation();
}
