/*
 * work.c: a cart while promotions are applied to it.
 *
 * Lines are taken in an order of their own, by what they are, so that a cart has the same discounts in whatever order its
 * lines were given: of equal claims on a last cent, or on the last unit that has a discount, the first in this order has
 * it. Only lines that are alike in all that counts are told apart by where they stand.
 */
#include <stdlib.h>
#include <string.h>

#include "promotion/work.h"

/* Allocates from the caller's memory. */
void *
commerce_work_allocate(const Work *work, size_t size)
{
	return work->request->memory->allocate(work->request->memory->context, size > 0 ? size : 1);
}

/* Returns room for an element of each line and one more. */
void *
commerce_work_buffer(Work *work, int buffer, size_t element)
{
	if (work->buffers[buffer] == NULL)
		work->buffers[buffer] = commerce_work_allocate(work, element * (size_t) (work->count + 1));
	return work->buffers[buffer];
}

/* Allocates zeroes. */
static void *
allocate_zero(const Work *work, size_t size)
{
	return memset(commerce_work_allocate(work, size), 0, size);
}

/* Compares two texts, absent ones first. */
static int
compare_text(const char *first, const char *second)
{
	if (first == NULL || second == NULL)
		return (first != NULL) - (second != NULL);
	return strcmp(first, second);
}

/* A line while lines are put in order. */
typedef struct Placed
{
	const RuleLine *facts;
	const PromotionLine *more;
	int given;
	int (*compare_attributes)(const void *first, const void *second);
} Placed;

/* Orders lines by what they are. */
static int
compare_placed(const void *a, const void *b)
{
	const Placed *x = a;
	const Placed *y = b;
	const int64_t numbers[][2] = {
		{x->facts->unit_price, y->facts->unit_price},
		{x->more->per_quantity, y->more->per_quantity},
		{x->facts->quantity, y->facts->quantity},
		{x->facts->subtotal, y->facts->subtotal},
		{x->more->floor, y->more->floor},
		{x->more->discount, y->more->discount},
		{x->facts->on_sale, y->facts->on_sale},
		{x->more->discountable, y->more->discountable},
		{x->facts->tag_count, y->facts->tag_count},
	};
	const char *texts[][2] = {
		{x->facts->sku, y->facts->sku},
		{x->facts->product, y->facts->product},
		{x->facts->category, y->facts->category},
		{x->facts->brand, y->facts->brand},
		{x->facts->tax_class, y->facts->tax_class},
	};
	int order;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((order = compare_text(texts[i][0], texts[i][1])) != 0)
			return order;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i][0] != numbers[i][1])
			return numbers[i][0] < numbers[i][1] ? -1 : 1;
	for (int i = 0; i < x->facts->tag_count; i++)
		if ((order = compare_text(x->facts->tags[i], y->facts->tags[i])) != 0)
			return order;
	order = (x->facts->attributes != NULL) - (y->facts->attributes != NULL);
	if (order == 0 && x->facts->attributes && x->compare_attributes)
		order = x->compare_attributes(x->facts->attributes, y->facts->attributes);
	return order != 0 ? order : x->given - y->given;
}

/* Puts the lines of the request in order. */
static void
place_lines(Work *work)
{
	const RuleCart *cart = work->request->cart;
	size_t count = (size_t) work->count;
	Placed *placed = commerce_work_allocate(work, sizeof(Placed) * count);
	RuleLine *facts = commerce_work_allocate(work, sizeof(RuleLine) * count);
	PromotionLine *more = allocate_zero(work, sizeof(PromotionLine) * (count + 1));
	int *given = commerce_work_allocate(work, sizeof(int) * (count + 1));
	int *place = commerce_work_allocate(work, sizeof(int) * (count + 1));

	for (int i = 0; i < work->count; i++)
		placed[i] = (Placed){&cart->lines[i], &work->request->lines[i], i, work->request->compare_attributes};
	qsort(placed, count, sizeof(Placed), compare_placed);
	for (int i = 0; i < work->count; i++)
	{
		facts[i] = *placed[i].facts;
		more[i] = *placed[i].more;
		given[i] = placed[i].given;
		place[placed[i].given] = i;
	}
	given[count] = work->count;
	if (work->request->shipping)
		more[count] = *work->request->shipping;
	work->facts = facts;
	work->more = more;
	work->given = given;
	work->placed = place;
}

/* Prepares a work. */
Work *
commerce_work_begin(const PromotionRequest *request)
{
	Work *work = request->memory->allocate(request->memory->context, sizeof(Work));
	size_t count = (size_t) request->cart->line_count + 1;

	memset(work, 0, sizeof(Work));
	work->request = request;
	work->count = request->cart->line_count;
	place_lines(work);
	work->lines = commerce_work_allocate(work, sizeof(WorkLine) * count);
	work->proposal = allocate_zero(work, sizeof(Proposal) * count);
	work->action = allocate_zero(work, sizeof(int64_t) * count);
	work->aim.lines = commerce_work_allocate(work, sizeof(int) * count);
	work->aim.units = commerce_work_allocate(work, sizeof(int64_t) * count);
	work->scratch = commerce_work_allocate(work, sizeof(int64_t) * 4 * count);
	commerce_work_reset(work);
	return work;
}

