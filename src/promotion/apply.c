/*
 * apply.c: which promotions apply, one after the other, and which stand in each other's way.
 *
 * One run goes through the candidates in their order: lanes, in them classes, in them priorities. What a promotion may
 * give is proposed first, and taken only when nothing forbids it. Where the outcome depends on a choice, of an exclusive
 * promotion before all others or of one of a group, runs are made with each choice, and the last one is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "promotion/work.h"

#define MAX_CHOICES 64 /* of groups, none of a group being one; beyond them each group chooses by itself */

/* What holds for one run. */
typedef struct Run
{
	int only;                 /* candidate that has it all to itself; -1: all may apply */
	const bool *lost;         /* by candidate: another of its group was chosen */
	unsigned applied_classes; /* 1 << class */
	unsigned combinable;      /* classes that all promotions applied so far combine with */
	bool stopped;
	bool excluded; /* an exclusive promotion applies */
	bool anything; /* some promotion applies */
	const char **taken_groups;
	int taken_count;
} Run;

/* Notes a gift of the promotion at hand. */
static bool
propose_gift(Work *work, const Benefit *benefit, int finding)
{
	int64_t times = 1;

	if (benefit->buy)
	{
		wide units = 0;

		for (int i = 0; i < work->count; i++)
		{
			const RuleLine *facts = &work->shown[i];

			if (commerce_line_matches(benefit->buy->where, &work->cart, facts))
				units += facts->quantity;
		}
		units /= benefit->buy->quantity;
		times = units > INT32_MAX ? INT32_MAX : (int64_t) units;
	}
	if (benefit->limits.times > 0 && times > benefit->limits.times)
		times = benefit->limits.times;
	if (times == 0)
		return false;
	if (work->gift_count == work->gift_room)
	{
		int room = work->gift_room > 0 ? work->gift_room * 2 : 4;
		PromotionGift *gifts = commerce_work_allocate(work, sizeof(PromotionGift) * (size_t) room);

		if (work->gift_count > 0)
			memcpy(gifts, work->gifts, sizeof(PromotionGift) * (size_t) work->gift_count);
		work->gifts = gifts;
		work->gift_room = room;
	}
	work->gifts[work->gift_count++] = (PromotionGift){finding, benefit->gift, benefit->quantity * times};
	return true;
}

/* Proposes what one benefit of the promotion at hand gives; false where nothing matches. */
static bool
propose(Work *work, const Benefit *benefit, int finding)
{
	bool matched;

	if (benefit->kind == BENEFIT_GIFT)
		return propose_gift(work, benefit, finding);
	memset(work->action, 0, sizeof(int64_t) * (size_t) (work->count + 1));
	switch (benefit->kind)
	{
		case BENEFIT_TIERS: matched = commerce_take_tiers(work, benefit); break;
		case BENEFIT_SET: matched = commerce_take_set(work, benefit); break;
		default: matched = commerce_take_off(work, benefit); break;
	}
	if (benefit->limits.money)
		commerce_action_cap(work, commerce_money_here(work, benefit->limits.money));
	if (benefit->kind == BENEFIT_SET)
		for (int i = 0; i < work->count; i++)
			work->proposal[i].set_minor += work->action[i];
	commerce_action_propose(work);
	return matched;
}

/* Judges a promotion by what others have done in this run. */
static PromotionVerdict
judge_beside_others(const Run *run, int candidate, const Promotion *promotion)
{
	if (run->only >= 0 && candidate != run->only)
		return PROMOTION_EXCLUDED;
	if (run->stopped)
		return PROMOTION_STOPPED;
	if (run->excluded || (promotion->exclusivity == EXCLUSIVE && run->anything))
		return PROMOTION_EXCLUDED;
	if (run->lost && run->lost[candidate])
		return PROMOTION_GROUP_TAKEN;
	if (promotion->exclusivity >= EXCLUSIVE_GROUP_BEST)
		for (int i = 0; i < run->taken_count; i++)
			if (strcmp(run->taken_groups[i], promotion->group) == 0)
				return PROMOTION_GROUP_TAKEN;
	if ((run->applied_classes & ~promotion->combines) || !(run->combinable & (1u << promotion->class)))
		return PROMOTION_NOT_COMBINABLE;
	return PROMOTION_APPLIED;
}

