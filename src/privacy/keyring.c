/*
 * keyring.c: the key-encryption keys of one backend, and the memory that all keys live in.
 *
 * Each backend reads commerce.key_file when it first needs a key, the postmaster never does: a key in the postmaster
 * would be in every process it forks. Everything secret sits in one block of sodium_malloc, between guard pages, kept
 * out of core dumps and, where the system allows, out of swap; one block, because each costs system calls and pages.
 * The block is wiped when the backend exits.
 *
 * The key in the file is a root: it encrypts nothing itself. What wraps data keys and what feeds blind indexes are
 * derived from it, so that neither use can weaken the other, and the root is forgotten at once.
 *
 * The file is looked at once per client statement; when anything about it has changed, or the setting has, it is read
 * again, and everything unwrapped under the former keys is dropped. So a new epoch is in use one statement after it
 * is written, and a destroyed one is out of use as soon. A file that cannot be used leaves the backend without keys:
 * it does not go on with the ones it had.
 *
 * Blind indexes follow the oldest epoch in the file. Adding an epoch therefore changes no blind value; retiring the
 * oldest is what requires them to be computed anew.
 */
#include "privacy/keyring.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"
#include "privacy/envelope.h"
#include "privacy/keyfile.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#pragma GCC diagnostic pop

#define MAX_FILE_BYTES 8192

#define WRAPPING_CONTEXT "cmrcwrap"
#define BLINDING_CONTEXT "cmrcblnd"
#define DERIVED_KEY_ID 1

_Static_assert(crypto_kdf_KEYBYTES == KEYFILE_KEY_BYTES, "root key size");
_Static_assert(sizeof(WRAPPING_CONTEXT) - 1 == crypto_kdf_CONTEXTBYTES, "context size");

typedef struct KeyringEpoch
{
	int32 epoch;
	uint8 wrapping_key[SEALED_KEY_BYTES];
	uint8 blinding_key[SEALED_KEY_BYTES];
} KeyringEpoch;

/* All that is secret. The last two members are scratch while a file is read and zero otherwise. */
typedef struct Slab
{
	KeyringEpoch epochs[KEYFILE_MAX_EPOCHS];
	uint8 data_keys[KEYRING_DATA_KEYS][SEALED_KEY_BYTES];
	KeyfileEntry entries[KEYFILE_MAX_EPOCHS];
	char text[MAX_FILE_BYTES];
} Slab;

/* What tells one version of the file from another; a change of mode or owner shows in the change time. */
typedef struct FileIdentity
{
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
} FileIdentity;

static Slab *slab = NULL;
static int epoch_count = 0; /* 0: nothing is loaded */
static uint64 generation = 0;
static char loaded_path[MAXPGPATH];
static FileIdentity loaded_identity;
static TimestampTz looked_at = 0;
static TimestampTz reread_at = 0;

/* Raises CM041, telling how a key file is made. */
void
commerce_keyring_refuse(const char *reason)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("the key of sealed fields is not available"),
		 commerce_errfacts("reason", reason, NULL),
		 errhint("As the server's user run (umask 077; echo \"1 $(openssl rand -hex 32)\" > FILE), keep a "
				 "copy apart from the backups, set commerce.key_file to the file and reload.")));
	pg_unreachable();
}

/* Wipes and returns the slab as the backend exits. */
static void
release_slab(int code, Datum argument)
{
	(void) code;
	(void) argument;
	sodium_free(slab);
	slab = NULL;
	epoch_count = 0;
}

/* Makes the slab; later calls do nothing. */
static void
require_slab(void)
{
	if (slab != NULL)
		return;
	if (sodium_init() < 0)
		commerce_keyring_refuse("libsodium cannot be initialised");
	slab = sodium_malloc(sizeof(Slab));
	if (slab == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("no secure memory for keys")));
	sodium_memzero(slab, sizeof(Slab));
	on_proc_exit(release_slab, (Datum) 0);
}

/* Drops every key, and with them what was unwrapped by them. */
static void
forget_keys(void)
{
	sodium_memzero(slab, sizeof(Slab));
	epoch_count = 0;
	generation++;
}

/* Notes what identifies this version of the file. */
static void
identify(FileIdentity *identity, const struct stat *status)
{
	memset(identity, 0, sizeof(*identity));
	identity->device = status->st_dev;
	identity->inode = status->st_ino;
	identity->size = status->st_size;
	identity->modified = status->st_mtim;
	identity->changed = status->st_ctim;
}

