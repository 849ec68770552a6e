/*
 * work.h: a cart while promotions are applied to it; private to the room.
 *
 * Lines are numbered here in an order of their own, by what they are; shipping comes after them. A promotion first
 * proposes what it takes; only when all of it is known, and allowed, the proposal is taken.
 */
#ifndef COMMERCE_PROMOTION_WORK_H
#define COMMERCE_PROMOTION_WORK_H

#include <stddef.h>

#include "promotion/promotion.h"

/* An item promotion of which a line has something, if only that its units were bought. */
typedef struct Mark
{
	const Promotion *promotion;
	struct Mark *next;  /* on the line */
	struct Mark *after; /* the one made after it, for whatever line */
} Mark;

/* What promotions have done to one line so far. */
typedef struct WorkLine
{
	int64_t discount;     /* all of it */
	int64_t set_discount; /* the part of it that is on the units below */
	int64_t set_units;    /* units that were bought or got in a set */
	PromotionLane lane;   /* of the item discounts below */
	bool has_item;        /* has an item discount of this lane */
	bool has_set;         /* is part of a set of this lane */
	Mark *marks;          /* whose they are */
	bool stopped;
} WorkLine;

/* What the promotion at hand takes from one line. */
typedef struct Proposal
{
	int64_t minor;
	int64_t set_units;
	int64_t set_minor;
	bool matched; /* by the benefit that was aimed last */
} Proposal;

/* Which lines a benefit is about, and how many units of each. */
typedef struct Aim
{
	int *lines;
	int64_t *units;
	int count;
} Aim;

/* Room for something of each line, which one benefit after another uses. */
typedef enum WorkBuffer
{
	BUFFER_PRICED,
	BUFFER_SORTED,
	BUFFER_CANDIDATE,
	BUFFER_SET_LINES,
	BUFFER_SET_CLASSES,
	BUFFER_SET_FREE,
	BUFFER_SET_IN,
	BUFFER_SET_BESIDE,
	BUFFER_SET_SORTED, /* and one for each further part */
	WORK_BUFFERS = BUFFER_SET_SORTED + BENEFIT_MAX_PARTS,
} WorkBuffer;

typedef struct Work
{
	const PromotionRequest *request;
	int count;                 /* lines without shipping */
	const int *placed;         /* the inverse: where a line of the cart is here */
	const int *given;          /* place in the cart */
	const RuleLine *facts;     /* in the order here */
	const PromotionLine *more; /* likewise, shipping last */
	WorkLine *lines;           /* likewise */
	Proposal *proposal;        /* likewise */
	int64_t *action;           /* likewise: what one benefit of the promotion at hand takes */
	Aim aim;                   /* room for all lines */
	int64_t *scratch;          /* room for four numbers a line */
	void *buffers[WORK_BUFFERS];
	const Promotion *promotion;
	const CandidateLines *candidate_lines; /* that may match it; NULL: any may */
	RuleCart cart;                         /* as the promotion at hand sees it */
	const RuleLine *shown;                 /* its lines, in the order here */
	RuleCart *running; /* with what was left by promotions before it; remade when anything was taken */
	RuleLine *running_lines;
	bool running_stale;
	Mark *marks;         /* all that were made, which each run uses anew */
	Mark *last_mark;     /* of those in use */
	bool saw_taken_line; /* a line matched, but has a discount that stands alone */
	bool too_little;     /* lines matched, but are too few for a tier or a set */
	PromotionTake *takes;
	int take_count;
	int take_room;
	PromotionGift *gifts;
	int gift_count;
	int gift_room;
} Work;

/* work.c: prepares a work, and begins it anew. */
extern Work *commerce_work_begin(const PromotionRequest *request);
extern void commerce_work_reset(Work *work);
extern void *commerce_work_allocate(const Work *work, size_t size);

/*
 * Returns room for an element of each line and one more, the same for each call with a buffer's name: a cart of many lines
 * with many promotions then needs no more memory than with one.
 */
extern void *commerce_work_buffer(Work *work, int buffer, size_t element);

/* Turns to a promotion: what it sees of the cart. */
extern void commerce_work_turn(Work *work, int candidate);

/* Money of a rule in the currency of the cart; 0 where it says none. */
extern int64_t commerce_money_here(const Work *work, const RuleMoney *money);

/* The price of a line, what is left of it, and what a discount may still take. */
extern int64_t commerce_line_subtotal(const Work *work, int line);
extern int64_t commerce_line_left(const Work *work, int line);
extern int64_t commerce_line_room(const Work *work, int line);

/* What a percentage of the line is a percentage of. */
extern int64_t commerce_line_base(const Work *work, int line);

/* May the promotion at hand take something of the line? Sets only need units that no other has. */
extern bool commerce_line_eligible(Work *work, int line, bool set);

/* Forgets, and takes, what is proposed. */
extern void commerce_proposal_clear(Work *work);
extern void commerce_proposal_take(Work *work, int finding);
extern int64_t commerce_proposal_total(const Work *work);

/* Lets the proposal, or what one benefit takes, come to at most so much, by what each line gives. */
extern void commerce_proposal_cap(Work *work, int64_t most);
extern void commerce_action_cap(Work *work, int64_t most);

/* Adds what one benefit takes to the proposal. */
extern void commerce_action_propose(Work *work);

/* Distributes an amount over lines of the aim by weights, with caps; into what the benefit takes. */
extern void commerce_action_distribute(Work *work, int64_t minor, const int64_t *weights,
									   const int64_t *caps);

/* units.c: finds the lines of the aim of a benefit and the units that count. */
extern void commerce_aim(Work *work, const Benefit *benefit);
extern int *commerce_units_order(Work *work, const int *lines, int count, UnitOrder order, int *sorted);

/* What some units of a line cost now, rounded. */
extern int64_t commerce_units_value(const Work *work, int line, int64_t units);

/* off.c, tiers.c, sets.c: what benefits take; false where nothing matched, or the currency is not theirs. */
extern bool commerce_take_off(Work *work, const Benefit *benefit);
extern bool commerce_take_tiers(Work *work, const Benefit *benefit);
extern bool commerce_take_set(Work *work, const Benefit *benefit);

/* off.c: a reward on the aim. */
extern void commerce_reward_lines(Work *work, const Reward *reward, bool per_unit);
extern void commerce_reward_order(Work *work, const Reward *reward);
extern wide commerce_reward_exact(const Work *work, int line, const Reward *reward, int64_t units);

/* apply.c: applies candidates in their order, without those that were lost (NULL: with all); or one alone, if it gives anything. */
extern void commerce_run_through(Work *work, const bool *lost, PromotionFinding *findings);
extern bool commerce_gives_alone(Work *work, int candidate);

/* groups.c: applies candidates with the best of each group; false, and nothing is done, where there is no such group. */
extern bool commerce_run_groups(Work *work, PromotionFinding *findings, bool *bounded);

/* judge.c: judges a promotion by what does not depend on others nor on its condition. */
extern PromotionVerdict commerce_judge_alone(const PromotionRequest *request, int candidate);

/* judge.c: does a benefit say something in the currency of the cart wherever it speaks of money? */
extern bool commerce_speaks_currency(const Benefit *benefit, int currency);

/* judge.c: a cart at the time in the zone of a promotion. */
extern RuleCart commerce_promotion_cart(const PromotionRequest *request, const Promotion *promotion,
										const RuleCart *cart);

#endif
