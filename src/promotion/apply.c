/*
 * apply.c: which promotions apply, one after the other, and which stand in each other's way.
 *
 * One run goes through the candidates in their order: lanes, in them classes, in them priorities. What a promotion may
 * give is proposed first, and taken only when nothing forbids it. Where an exclusive promotion comes before all others, runs
 * are made until one applies; where one of a group is chosen, groups.c makes them. The last one is kept.
 */
#include <string.h>

#include "promotion/work.h"

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

/* Goes through the candidates once. */
static void
go_through(Work *work, Run *run, PromotionFinding *findings)
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
		go_through(work, &run, findings);
		if (findings[first].verdict == PROMOTION_APPLIED)
			return true;
	}
}

/* Runs through the candidates once, without those that were lost. */
void
commerce_run_through(Work *work, const bool *lost, PromotionFinding *findings)
{
	Run run = {.only = -1, .lost = lost};

	go_through(work, &run, findings);
}

/* Finds out whether a candidate gives anything alone. */
bool
commerce_gives_alone(Work *work, int candidate)
{
	const PromotionRequest *request = work->request;
	int64_t minor;

	if (commerce_judge_alone(request, candidate) != PROMOTION_APPLIED)
		return false;
	commerce_work_reset(work);
	commerce_work_turn(work, candidate);
	return commerce_condition_holds(work->promotion->condition, &work->cart) &&
		   apply(work, candidate, &minor) == PROMOTION_APPLIED;
}

/* Applies all candidates. */
void
commerce_promote(const PromotionRequest *request, PromotionOutcome *outcome)
{
	Work *work = commerce_work_begin(request);

	outcome->bounded = false;
	outcome->total = 0;
	if (request->priority_first || !run_exclusive(work, outcome->findings))
		if (!commerce_run_groups(work, outcome->findings, &outcome->bounded))
			commerce_run_through(work, NULL, outcome->findings);
	outcome->takes = work->takes;
	outcome->take_count = work->take_count;
	outcome->gifts = work->gifts;
	outcome->gift_count = work->gift_count;
	for (int i = 0; i < work->take_count; i++)
		outcome->total += work->takes[i].minor;
}