/* Applies the promotion at hand as far as its budget goes; the verdict says what came of it. */
static PromotionVerdict
apply(Work *work, int candidate, int64_t *minor)
{
	const Promotion *promotion = work->promotion;
	const PromotionPurse *purse = work->request->purses ? &work->request->purses[candidate] : NULL;
	int gifts = work->gift_count;
	bool matched = false;

	commerce_proposal_clear(work);
	for (const Benefit *benefit = promotion->benefit; benefit; benefit = benefit->next)
		if (commerce_speaks_currency(benefit, work->request->cart->currency))
			matched = propose(work, benefit, candidate) || matched;
	*minor = commerce_proposal_total(work);
	if (purse && *minor > purse->spend)
	{
		if (*minor > purse->refused_beyond && !work->request->budget_rest)
		{
			work->gift_count = gifts;
			return PROMOTION_BUDGET_EXHAUSTED;
		}
		commerce_proposal_cap(work, purse->spend);
		*minor = purse->spend;
	}
	if (*minor == 0 && work->gift_count == gifts)
		return matched && work->too_little ? PROMOTION_NOT_ENOUGH
			   : matched                   ? PROMOTION_NOTHING_LEFT
			   : work->saw_taken_line      ? PROMOTION_LINE_TAKEN
										   : PROMOTION_NO_TARGET;
	commerce_proposal_take(work, candidate);
	return PROMOTION_APPLIED;
}

/* Notes in a run that a promotion applies. */
static void
note_applied(Run *run, const Promotion *promotion)
{
	run->anything = true;
	run->applied_classes |= 1u << promotion->class;
	run->combinable &= promotion->combines;
	run->stopped = run->stopped || promotion->stop_all;
	run->excluded = run->excluded || promotion->exclusivity == EXCLUSIVE;
	if (promotion->exclusivity >= EXCLUSIVE_GROUP_BEST)
		run->taken_groups[run->taken_count++] = promotion->group;
}

/* Runs through the candidates once. */
static void
run_through(Work *work, Run *run, PromotionFinding *findings)
{
	const PromotionRequest *request = work->request;

	commerce_work_reset(work);
	run->combinable = ~0u;
	run->taken_groups =
		commerce_work_allocate(work, sizeof(char *) * (size_t) (request->candidate_count + 1));
	for (int c = 0; c < request->candidate_count; c++)
	{
		int place = request->candidates[c];
		const Promotion *promotion = &request->promotions[place];
		PromotionFinding *finding = &findings[c];

		if (promotion->class == CLASS_CATALOG)
			continue;
		if (request->breathe)
			request->breathe();
		*finding = (PromotionFinding){place, commerce_judge_alone(request, c), 0};
		if (finding->verdict == PROMOTION_APPLIED)
			finding->verdict = judge_beside_others(run, c, promotion);
		if (finding->verdict != PROMOTION_APPLIED)
			continue;
		commerce_work_turn(work, c);
		if (!commerce_condition_holds(promotion->condition, &work->cart))
		{
			finding->verdict = PROMOTION_CONDITION_NOT_MET;
			continue;
		}
		finding->verdict = apply(work, c, &finding->minor);
		if (finding->verdict != PROMOTION_APPLIED)
		{
			finding->minor = 0;
			continue;
		}
		note_applied(run, promotion);
	}
}

/* Finds the exclusive promotion that comes before all others and gives anything; false where there is none. */
static bool
run_exclusive(Work *work, PromotionFinding *findings)
{
	const PromotionRequest *request = work->request;
	bool *tried = commerce_work_allocate(work, sizeof(bool) * (size_t) (request->candidate_count + 1));

	memset(tried, 0, sizeof(bool) * (size_t) (request->candidate_count + 1));
	while (true)
	{
		int first = -1;
		Run run = {.only = -1};

		for (int c = 0; c < request->candidate_count; c++)
		{
			const Promotion *promotion = &request->promotions[request->candidates[c]];

			if (promotion->exclusivity == EXCLUSIVE && promotion->class != CLASS_CATALOG && !tried[c] &&
				(first < 0 || promotion->priority > request->promotions[request->candidates[first]].priority))
				first = c;
		}
		if (first < 0)
			return false;
		tried[first] = true;
		run.only = first;
		run_through(work, &run, findings);
		if (findings[first].verdict == PROMOTION_APPLIED)
			return true;
	}
}

/* What is given altogether. */
typedef struct Gain
{
	int64_t minor;
	int64_t gifts;
} Gain;

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

/* The groups of which the best is chosen. */
typedef struct Groups
{
	int *group; /* by candidate; -1: it is in none */
	int count;
	Gain *alone;  /* by candidate: what it gives alone */
	int *members; /* by group: how many */
	int *choice;  /* by group: which of its members, from 0; behind the last: none */
} Groups;

/* Finds out what a candidate gives alone; false where it can give nothing. */
static bool
gives_alone(Work *work, int candidate, Gain *gain)
{
	const PromotionRequest *request = work->request;
	const Promotion *promotion = &request->promotions[request->candidates[candidate]];
	int64_t minor;

	*gain = (Gain){0, 0};
	if (request->breathe)
		request->breathe();
	if (commerce_judge_alone(request, candidate) != PROMOTION_APPLIED)
		return false;
	commerce_work_reset(work);
	commerce_work_turn(work, candidate);
	/* What its condition sees of others may let it apply beside them. */
	if (!commerce_condition_holds(promotion->condition, &work->cart) ||
		apply(work, candidate, &minor) != PROMOTION_APPLIED)
		return promotion->running;
	*gain = gain_of(work);
	return true;
}

