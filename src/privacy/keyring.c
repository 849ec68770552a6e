/*
 * keyring.c: the key-encryption keys of one backend, and the memory that all keys live in.
 *
 * Each backend reads the keys when it first needs one (provider.h), the postmaster never does: a key in the postmaster
 * would be in every process it forks. Everything secret sits in one block of sodium_malloc, between guard pages, kept
 * out of core dumps and, where the system allows, out of swap; one block, because each costs system calls and pages.
 * The block is wiped when the backend exits.
 *
 * The key in the file is a root: it encrypts nothing itself. What wraps data keys and what feeds blind indexes are
 * derived from it, so that neither use can weaken the other, and the root is forgotten at once.
 *
 * The provider is asked once per client statement whether its keys are still those; where they are not, or a setting
 * has changed, they are read again, and everything unwrapped under the former keys is dropped. Keys that cannot be read
 * leave the backend without any: it does not go on with the ones it had.
 *
 * Keys are kept for commerce.key_cache_ttl and no longer. A timer wipes them, in its signal handler, where no
 * transaction uses them, so that a pool's idle connections hold none; where one does, pointers lead into the block, and
 * they are wiped when it ends.
 *
 * Which epoch blind values and new data keys are to be of is the shop's to say (keystate.h), not the file's alone.
 */
#include "privacy/keyring.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"
#include "privacy/envelope.h"
#include "privacy/keyfile.h"
#include "privacy/provider.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/timeout.h"
#pragma GCC diagnostic pop

#define WRAPPING_CONTEXT "cmrcwrap"
#define BLINDING_CONTEXT "cmrcblnd"
#define SIGNING_CONTEXT "cmrcsign"
#define DERIVED_KEY_ID 1

_Static_assert(crypto_kdf_KEYBYTES == KEYFILE_KEY_BYTES, "root key size");
_Static_assert(sizeof(WRAPPING_CONTEXT) - 1 == crypto_kdf_CONTEXTBYTES, "context size");

typedef struct KeyringEpoch
{
	int32 epoch;
	uint8 wrapping_key[SEALED_KEY_BYTES];
	uint8 blinding_key[SEALED_KEY_BYTES];
	uint8 signing_seed[SEALED_KEY_BYTES];
} KeyringEpoch;

/* All that is secret. The last two members are scratch while keys are read and zero otherwise. */
typedef struct Slab
{
	KeyringEpoch epochs[KEYFILE_MAX_EPOCHS];
	uint8 data_keys[KEYRING_DATA_KEYS][SEALED_KEY_BYTES];
	KeyfileEntry entries[KEYFILE_MAX_EPOCHS];
	char text[KEY_TEXT_BYTES];
} Slab;

static const KeyProvider *const providers[] = {&commerce_file_provider, &commerce_command_provider};

static Slab *slab = NULL;
static bool slab_is_locked = false;
static int epoch_count = 0; /* 0: nothing is loaded */
static uint64 generation = 0;
static const KeyProvider *loaded_by = NULL;
static char loaded_from[MAXPGPATH];
static TimestampTz loaded_at = 0;
static TimestampTz looked_at = 0;
static TimestampTz reread_at = 0;

/* The time-limit. The handler runs at any moment, so what it and the rest share is written in this order of thought:
 * used is true from before the first pointer into the slab is taken until the transaction ends. */
static TimeoutId ttl_timeout;
static volatile sig_atomic_t used = false;
static volatile sig_atomic_t expired = false;

/* Returns the provider in use, NULL for none; refuses to choose between two. */
static const KeyProvider *
choose_provider(void)
{
	const KeyProvider *chosen = NULL;

	for (size_t i = 0; i < lengthof(providers); i++)
	{
		const char *where = providers[i]->where();

		if (where == NULL || where[0] == '\0')
			continue;
		if (chosen != NULL)
			commerce_keyring_refuse("commerce.key_file and commerce.key_command are both set");
		chosen = providers[i];
	}
	return chosen;
}

/* Tells what to do about keys that are not to be had: to make one only where none was ever named. */
static int
hint_at_keys(void)
{
	if (commerce_key_command != NULL && commerce_key_command[0] != '\0')
		return errhint(
			"Run commerce.key_command by hand, as the server's user: it must end with status 0 within "
			"10 seconds and write lines of an epoch and 64 hexadecimal digits.");
	if (commerce_key_file != NULL && commerce_key_file[0] != '\0')
		return errhint(
			"Put the file back where commerce.key_file says, for the server's user alone (mode 0400); the "
			"next statement reads it. Make another key only where nothing is sealed yet: what is sealed "
			"opens with its own alone.");
	return errhint(
		"As the server's user run (umask 077; echo \"1 $(openssl rand -hex 32)\" > FILE), keep a copy "
		"apart from the backups, set commerce.key_file to the file and reload.");
}

