/*
 * groups.c: of promotions that exclude each other, the one that is best for the customer.
 *
 * The candidates are run through with each choice of one member of each group, and of the outcomes the one that gives most
 * is kept: money, and where that is equal gifts. One of a group applies where any of it can, as it would without a group:
 * an outcome in which the chosen one is kept away by others, while another of its group would apply beside them, is none.
 * Where all choices are too many, each group chooses by what its members give alone.
 */
#include <string.h>

#include "promotion/work.h"

#define MAX_CHOICES 64 /* beyond them each group chooses by itself */

/* What is given altogether. */
typedef struct Gain
{
	int64_t minor;
	int64_t gifts;
} Gain;

/* The groups of which the best is chosen. */
typedef struct Groups
{
	int count;
	const char **names;
	int *group;   /* by candidate; -1: it is in none, or gives nothing alone and is no choice */
	Gain *alone;  /* by candidate: what it gives alone */
	int *members; /* by group: how many, and one more where its first may apply instead */
	int *choice;  /* by group: which of its members, from 0 */
	bool *lost;   /* by candidate: another of its group is chosen */
} Groups;

/* What comes of a choice. */
typedef struct Tried
{
	Gain gain;
	bool *applied; /* by candidate */
	bool *served;  /* by group: one of it applies */
} Tried;

/* Adds up what a work gives. */
static Gain
gain_of(const Work *work)
{
	Gain gain = {0, 0};

	for (int i = 0; i < work->take_count; i++)
		gain.minor += work->takes[i].minor;
	for (int i = 0; i < work->gift_count; i++)
		gain.gifts += work->gifts[i].quantity;
	return gain;
}

/* Compares gains: by money, and where that is equal by gifts. */
static int
compare_gains(const Gain *first, const Gain *second)
{
	if (first->minor != second->minor)
		return first->minor < second->minor ? -1 : 1;
	return (first->gifts > second->gifts) - (first->gifts < second->gifts);
}

/* Returns the promotion of a candidate. */
static const Promotion *
promotion_of(const Work *work, int candidate)
{
	return &work->request->promotions[work->request->candidates[candidate]];
}

/* Finds a group by its name; as many as there are where it is none of them. */
static int
find_group(const Groups *groups, const char *name)
{
	int g = 0;

	while (g < groups->count && strcmp(groups->names[g], name) != 0)
		g++;
	return g;
}

/* Tells whether a candidate may give anything, and what it gives alone. */
static bool
may_give(Work *work, int candidate, Gain *alone)
{
	const PromotionRequest *request = work->request;

	*alone = (Gain){0, 0};
	if (request->breathe)
		request->breathe();
	if (commerce_judge_alone(request, candidate) != PROMOTION_APPLIED)
		return false;
	/* What its condition sees of others may let it apply beside them. */
	if (!commerce_gives_alone(work, candidate))
		return promotion_of(work, candidate)->running;
	*alone = gain_of(work);
	return true;
}

/* Finds the groups of which the best is chosen, with those members that can give anything; false where there is none. */
static bool
find_groups(Work *work, Groups *groups)
{
	int count = work->request->candidate_count;
	size_t room = (size_t) (count + 1);
	bool *first = commerce_work_allocate(work, sizeof(bool) * room);
	Gain alone;

	groups->count = 0;
	groups->names = commerce_work_allocate(work, sizeof(char *) * room);
	groups->group = commerce_work_allocate(work, sizeof(int) * room);
	groups->alone = commerce_work_allocate(work, sizeof(Gain) * room);
	groups->members = commerce_work_allocate(work, sizeof(int) * room);
	groups->choice = commerce_work_allocate(work, sizeof(int) * room);
	groups->lost = commerce_work_allocate(work, sizeof(bool) * room);
	for (int c = 0; c < count; c++)
	{
		const Promotion *promotion = promotion_of(work, c);
		int g;

		groups->group[c] = -1;
		if (promotion->exclusivity != EXCLUSIVE_GROUP_BEST || promotion->class == CLASS_CATALOG ||
			!may_give(work, c, &groups->alone[c]))
			continue;
		g = find_group(groups, promotion->group);
		if (g == groups->count)
		{
			groups->names[g] = promotion->group;
			groups->members[g] = groups->choice[g] = 0;
			first[g] = false;
			groups->count++;
		}
		groups->group[c] = g;
		groups->members[g]++;
	}
	/* The first of a group that has such, too, is one more choice: none of the others. */
	for (int c = 0; c < count && groups->count > 0; c++)
	{
		const Promotion *promotion = promotion_of(work, c);
		int g = groups->count;

		if (promotion->exclusivity == EXCLUSIVE_GROUP_FIRST && promotion->class != CLASS_CATALOG)
			g = find_group(groups, promotion->group);
		if (g == groups->count || first[g] || !may_give(work, c, &alone))
			continue;
		first[g] = true;
		groups->members[g]++;
	}
	return groups->count > 0;
}

/* Runs with what is chosen. */
static void
run_choice(Work *work, Groups *groups, PromotionFinding *findings)
{
	int *member = commerce_work_allocate(work, sizeof(int) * (size_t) groups->count);

	memset(member, 0, sizeof(int) * (size_t) groups->count);
	for (int c = 0; c < work->request->candidate_count; c++)
	{
		int g = groups->group[c];

		groups->lost[c] = g >= 0 && member[g]++ != groups->choice[g];
	}
	commerce_run_through(work, groups->lost, findings);
}