/* Finds the groups of which the best is chosen, with those members that can give anything; false where there is none. */
static bool
find_groups(Work *work, Groups *groups)
{
	const PromotionRequest *request = work->request;
	size_t room = (size_t) (request->candidate_count + 1);
	int *first = commerce_work_allocate(work, sizeof(int) * room);

	groups->count = 0;
	groups->group = commerce_work_allocate(work, sizeof(int) * room);
	groups->alone = commerce_work_allocate(work, sizeof(Gain) * room);
	groups->members = commerce_work_allocate(work, sizeof(int) * room);
	groups->choice = commerce_work_allocate(work, sizeof(int) * room);
	for (int c = 0; c < request->candidate_count; c++)
	{
		const Promotion *promotion = &request->promotions[request->candidates[c]];
		int g = 0;

		groups->group[c] = -1;
		if (promotion->exclusivity != EXCLUSIVE_GROUP_BEST || promotion->class == CLASS_CATALOG ||
			!gives_alone(work, c, &groups->alone[c]))
			continue;
		while (g < groups->count &&
			   strcmp(request->promotions[request->candidates[first[g]]].group, promotion->group) != 0)
			g++;
		if (g == groups->count)
		{
			first[g] = c;
			groups->members[g] = groups->choice[g] = 0;
			groups->count++;
		}
		groups->group[c] = g;
		groups->members[g]++;
	}
	return groups->count > 0;
}

/* Marks the members of groups that are not chosen. */
static void
mark_lost(const Work *work, const Groups *groups, bool *lost)
{
	int *member = commerce_work_allocate(work, sizeof(int) * (size_t) groups->count);

	memset(member, 0, sizeof(int) * (size_t) groups->count);
	for (int c = 0; c < work->request->candidate_count; c++)
	{
		int g = groups->group[c];

		lost[c] = g >= 0 && member[g]++ != groups->choice[g];
	}
}

/* Moves on to the next choice; false after the last. */
static bool
next_choice(Groups *groups)
{
	for (int g = 0; g < groups->count; g++)
	{
		if (++groups->choice[g] <= groups->members[g])
			return true;
		groups->choice[g] = 0;
	}
	return false;
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

/* Tells whether of two outcomes that give as much this one is to be had: the first that differs applies in it. */
static bool
comes_first(const Groups *groups, const PromotionFinding *findings, const bool *applied, int count)
{
	for (int c = 0; c < count; c++)
		if (groups->group[c] >= 0 && (findings[c].verdict == PROMOTION_APPLIED) != applied[c])
			return !applied[c];
	return false;
}

/*
 * Runs with each choice of members of groups, or of none, and last with the best. What comes of it does not depend on
 * promotions that give nothing, whether they are among the candidates or not.
 */
static void
run_groups(Work *work, Groups *groups, PromotionFinding *findings, bool *bounded)
{
	int count = work->request->candidate_count;
	bool *lost = commerce_work_allocate(work, sizeof(bool) * (size_t) (count + 1));
	bool *applied = commerce_work_allocate(work, sizeof(bool) * (size_t) (count + 1));
	int *best = commerce_work_allocate(work, sizeof(int) * (size_t) groups->count);
	Gain most = {-1, 0};
	int64_t choices = 1;
	Run last = {.only = -1, .lost = lost};

	for (int g = 0; g < groups->count && choices <= MAX_CHOICES; g++)
		choices *= groups->members[g] + 1;
	*bounded = choices > MAX_CHOICES;
	if (*bounded)
		choose_alone(work, groups);
	else
	{
		do
		{
			Run run = {.only = -1, .lost = lost};
			Gain gain;
			int order;

			mark_lost(work, groups, lost);
			run_through(work, &run, findings);
			gain = gain_of(work);
			order = compare_gains(&gain, &most);
			if (order < 0 || (order == 0 && !comes_first(groups, findings, applied, count)))
				continue;
			most = gain;
			memcpy(best, groups->choice, sizeof(int) * (size_t) groups->count);
			for (int c = 0; c < count; c++)
				applied[c] = findings[c].verdict == PROMOTION_APPLIED;
		} while (next_choice(groups));
		memcpy(groups->choice, best, sizeof(int) * (size_t) groups->count);
	}
	mark_lost(work, groups, lost);
	run_through(work, &last, findings);
}

/* Applies all candidates. */
void
commerce_promote(const PromotionRequest *request, PromotionOutcome *outcome)
{
	Work *work = commerce_work_begin(request);
	Groups groups;
	Run run = {.only = -1};

	outcome->bounded = false;
	if (request->priority_first || !run_exclusive(work, outcome->findings))
	{
		if (find_groups(work, &groups))
			run_groups(work, &groups, outcome->findings, &outcome->bounded);
		else
			run_through(work, &run, outcome->findings);
	}
	outcome->takes = work->takes;
	outcome->take_count = work->take_count;
	outcome->gifts = work->gifts;
	outcome->gift_count = work->gift_count;
	outcome->total = gain_of(work).minor;
}
