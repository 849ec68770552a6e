/*
 * escrow.c: a model checker of the escrow engine's pure core (src/escrow).
 *
 * A run is a row of episodes, each with a seed of its own. An episode is a few backends, a few keys and a table with
 * room for hardly any counter, so that all that is rare in a server happens all the time: a table that is full, work
 * in the gate, loads that race with each other, evictions. A scheduler picks a backend, which does one atomic step
 * (session.c, statement.c) with the real code and with simulated tables (shop.c); in the middle of a touch others may
 * go on between two atomic operations (interrupt.h). Then the judge compares the real counters with what an
 * independent reference says (reference.c, judge.c). From time to time the world crashes. At the end of an episode all
 * transactions come to an end, and what is left must be exactly what is committed.
 *
 *     escrow --seed=N --steps=N --from=EPISODE --plant=FAULT --outcome
 *
 * What was found is found again by the line that is printed with it. A run that never saw some kind of event proves
 * nothing about it, so it fails; and with a planted fault, which drives the core wrongly on purpose, it has to fail,
 * else it would miss a real one: test/model/run sees to it.
 */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOTES 64
#define SHOWN 40
#define CLOSING_STEPS 200000

/* A run this long sees everything. */
#define LONG_RUN 500000

typedef struct Note
{
	uint64_t step;
	int backend;
	const char *what;
	int key;
	int64_t amount;
} Note;

Config config;
Plant plant;
bool outcome;
uint64_t seen[EVENT_COUNT];
uint64_t random_state;

static const char *const plant_names[PLANT_COUNT] = {
#define PLANT(name, text) text,
	PLANTS(PLANT)
#undef PLANT
};
static const char *const event_names[EVENT_COUNT] = {
#define EVENT(name, text) text,
	EVENTS(EVENT)
#undef EVENT
};

static Note notes[NOTES];
static uint64_t note_count;
static uint64_t seed = 1;
static uint64_t episode;
static uint64_t steps;
static int scheduled;

/* Remembers what happened, for a while. */
void
note(int backend, const char *what, int key, int64_t amount)
{
	notes[note_count++ % NOTES] = (Note){steps, backend, what, key, amount};
}

/* Tells what was found, and how it came to it. */
void
fail(const char *what, int key, int64_t got, int64_t wanted)
{
	uint64_t first = note_count < SHOWN ? 0 : note_count - SHOWN;

	printf("not ok 1 - %s\n", what);
	printf("# key %d: got %" PRId64 ", wanted %" PRId64 "\n", key, got, wanted);
	printf("# %d backends, %d keys, %d partitions, %d counters\n", config.backends, config.keys,
		   config.partitions, config.counters);
	for (uint64_t i = first; i < note_count; i++)
	{
		const Note *n = &notes[i % NOTES];

		printf("# step %" PRIu64 ": backend %d %s", n->step, n->backend, n->what);
		if (n->key != NOBODY)
			printf(" key %d", n->key);
		printf(" (%" PRId64 ")\n", n->amount);
	}
	printf("# step %" PRIu64 " found it; again: --seed=%" PRIu64 " --from=%" PRIu64 " --plant=%s%s\n1..1\n",
		   steps, seed, episode, plant_names[plant], outcome ? " --outcome" : "");
	exit(1);
}

/* Makes the memory that all share anew. */
static void
init_table(void)
{
	commerce_counters_init(table, config.partitions, config.counters, draw());
}

/* Chooses how many there are of everything, and opens the shop. */
static void
begin_episode(void)
{
	random_state = seed * 0x9e3779b97f4a7c15u + episode * 0xd1342543de82ef95u;
	note_count = 0;
	config.backends = 2 + below(MAX_BACKENDS - 1);
	config.keys = 1 + below(MAX_KEYS);
	config.partitions = 1 + below(3);
	config.counters = config.partitions + below(3);
	scheduled = 0;
	table = aligned_alloc(64, (commerce_counters_size(config.partitions, config.counters) + 63) / 64 * 64);
	if (table == NULL)
		abort();
	init_table();
	shop_init();
	reference_init();
	closing = false;
	memset(forced, 0, sizeof(forced));
	for (int b = 0; b < config.backends; b++)
		session_start(b);
	judge_start();
}