/* Raises CM041. */
void
commerce_keyring_refuse(const char *reason)
{

	ereport(ERROR, (errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("the key of sealed fields is not available"),
					commerce_errfacts("reason", reason, NULL), hint_at_keys()));
	pg_unreachable();
}

/* Wipes and returns the slab as the backend exits. */
static void
release_slab(int code, Datum argument)
{
	(void) code;
	(void) argument;
	used = true; /* the handler keeps its hands off */
	sodium_free(slab);
	slab = NULL;
	epoch_count = 0;
}

/* Drops every key, and with them what was unwrapped by them. */
static void
forget_keys(void)
{
	sodium_memzero(slab, sizeof(Slab));
	epoch_count = 0;
	generation++;
	expired = false;
}

/* The time is over: wipes the keys, or says that they are to be wiped. Runs in a signal handler. */
static void
expire(void)
{
	if (used)
		expired = true;
	else if (slab != NULL)
		forget_keys();
}

/* Starts the timer for the keys that are loaded; an error takes all of a backend's timers away. */
static void
start_timer(void)
{
	if (epoch_count > 0 && !get_timeout_active(ttl_timeout))
		enable_timeout_at(ttl_timeout, loaded_at + (TimestampTz) commerce_key_cache_ttl * USECS_PER_SEC);
}

/* At the end of a transaction no pointer leads into the slab any more. */
static void
end_of_transaction(XactEvent event, void *argument)
{
	(void) argument;
	if (slab == NULL || event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
		event == XACT_EVENT_PRE_PREPARE)
		return;
	if (expired)
		forget_keys();
	used = false;
	start_timer();
}

/* Hears of the ends of transactions; called once, from _PG_init. */
void
commerce_keyring_init(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
}

/* Keeps the slab out of swap, or refuses to use it, or says so once, as the setting wants. */
static void
lock_slab(void)
{
	static bool told = false;

	slab_is_locked = slab_is_locked || sodium_mlock(slab, sizeof(Slab)) == 0;
	if (slab_is_locked)
		return;
	if (commerce_require_locked_memory)
	{
		forget_keys();
		commerce_keyring_refuse("memory for keys cannot be locked: the server's limit of locked memory "
								"(ulimit -l, LimitMEMLOCK) is too low");
	}
	if (!told)
		ereport(LOG, (errmsg("commerce: memory for keys cannot be locked, and may be swapped out"),
					  errhint("Raise the server's limit of locked memory (ulimit -l, LimitMEMLOCK).")));
	told = true;
}

/* Makes the slab; later calls only look whether it is locked. */
static void
require_slab(void)
{
	if (slab == NULL)
	{
		if (sodium_init() < 0)
			commerce_keyring_refuse("libsodium cannot be initialised");
		slab = sodium_malloc(sizeof(Slab));
		if (slab == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("no secure memory for keys")));
		sodium_memzero(slab, sizeof(Slab));
		on_proc_exit(release_slab, (Datum) 0);
		ttl_timeout = RegisterTimeout(USER_TIMEOUT, expire);
	}
	if (!slab_is_locked)
		lock_slab();
}

/* Derives the working keys of one epoch from its root. */
static void
derive(KeyringEpoch *derived, const KeyfileEntry *entry)
{
	derived->epoch = entry->epoch;
	crypto_kdf_derive_from_key(derived->wrapping_key, SEALED_KEY_BYTES, DERIVED_KEY_ID, WRAPPING_CONTEXT,
							   entry->key);
	crypto_kdf_derive_from_key(derived->blinding_key, SEALED_KEY_BYTES, DERIVED_KEY_ID, BLINDING_CONTEXT,
							   entry->key);
	crypto_kdf_derive_from_key(derived->signing_seed, SEALED_KEY_BYTES, DERIVED_KEY_ID, SIGNING_CONTEXT,
							   entry->key);
}

/* Replaces what is in memory by what the provider has; on an error there is nothing in memory. */
static void
load(const KeyProvider *provider)
{
	size_t length;
	volatile int count = 0;

	forget_keys();
	PG_TRY();
	{
		length = provider->read(slab->text);
		count = commerce_keyfile_parse(slab->entries, slab->text, length);
		for (int i = 0; i < count; i++)
			derive(&slab->epochs[i], &slab->entries[i]);
	}
	PG_FINALLY();
	{
		sodium_memzero(slab->entries, sizeof(slab->entries));
		sodium_memzero(slab->text, sizeof(slab->text));
	}
	PG_END_TRY();
	if (count < 0)
		commerce_keyring_refuse(psprintf("line %d of %s is not understood", -count, provider->text_name));
	if (count == 0)
		commerce_keyring_refuse(psprintf("%s holds no key", provider->text_name));
	loaded_by = provider;
	strlcpy(loaded_from, provider->where(), sizeof(loaded_from));
	loaded_at = GetCurrentTimestamp();
	looked_at = GetCurrentStatementStartTimestamp();
	epoch_count = count;
	start_timer();
}