/* Notes what came of a run. */
static Tried
note_run(const Work *work, const Groups *groups, const PromotionFinding *findings)
{
	int count = work->request->candidate_count;
	Tried tried = {.gain = gain_of(work)};

	tried.applied = commerce_work_allocate(work, sizeof(bool) * (size_t) count);
	tried.served = commerce_work_allocate(work, sizeof(bool) * (size_t) groups->count);
	memset(tried.served, 0, sizeof(bool) * (size_t) groups->count);
	for (int c = 0; c < count; c++)
	{
		const Promotion *promotion = promotion_of(work, c);
		int g = groups->count;

		tried.applied[c] = promotion->class != CLASS_CATALOG && findings[c].verdict == PROMOTION_APPLIED;
		if (tried.applied[c] && promotion->exclusivity >= EXCLUSIVE_GROUP_BEST)
			g = find_group(groups, promotion->group);
		if (g < groups->count)
			tried.served[g] = true;
	}
	return tried;
}

/* Moves on to the next choice, those of the first group first; false after the last. */
static bool
next_choice(Groups *groups)
{
	for (int g = 0; g < groups->count; g++)
	{
		if (++groups->choice[g] < groups->members[g])
			return true;
		groups->choice[g] = 0;
	}
	return false;
}

/* Turns to a choice by its number: how many moves it is from the first. */
static void
turn_to_choice(Groups *groups, int number)
{
	for (int g = 0; g < groups->count; g++)
	{
		groups->choice[g] = number % groups->members[g];
		number /= groups->members[g];
	}
}

/* Tells whether a choice leaves no group without what it could have beside the others. */
static bool
is_fair(const Groups *groups, const Tried *tried, int number)
{
	int step = 1;

	for (int g = 0; g < groups->count; step *= groups->members[g], g++)
	{
		int first = number - number / step % groups->members[g] * step;

		for (int m = 0; m < groups->members[g] && !tried[number].served[g]; m++)
			if (tried[first + m * step].served[g])
				return false;
	}
	return true;
}

/* Tells whether of two outcomes that give as much this one is to be had: the first that differs applies in it. */
static bool
comes_first(const Groups *groups, const Tried *tried, const Tried *best, int count)
{
	for (int c = 0; c < count; c++)
		if (groups->group[c] >= 0 && tried->applied[c] != best->applied[c])
			return tried->applied[c];
	return false;
}

/* Tries all choices and turns to the best. There is one: that in which each group takes the first that can apply is fair. */
static void
choose_of_all(Work *work, Groups *groups, PromotionFinding *findings)
{
	Tried tried[MAX_CHOICES];
	int count = 0;
	int best = -1;

	do
	{
		run_choice(work, groups, findings);
		tried[count++] = note_run(work, groups, findings);
	} while (next_choice(groups));
	for (int i = 0; i < count; i++)
	{
		int order = best < 0 ? 1 : compare_gains(&tried[i].gain, &tried[best].gain);

		if ((order > 0 ||
			 (order == 0 && comes_first(groups, &tried[i], &tried[best], work->request->candidate_count))) &&
			is_fair(groups, tried, i))
			best = i;
	}
	turn_to_choice(groups, best);
}

/* Chooses for each group by itself the member that gives most alone, of equal ones the first. */
static void
choose_alone(const Work *work, Groups *groups)
{
	Gain *best = commerce_work_allocate(work, sizeof(Gain) * (size_t) groups->count);
	int *member = commerce_work_allocate(work, sizeof(int) * (size_t) groups->count);

	memset(member, 0, sizeof(int) * (size_t) groups->count);
	for (int c = 0; c < work->request->candidate_count; c++)
	{
		int g = groups->group[c];

		if (g < 0)
			continue;
		if (member[g] == 0 || compare_gains(&groups->alone[c], &best[g]) > 0)
		{
			best[g] = groups->alone[c];
			groups->choice[g] = member[g];
		}
		member[g]++;
	}
}

/* Lets groups of which the chosen one does not apply have the one that gives most of those that do, as far as tries go. */
static void
choose_again(Work *work, Groups *groups, PromotionFinding *findings)
{
	int tries = MAX_CHOICES;
	Tried now;

	run_choice(work, groups, findings);
	now = note_run(work, groups, findings);
	for (int g = 0; g < groups->count; g++)
	{
		int chosen = groups->choice[g];
		Tried best = now;

		if (now.served[g])
			continue;
		for (int m = 0; m < groups->members[g] && tries > 0; m++)
		{
			Tried tried;

			if (m == chosen)
				continue;
			tries--;
			groups->choice[g] = m;
			run_choice(work, groups, findings);
			tried = note_run(work, groups, findings);
			if (!tried.served[g] || (best.served[g] && compare_gains(&tried.gain, &best.gain) <= 0))
				continue;
			best = tried;
			chosen = m;
		}
		groups->choice[g] = chosen;
		now = best;
	}
}

/* Runs with choices of members of groups, and last with the best; false, without a run, where there is nothing to choose. */
bool
commerce_run_groups(Work *work, PromotionFinding *findings, bool *bounded)
{
	Groups groups;
	int64_t choices = 1;

	if (!find_groups(work, &groups))
		return false;
	for (int g = 0; g < groups.count && choices <= MAX_CHOICES; g++)
		choices *= groups.members[g];
	*bounded = choices > MAX_CHOICES;
	if (*bounded)
	{
		choose_alone(work, &groups);
		choose_again(work, &groups, findings);
	}
	else if (choices > 1)
		choose_of_all(work, &groups, findings);
	run_choice(work, &groups, findings);
	return true;
}