/* Everything stops, and starts again with what is committed. */
static void
crash(void)
{
	note(NOBODY, "crashes", NOBODY, 0);
	saw(SEEN_CRASH);
	for (int b = 0; b < config.backends; b++)
	{
		if (sessions[b].phase == PHASE_COMMITTED || sessions[b].phase == PHASE_ABORTED)
			saw(SEEN_CRASH_LATE);
		shop_abort_depth(b, 0);
		shop_unlock_tables(b, 0);
		reference_crash(b);
		session_stop(b);
		session_start(b);
	}
	if (plant != PLANT_SURVIVES_CRASH)
	{
		init_table();
		judge_crash();
	}
}

/* Advances the world by one step: often that of the backend before. */
static void
step(void)
{
	steps++;
	if (!once_in(3))
		scheduled = below(config.backends);
	if (once_in(40))
	{
		int key = below(config.keys);

		if (once_in(100))
			crash();
		else if (once_in(2))
			judge_forget(key);
		else if (once_in(3))
			judge_preload(key);
		else
			judge_worker(key);
		judge_step(NOBODY);
		return;
	}
	session_step(scheduled);
	judge_step(scheduled);
}

/* Lets all transactions come to an end. */
static void
close_episode(void)
{
	closing = true;
	for (int i = 0; i < CLOSING_STEPS; i++)
	{
		bool busy = false;

		for (int b = 0; b < config.backends; b++)
			busy = busy || sessions[b].phase != PHASE_IDLE;
		if (!busy)
			return;
		step();
	}
	fail("transactions do not come to an end", NOBODY, CLOSING_STEPS, 0);
}

/* Runs one episode. */
static void
run_episode(void)
{
	int length = 500 + below(20000);

	begin_episode();
	for (int i = 0; i < length; i++)
		step();
	close_episode();
	judge_quiet();
	for (int b = 0; b < config.backends; b++)
		session_stop(b);
	free(table);
}

/* Reads the number of an option, or returns false. */
static bool
option(const char *argument, const char *name, uint64_t *value)
{
	size_t length = strlen(name);

	if (strncmp(argument, name, length) != 0 || argument[length] != '=')
		return false;
	*value = strtoull(argument + length + 1, NULL, 10);
	return true;
}

/* Reads the name of a fault. */
static bool
plant_option(const char *argument)
{
	for (int p = 0; p < PLANT_COUNT; p++)
		if (strncmp(argument, "--plant=", 8) == 0 && strcmp(argument + 8, plant_names[p]) == 0)
		{
			plant = (Plant) p;
			return true;
		}
	return false;
}

/* Reads the arguments; returns false where one is unknown. */
static bool
read_arguments(int argc, char **argv, uint64_t *wanted)
{
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--outcome") == 0)
			outcome = true;
		else if (!option(argv[i], "--seed", &seed) && !option(argv[i], "--steps", wanted) &&
				 !option(argv[i], "--from", &episode) && !plant_option(argv[i]))
			return false;
	}
	return true;
}

/* Tells what a run that found nothing has seen; returns whether that was enough. */
static bool
report(bool all, double seconds)
{
	int missing = 0;

	printf("ok 1 - %" PRIu64 " steps in %" PRIu64 " episodes, seed %" PRIu64 ": %.2f million a second\n",
		   steps, seen[SEEN_QUIET], seed, (double) steps / 1e6 / seconds);
	for (int e = 0; e < EVENT_COUNT; e++)
	{
		printf("# %" PRIu64 " %s\n", seen[e], event_names[e]);
		missing += seen[e] == 0;
	}
	if (all)
		printf("%s 2 - every kind of event happened\n", missing == 0 ? "ok" : "not ok");
	printf("1..%d\n", all ? 2 : 1);
	return !all || missing == 0;
}

int
main(int argc, char **argv)
{
	uint64_t wanted = LONG_RUN;
	struct timespec began, ended;

	if (argc == 2 && strcmp(argv[1], "--list-plants") == 0)
	{
		for (int p = 1; p < PLANT_COUNT; p++)
			puts(plant_names[p]);
		return 0;
	}
	if (!read_arguments(argc, argv, &wanted))
	{
		fputs("usage: escrow --seed=N --steps=N --from=EPISODE --plant=FAULT --outcome | --list-plants\n",
			  stderr);
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &began);
	for (; steps < wanted; episode++)
		run_episode();
	clock_gettime(CLOCK_MONOTONIC, &ended);
	return !report(wanted >= LONG_RUN && !outcome,
				   (double) (ended.tv_sec - began.tv_sec) + (double) (ended.tv_nsec - began.tv_nsec) / 1e9);
}