/* Is what is in memory what the provider has? Asks once per client statement. */
static bool
is_current(const KeyProvider *provider)
{
	if (epoch_count == 0 || loaded_by != provider || strcmp(loaded_from, provider->where()) != 0)
		return false;
	if (looked_at == GetCurrentStatementStartTimestamp())
		return true;
	/* The timer may come late, and not at all where nothing delivers signals; the clock is asked as well. */
	if (expired || loaded_at + (TimestampTz) commerce_key_cache_ttl * USECS_PER_SEC <=
					   GetCurrentStatementStartTimestamp())
		return false;
	if (!provider->unchanged())
		return false;
	looked_at = GetCurrentStatementStartTimestamp();
	return true;
}

/* Returns the keys of an epoch that is in memory. */
static KeyringEpoch *
find_epoch(int32 epoch)
{
	for (int i = epoch_count - 1; i >= 0; i--)
		if (slab->epochs[i].epoch == epoch)
			return &slab->epochs[i];
	return NULL;
}

/* Says whether keys are to be had from anywhere at all. */
bool
commerce_keyring_configured(void)
{
	return choose_provider() != NULL;
}

/* Makes sure that the keys in memory are those of the provider. */
void
commerce_keyring_open(void)
{
	const KeyProvider *provider = choose_provider();

	if (IsPostmasterEnvironment && !IsUnderPostmaster)
		elog(ERROR, "the postmaster must not hold keys");
	if (provider == NULL)
		commerce_keyring_refuse("neither commerce.key_file nor commerce.key_command is set");
	if (strlen(provider->where()) >= MAXPGPATH)
		commerce_keyring_refuse("the setting that leads to the keys is too long");
	used = true;
	require_slab();
	if (!is_current(provider))
		load(provider);
}

/* Counts the times the keys were read. */
uint64
commerce_keyring_generation(void)
{
	return generation;
}

/* Returns the lowest epoch. */
int32
commerce_keyring_oldest(void)
{
	return slab->epochs[0].epoch;
}

/* Returns the highest epoch, under which new data keys are wrapped. */
int32
commerce_keyring_newest(void)
{
	return slab->epochs[epoch_count - 1].epoch;
}

/* Is an epoch in memory? */
bool
commerce_keyring_has(int32 epoch)
{
	return find_epoch(epoch) != NULL;
}

/* Returns the epochs in memory as an int4[]. */
Datum
commerce_keyring_epochs(void)
{
	Datum epochs[KEYFILE_MAX_EPOCHS];

	for (int i = 0; i < epoch_count; i++)
		epochs[i] = Int32GetDatum(slab->epochs[i].epoch);
	return PointerGetDatum(construct_array(epochs, epoch_count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* Returns the keys of an epoch; for one it does not know it reads them again, once per statement, within patience. */
static const KeyringEpoch *
require_epoch(int32 epoch)
{
	KeyringEpoch *found = find_epoch(epoch);
	const KeyProvider *provider = loaded_by;

	if (found == NULL && reread_at != GetCurrentStatementStartTimestamp() &&
		GetCurrentTimestamp() >= loaded_at + provider->patience)
	{
		reread_at = GetCurrentStatementStartTimestamp();
		load(provider);
		found = find_epoch(epoch);
	}
	return found;
}

/* Returns the wrapping key of an epoch. */
const uint8 *
commerce_keyring_wrapping_key(int32 epoch)
{
	const KeyringEpoch *found = require_epoch(epoch);

	return found ? found->wrapping_key : NULL;
}

/* Returns the key of an epoch's blind values. */
const uint8 *
commerce_keyring_blinding_key(int32 epoch)
{
	const KeyringEpoch *found = require_epoch(epoch);

	return found ? found->blinding_key : NULL;
}

/* Returns what the key of the newest epoch that signs is made of. */
const uint8 *
commerce_keyring_signing_seed(void)
{
	const KeyringEpoch *found = require_epoch(commerce_keyring_newest());

	return found ? found->signing_seed : NULL;
}

/* Returns room for one unwrapped data key. */
uint8 *
commerce_keyring_data_key_slot(int slot)
{
	return slab->data_keys[slot];
}