/* Begins anew: nothing is taken but what was taken by hand. */
void
commerce_work_reset(Work *work)
{
	memset(work->lines, 0, sizeof(WorkLine) * (size_t) (work->count + 1));
	for (int i = 0; i <= work->count; i++)
		work->lines[i].discount = work->more[i].discount;
	work->take_count = 0;
	work->gift_count = 0;
	work->last_mark = NULL;
	work->running_stale = true;
}

/* Shows the cart as promotions before have left it. */
static const RuleCart *
running_cart(Work *work)
{
	if (work->running == NULL)
	{
		work->running = commerce_work_allocate(work, sizeof(RuleCart));
		work->running_lines = commerce_work_allocate(work, sizeof(RuleLine) * (size_t) work->count);
	}
	if (!work->running_stale)
		return work->running;
	*work->running = *work->request->cart;
	work->running->lines = work->running_lines;
	for (int i = 0; i < work->count; i++)
	{
		work->running_lines[i] = work->facts[i];
		work->running_lines[i].subtotal -= work->lines[i].discount;
		work->running->subtotal -= work->lines[i].discount;
	}
	work->running->shipping -= work->lines[work->count].discount;
	work->running_stale = false;
	return work->running;
}

/* Turns to a promotion. */
void
commerce_work_turn(Work *work, int candidate)
{
	const PromotionRequest *request = work->request;
	const Promotion *promotion = &request->promotions[request->candidates[candidate]];
	const RuleCart *cart = promotion->running ? running_cart(work) : work->request->cart;

	work->promotion = promotion;
	work->candidate_lines = request->candidate_lines ? &request->candidate_lines[candidate] : NULL;
	work->cart = commerce_promotion_cart(work->request, promotion, cart);
	work->shown = promotion->running ? work->running_lines : work->facts;
}

/* Returns money of a rule in the currency of the cart; 0 where it says none. */
int64_t
commerce_money_here(const Work *work, const RuleMoney *money)
{
	const RuleMoney *here = commerce_rule_money_in(money, work->request->cart->currency);

	return here ? here->minor : 0;
}

/* Returns the price of a line. */
int64_t
commerce_line_subtotal(const Work *work, int line)
{
	return line == work->count ? work->request->cart->shipping : work->facts[line].subtotal;
}

/* Returns what is left of a line's price. */
int64_t
commerce_line_left(const Work *work, int line)
{
	return commerce_line_subtotal(work, line) - work->lines[line].discount;
}

/* Returns what a discount may still take from a line, beside what is proposed already. */
int64_t
commerce_line_room(const Work *work, int line)
{
	int64_t room = commerce_line_left(work, line) - work->proposal[line].minor - work->more[line].floor;

	return room > 0 ? room : 0;
}

/* Returns what a percentage of the line is a percentage of. */
int64_t
commerce_line_base(const Work *work, int line)
{
	PercentBase base = work->promotion->percent_base;
	bool original =
		base == PERCENT_ORIGINAL || (base == PERCENT_AS_ASKED && work->request->percent_of_original);

	return original ? commerce_line_subtotal(work, line) : commerce_line_left(work, line);
}

/* Tells whether two lists have a text in common. */
static bool
meet(const TextList *first, const TextList *second)
{
	for (int i = 0; i < first->count; i++)
		for (int j = 0; j < second->count; j++)
			if (strcmp(first->texts[i], second->texts[j]) == 0)
				return true;
	return false;
}

/* Tells whether the promotion at hand and all item promotions of this lane on the line name each other. */
static bool
stacks_on(const Work *work, int line)
{
	const Promotion *promotion = work->promotion;

	for (const Mark *mark = work->lines[line].marks; mark; mark = mark->next)
		if (!(meet(&promotion->stacks_with, &mark->promotion->tags) &&
			  meet(&mark->promotion->stacks_with, &promotion->tags)))
			return false;
	return true;
}

/* Tells whether the promotion at hand may take something of the line. */
bool
commerce_line_eligible(Work *work, int line, bool set)
{
	const WorkLine *state = &work->lines[line];
	bool taken;

	if (!work->more[line].discountable)
		return false;
	if (state->stopped)
	{
		work->saw_taken_line = true;
		return false;
	}
	if (line < work->count && work->promotion->sale_items == SALE_SKIPPED && work->facts[line].on_sale)
		return false;
	if (work->promotion->class != CLASS_ITEM)
		return true;
	taken = state->lane == work->promotion->lane && (state->has_item || (state->has_set && !set));
	if (taken && !stacks_on(work, line))
	{
		work->saw_taken_line = true;
		return false;
	}
	return true;
}

