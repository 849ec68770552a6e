/*
 * rule_test.h: what the tests of the language of rules share: TAP output, and memory that is freed all at once.
 */
#ifndef COMMERCE_TEST_RULE_TEST_H
#define COMMERCE_TEST_RULE_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/tree.h"

static int tests;
static int failures;

/* Reports one test as TAP does. */
static inline void
ok(bool passed, const char *name)
{
	tests++;
	failures += !passed;
	printf("%sok %d - ", passed ? "" : "not ", tests);
	for (const char *c = name; *c; c++)
		putchar(*c == '\n' ? ' ' : *c);
	putchar('\n');
}

/* Memory that is freed all at once, and aligned to 8 and no more, as palloc promises. */
typedef struct Block
{
	struct Block *next;
	long long data[];
} Block;

static Block *blocks;

/* Allocates a block of its own, so that the sanitizer sees each overrun. */
static inline void *
allocate(void *context, unsigned long size)
{
	Block *block = malloc(sizeof(Block) + size);

	(void) context;
	if (block == NULL)
		abort();
	block->next = blocks;
	blocks = block;
	return block->data;
}

static const RuleMemory memory = {allocate, NULL};

/* Frees all of it. */
static inline void
free_all(void)
{
	while (blocks)
	{
		Block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
}

/* Keeps what is allocated so far, whatever is freed later. */
static inline void
keep_all(void)
{
	static Block *kept;
	Block **last = &blocks;

	while (*last)
		last = &(*last)->next;
	*last = kept;
	kept = blocks;
	blocks = NULL;
}

/* Compares what happened with what should have, and shows both where they differ. */
static inline void
same(const char *got, const char *wanted, const char *name)
{
	ok(strcmp(got, wanted) == 0, name);
	if (strcmp(got, wanted) != 0)
		printf("# wanted: %s\n# got:    %s\n", wanted, got);
}

/* Ends the run. */
static inline int
finish(void)
{
	printf("1..%d\n", tests);
	return failures > 0;
}

#endif