/* Refuses a file that others could have read or replaced; whoever reads it holds every customer's data. */
static void
check_status(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		commerce_keyring_refuse("the key file is not a regular file");
	if (status->st_uid != geteuid() && status->st_uid != 0)
		commerce_keyring_refuse("the key file belongs neither to the server's user nor to root");
	if ((status->st_mode & 077) != 0)
		commerce_keyring_refuse("the key file is accessible to others: its mode must be 0400 or 0600");
	if (status->st_size > MAX_FILE_BYTES)
		commerce_keyring_refuse("the key file is too large");
}

/* Reads the file into the slab and returns its length. */
static size_t
read_file(void)
{
	/* Not blocking: a pipe in the file's place must be refused, not waited for. */
	int descriptor = OpenTransientFile(commerce_key_file, O_RDONLY | O_NONBLOCK | PG_BINARY);
	struct stat status;
	size_t length = 0;
	ssize_t got;

	if (descriptor < 0)
		commerce_keyring_refuse(errno == ENOENT ? "the key file does not exist"
												: "the key file cannot be opened");
	if (fstat(descriptor, &status) != 0)
		commerce_keyring_refuse("the key file cannot be examined");
	check_status(&status);
	while (length < MAX_FILE_BYTES &&
		   (got = read(descriptor, slab->text + length, MAX_FILE_BYTES - length)) != 0)
	{
		if (got < 0 && errno != EINTR)
		{
			forget_keys();
			commerce_keyring_refuse("the key file cannot be read");
		}
		if (got > 0)
			length += (size_t) got;
	}
	(void) CloseTransientFile(descriptor);
	identify(&loaded_identity, &status);
	return length;
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
}

/* Replaces what is in memory by what is in the file; on an error there is nothing in memory. */
static void
load(void)
{
	size_t length;
	int count;

	forget_keys();
	length = read_file();
	count = commerce_keyfile_parse(slab->entries, slab->text, length);
	for (int i = 0; i < count; i++)
		derive(&slab->epochs[i], &slab->entries[i]);
	sodium_memzero(slab->entries, sizeof(slab->entries));
	sodium_memzero(slab->text, sizeof(slab->text));
	if (count < 0)
		commerce_keyring_refuse(psprintf("line %d of the key file is not understood", -count));
	if (count == 0)
		commerce_keyring_refuse("the key file holds no key");
	strlcpy(loaded_path, commerce_key_file, sizeof(loaded_path));
	looked_at = GetCurrentStatementStartTimestamp();
	epoch_count = count;
}

/* Is what is in memory what the file holds? Asks the system once per client statement. */
static bool
is_current(void)
{
	struct stat status;
	FileIdentity identity;

	if (epoch_count == 0 || strcmp(loaded_path, commerce_key_file) != 0)
		return false;
	if (looked_at == GetCurrentStatementStartTimestamp())
		return true;
	if (stat(commerce_key_file, &status) != 0)
		return false;
	identify(&identity, &status);
	if (memcmp(&identity, &loaded_identity, sizeof(identity)) != 0)
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

/* Says whether a key file is named at all. */
bool
commerce_keyring_configured(void)
{
	return commerce_key_file != NULL && commerce_key_file[0] != '\0';
}

/* Makes sure that the keys in memory are those of the file. */
void
commerce_keyring_open(void)
{
	if (!commerce_keyring_configured())
		commerce_keyring_refuse("commerce.key_file is not set");
	if (strlen(commerce_key_file) >= MAXPGPATH)
		commerce_keyring_refuse("the path in commerce.key_file is too long");
	require_slab();
	if (!is_current())
		load();
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

/* Returns the epochs in memory as an int4[]. */
Datum
commerce_keyring_epochs(void)
{
	Datum epochs[KEYFILE_MAX_EPOCHS];

	for (int i = 0; i < epoch_count; i++)
		epochs[i] = Int32GetDatum(slab->epochs[i].epoch);
	return PointerGetDatum(construct_array(epochs, epoch_count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* Returns the wrapping key of an epoch; for one it does not know it reads the file again, once per statement. */
const uint8 *
commerce_keyring_wrapping_key(int32 epoch)
{
	KeyringEpoch *found = find_epoch(epoch);

	if (found == NULL && reread_at != GetCurrentStatementStartTimestamp())
	{
		reread_at = GetCurrentStatementStartTimestamp();
		load();
		found = find_epoch(epoch);
	}
	return found ? found->wrapping_key : NULL;
}

/* Returns the key of blind indexes. */
const uint8 *
commerce_keyring_blinding_key(void)
{
	return slab->epochs[0].blinding_key;
}

/* Returns room for one unwrapped data key. */
uint8 *
commerce_keyring_data_key_slot(int slot)
{
	return slab->data_keys[slot];
}
