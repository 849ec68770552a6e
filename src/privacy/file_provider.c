/*
 * file_provider.c: keys from commerce.key_file.
 *
 * The file is looked at once per client statement (keyring.c), and read again when anything about it has changed: a new
 * epoch is in use one statement after it is written, and a destroyed one out of use as soon.
 */
#include "privacy/provider.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/settings.h"
#include "privacy/keyring.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "storage/fd.h"
#pragma GCC diagnostic pop

/* What tells one version of the file from another; a change of mode or owner shows in the change time. */
typedef struct FileIdentity
{
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
} FileIdentity;

static FileIdentity loaded_identity;

/* Returns the path. */
static const char *
where(void)
{
	return commerce_key_file;
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
	if (status->st_size > KEY_TEXT_BYTES)
		commerce_keyring_refuse("the key file is too large");
}

/* Reads the file and returns its length. */
static size_t
read_file(char text[KEY_TEXT_BYTES])
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
	while (length < KEY_TEXT_BYTES && (got = read(descriptor, text + length, KEY_TEXT_BYTES - length)) != 0)
	{
		if (got < 0 && errno != EINTR)
			commerce_keyring_refuse("the key file cannot be read");
		if (got > 0)
			length += (size_t) got;
	}
	(void) CloseTransientFile(descriptor);
	identify(&loaded_identity, &status);
	return length;
}

/* Is the file the one that was read? */
static bool
unchanged(void)
{
	struct stat status;
	FileIdentity identity;

	if (stat(commerce_key_file, &status) != 0)
		return false;
	identify(&identity, &status);
	return memcmp(&identity, &loaded_identity, sizeof(identity)) == 0;
}

const KeyProvider commerce_file_provider = {
	.text_name = "the key file", .where = where, .read = read_file, .unchanged = unchanged, .patience = 0};