/* Forgets what is proposed. */
void
commerce_proposal_clear(Work *work)
{
	memset(work->proposal, 0, sizeof(Proposal) * (size_t) (work->count + 1));
	work->saw_taken_line = false;
	work->too_little = false;
}

/* Adds up what is proposed. */
int64_t
commerce_proposal_total(const Work *work)
{
	wide total = 0;

	for (int i = 0; i <= work->count; i++)
		total += work->proposal[i].minor;
	return total > INT64_MAX ? INT64_MAX : (int64_t) total;
}

/* Notes one take. */
static void
note_take(Work *work, int finding, int line, int64_t minor)
{
	if (work->take_count == work->take_room)
	{
		int room = work->take_room > 0 ? work->take_room * 2 : 16;
		PromotionTake *takes = commerce_work_allocate(work, sizeof(PromotionTake) * (size_t) room);

		if (work->take_count > 0)
			memcpy(takes, work->takes, sizeof(PromotionTake) * (size_t) work->take_count);
		work->takes = takes;
		work->take_room = room;
	}
	work->takes[work->take_count++] = (PromotionTake){finding, work->given[line], minor};
}

/* Makes a mark, or uses one that a run before has made. */
static Mark *
next_mark(Work *work)
{
	Mark **place = work->last_mark ? &work->last_mark->after : &work->marks;

	if (*place == NULL)
	{
		*place = commerce_work_allocate(work, sizeof(Mark));
		(*place)->after = NULL;
	}
	work->last_mark = *place;
	return *place;
}

/* Notes that a line has something of the promotion at hand, and forgets those of other lanes. */
static void
mark_line(Work *work, WorkLine *line)
{
	Mark *mark = next_mark(work);

	if (line->lane != work->promotion->lane)
	{
		line->has_item = line->has_set = false;
		line->marks = NULL;
	}
	line->lane = work->promotion->lane;
	mark->promotion = work->promotion;
	mark->next = line->marks;
	line->marks = mark;
}

/* Takes what is proposed. */
void
commerce_proposal_take(Work *work, int finding)
{
	const Promotion *promotion = work->promotion;

	for (int i = 0; i <= work->count; i++)
	{
		const Proposal *proposal = &work->proposal[i];
		WorkLine *line = &work->lines[i];

		if (proposal->minor == 0 && proposal->set_units == 0)
			continue;
		line->discount += proposal->minor;
		line->set_discount += proposal->set_minor;
		line->set_units += proposal->set_units;
		if (promotion->class == CLASS_ITEM)
		{
			mark_line(work, line);
			line->has_item = line->has_item || proposal->minor > proposal->set_minor;
			line->has_set = line->has_set || proposal->set_units > 0;
		}
		line->stopped = line->stopped || promotion->stop_line;
		if (proposal->minor > 0)
			note_take(work, finding, i, proposal->minor);
	}
	work->running_stale = true;
}

/* Lets numbers, one a line, come to at most so much, each giving way by its size. */
static void
cap(Work *work, int64_t *numbers, int64_t most)
{
	int64_t *shares = work->scratch;
	wide total = 0;

	for (int i = 0; i <= work->count; i++)
		total += numbers[i];
	if (total <= most)
		return;
	(void) commerce_allocate_capped(most, numbers, numbers, work->count + 1, work->request->remainder,
									shares);
	memcpy(numbers, shares, sizeof(int64_t) * (size_t) (work->count + 1));
}

/* Lets the proposal come to at most so much. */
void
commerce_proposal_cap(Work *work, int64_t most)
{
	for (int i = 0; i <= work->count; i++)
		work->action[i] = work->proposal[i].minor;
	cap(work, work->action, most);
	for (int i = 0; i <= work->count; i++)
	{
		work->proposal[i].minor = work->action[i];
		if (work->proposal[i].set_minor > work->action[i])
			work->proposal[i].set_minor = work->action[i];
		work->action[i] = 0;
	}
}

/* Lets what one benefit takes come to at most so much. */
void
commerce_action_cap(Work *work, int64_t most)
{
	cap(work, work->action, most);
}

/* Adds what one benefit takes to the proposal. */
void
commerce_action_propose(Work *work)
{
	for (int i = 0; i <= work->count; i++)
	{
		work->proposal[i].minor += work->action[i];
		work->action[i] = 0;
	}
}

/* Distributes an amount over the lines of the aim. */
void
commerce_action_distribute(Work *work, int64_t minor, const int64_t *weights, const int64_t *caps)
{
	int64_t *shares = work->scratch;

	(void) commerce_allocate_capped(minor, weights, caps, work->aim.count, work->request->remainder, shares);
	for (int i = 0; i < work->aim.count; i++)
		work->action[work->aim.lines[i]] += shares[i];
}
