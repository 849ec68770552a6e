/*
 * command_provider.c: keys from what commerce.key_command writes, as ssl_passphrase_command does for TLS.
 *
 * The command is how a vault, a cloud's key service or a hardware module comes in: whatever prints the text of a key
 * file will do. Each backend runs it through the shell when it first needs a key and when what it has may be kept no
 * longer (commerce.key_cache_ttl); the postmaster never does. What it writes goes from the pipe straight into the secret
 * memory. Nothing else of it is kept: its complaints, which may quote a secret, go nowhere, and the refusal tells the
 * exit status alone; run by hand it tells the rest.
 *
 * It is started in a process group of its own, with nothing open but the pipe, and is given ten seconds; then, or when
 * the statement is cancelled, the whole group is killed. popen() gives no process to kill, and pclose() would wait for
 * a command that hangs as long as that takes.
 */
#include "privacy/provider.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/settings.h"
#include "privacy/keyring.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "pgstat.h"
#include "storage/latch.h"
#pragma GCC diagnostic pop

#define TIME_LIMIT (INT64CONST(10) * USECS_PER_SEC)
#define LOOK_AGAIN_MS 10

extern char **environ;

/* A command that runs, or has run. */
typedef struct Running
{
	pid_t pid; /* 0: reaped, or never started */
	int output;
	TimestampTz deadline;
} Running;

/* Returns the command. */
static const char *
where(void)
{
	return commerce_key_command;
}

/* Says how a new process is to begin: as its own group's leader, with no signal ignored or held back. */
static void
prepare_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all;
	sigset_t none;

	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	sigemptyset(&none);
	(void) posix_spawnattr_init(attributes);
	(void) posix_spawnattr_setsigdefault(attributes, &all);
	(void) posix_spawnattr_setsigmask(attributes, &none);
	(void) posix_spawnattr_setpgroup(attributes, 0);
	(void) posix_spawnattr_setflags(attributes,
									POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
}

/* Says what a new process has open: nothing to read, the pipe to write to, and nowhere to complain. */
static void
prepare_files(posix_spawn_file_actions_t *files, int output)
{
	(void) posix_spawn_file_actions_init(files);
	(void) posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void) posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
	(void) posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	(void) posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

/* Starts the command; whatever goes wrong is for the caller to see in pid and output. */
static void
start(Running *running)
{
	char *arguments[] = {"sh", "-c", commerce_key_command, NULL};
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t files;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return;
	/* The command's own end blocks, as everyone expects of a standard output. */
	(void) fcntl(ends[1], F_SETFL, 0);
	prepare_attributes(&attributes);
	prepare_files(&files, ends[1]);
	running->output = ends[0];
	if (posix_spawn(&running->pid, "/bin/sh", &files, &attributes, arguments, environ) != 0)
		running->pid = 0;
	(void) close(ends[1]);
	(void) posix_spawn_file_actions_destroy(&files);
	(void) posix_spawnattr_destroy(&attributes);
}

/* Waits for output, for at most so many milliseconds; CM041 where the command's time is over. */
static void
wait_for_it(const Running *running, int events, long at_most)
{
	long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), running->deadline);

	if (left <= 0)
		commerce_keyring_refuse("the key command took longer than 10 seconds");
	(void) WaitLatchOrSocket(MyLatch, events | WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 running->output, Min(left, at_most), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Reads all that the command writes and returns how much that is. */
static size_t
read_output(const Running *running, char text[KEY_TEXT_BYTES])
{
	size_t length = 0;
	char beyond;

	for (;;)
	{
		bool full = length == KEY_TEXT_BYTES;
		ssize_t got =
			read(running->output, full ? &beyond : text + length, full ? 1 : KEY_TEXT_BYTES - length);

		if (got == 0)
			return length;
		if (got > 0 && full)
			commerce_keyring_refuse("the key command writes too much");
		if (got > 0)
			length += (size_t) got;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			wait_for_it(running, WL_SOCKET_READABLE, TIME_LIMIT / 1000);
		else if (errno != EINTR)
			commerce_keyring_refuse("the output of the key command cannot be read");
	}
}

/* Waits until the command has ended, and refuses what it wrote where it says that it failed. */
static void
require_success(Running *running)
{
	int status = 0;
	pid_t ended;

	while ((ended = waitpid(running->pid, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR))
		wait_for_it(running, 0, LOOK_AGAIN_MS);
	running->pid = 0;
	if (ended < 0)
		commerce_keyring_refuse("the exit status of the key command is lost");
	if (WIFSIGNALED(status))
		commerce_keyring_refuse(psprintf("the key command was ended by signal %d", WTERMSIG(status)));
	if (WEXITSTATUS(status) != 0)
		commerce_keyring_refuse(psprintf("the key command failed with exit status %d", WEXITSTATUS(status)));
}

/* Closes the pipe, and kills and reaps what still runs. */
static void
finish(Running *running)
{
	int status;

	if (running->output >= 0)
		(void) close(running->output);
	if (running->pid == 0)
		return;
	(void) kill(-running->pid, SIGKILL);
	while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
		continue;
}

/* Runs the command and returns how long its output is. */
static size_t
run_command(char text[KEY_TEXT_BYTES])
{
	Running running = {.output = -1};
	volatile size_t length = 0;

	running.deadline = GetCurrentTimestamp() + TIME_LIMIT;
	PG_TRY();
	{
		start(&running);
		if (running.pid == 0)
			commerce_keyring_refuse("the key command cannot be started");
		length = read_output(&running, text);
		require_success(&running);
	}
	PG_FINALLY();
	{
		finish(&running);
	}
	PG_END_TRY();
	return length;
}

/* Nobody can tell without running it: what it wrote holds until its time is over. */
static bool
unchanged(void)
{
	return true;
}

const KeyProvider commerce_command_provider = {.text_name = "the output of the key command",
											   .where = where,
											   .read = run_command,
											   .unchanged = unchanged,
											   .patience = INT64CONST(10) * USECS_PER_SEC};
