/*
 * sets.c: units that are bought together: buy and get, bundles, some for a price.
 *
 * A set has parts, each so many units of the lines that match it; a unit is in one part of one set, and in no set of a
 * promotion after this one. How many sets there are, and which units they are made of, is found without walking units:
 *
 * Lines are put into classes by which parts they match. So many sets can be made just when, for every choice of parts,
 * the lines that match any of them have as many units as those parts need (Hall's theorem), which for six parts is 63
 * sums. Then each part, one after the other, takes units from its lines in the order that the benefit says, from each as
 * many as leave that so for what the other parts still need.
 *
 * What is got, or given for a price, is decided before what is bought: the cheapest units are got, the dearest bought, as
 * a customer would have it put on two receipts. A price for a set never raises what its units cost: only as many sets
 * are made as become cheaper.
 */
#include <string.h>

#include "promotion/work.h"

#define CHOICES (1 << BENEFIT_MAX_PARTS)

typedef struct Sets
{
	Work *work;
	const BenefitPart *parts[BENEFIT_MAX_PARTS];
	int count;
	int got; /* parts before this one have the reward */
	UnitOrder orders[BENEFIT_MAX_PARTS];
	int *sorted[BENEFIT_MAX_PARTS]; /* the lines in the order in which a part takes their units */
	unsigned *classes;              /* by line: a bit for each part that it matches */
	int64_t *free;                  /* by line: units that are in no set */
	int64_t *in_set;                /* by line: units taken for a part with the reward */
	int64_t *beside;                /* by line: units taken for other parts */
	wide supply[CHOICES];           /* by choice of parts: units of lines that match any of them */
} Sets;

/* Returns how many units the parts of a choice need, for some whole sets. */
static wide
needed(const Sets *sets, unsigned choice, wide times)
{
	wide units = 0;

	for (int p = 0; p < sets->count; p++)
		if (choice & (1u << p))
			units += sets->parts[p]->quantity;
	return units * times;
}

/* Classifies the lines, and counts their units. */
static void
classify(Sets *sets)
{
	Work *work = sets->work;
	wide by_class[CHOICES] = {0};
	int *lines = commerce_work_buffer(work, BUFFER_SET_LINES, sizeof(int));

	for (int i = 0; i < work->count; i++)
	{
		const RuleLine *facts = &work->shown[i];
		unsigned class = 0;

		sets->classes[i] = 0;
		sets->free[i] = facts->quantity - work->lines[i].set_units - work->proposal[i].set_units;
		for (int p = 0; p < sets->count; p++)
			if (commerce_line_matches(sets->parts[p]->where, &work->cart, facts))
				class |= 1u << p;
		if (class == 0 || !commerce_line_eligible(work, i, true))
			continue;
		work->proposal[i].matched = true;
		sets->classes[i] = class;
		by_class[class] += sets->free[i];
	}
	for (unsigned choice = 1; choice < 1u << sets->count; choice++)
	{
		sets->supply[choice] = 0;
		for (unsigned class = 1; class < 1u << sets->count; class ++)
			if (class & choice)
				sets->supply[choice] += by_class[class];
	}
	for (int p = 0; p < sets->count; p++)
	{
		int count = 0;

		for (int i = 0; i < work->count; i++)
			if (sets->classes[i] & (1u << p))
				lines[count++] = i;
		sets->sorted[p] = commerce_work_buffer(work, BUFFER_SET_SORTED + p, sizeof(int));
		(void) commerce_units_order(work, lines, count, sets->orders[p], sets->sorted[p]);
		sets->sorted[p][count] = -1;
	}
}

/* Returns how many whole sets can be made. */
static int64_t
most_sets(const Sets *sets, int64_t limit)
{
	wide most = limit;

	for (unsigned choice = 1; choice < 1u << sets->count; choice++)
	{
		wide times = sets->supply[choice] / needed(sets, choice, 1);

		if (times < most)
			most = times;
	}
	return (int64_t) most;
}

/* Returns how many units a part that may get fewer gets in one more set; 0 where that cannot be made. */
static int64_t
partial_units(const Sets *sets, int64_t times)
{
	wide most = sets->parts[0]->quantity - 1;

	for (unsigned choice = 1; choice < 1u << sets->count; choice++)
	{
		wide others = needed(sets, choice & ~1u, (wide) times + 1);
		wide own = choice & 1u ? needed(sets, 1u, times) : 0;
		wide spare = sets->supply[choice] - others - own;

		if (spare < 0)
			return 0;
		if ((choice & 1u) && spare < most)
			most = spare;
	}
	return (int64_t) most;
}

/*
 * Makes sets: finds how many units of each line are in them. wanted is how many units each part needs in all. False where
 * they cannot be made, which most_sets() has excluded.
 */
static bool
make(Sets *sets, const int64_t *wanted)
{
	Work *work = sets->work;
	int64_t *free = work->scratch;
	wide slack[CHOICES] = {0};

	memcpy(free, sets->free, sizeof(int64_t) * (size_t) work->count);
	memset(sets->in_set, 0, sizeof(int64_t) * (size_t) work->count);
	memset(sets->beside, 0, sizeof(int64_t) * (size_t) work->count);
	for (unsigned choice = 1; choice < 1u << sets->count; choice++)
	{
		slack[choice] = sets->supply[choice];
		for (int p = 0; p < sets->count; p++)
			if (choice & (1u << p))
				slack[choice] -= wanted[p];
	}
	for (int p = 0; p < sets->count; p++)
	{
		int64_t *taken = p < sets->got ? sets->in_set : sets->beside;
		int64_t rest = wanted[p];

		for (const int *line = sets->sorted[p]; *line >= 0 && rest > 0; line++)
		{
			unsigned class = sets->classes[*line];
			wide units = free[*line] < rest ? free[*line] : rest;

			for (unsigned choice = 1; choice < 1u << sets->count; choice++)
				if ((choice & class) && !(choice & (1u << p)) && slack[choice] < units)
					units = slack[choice];
			if (units <= 0)
				continue;
			for (unsigned choice = 1; choice < 1u << sets->count; choice++)
				if ((choice & class) && !(choice & (1u << p)))
					slack[choice] -= units;
			free[*line] -= (int64_t) units;
			taken[*line] += (int64_t) units;
			rest -= (int64_t) units;
		}
		if (rest > 0)
			return false;
	}
	return true;
}

/* Makes a number of whole sets, and after them one that gets fewer units. */
static bool
make_sets(Sets *sets, int64_t times, int64_t partial)
{
	int64_t wanted[BENEFIT_MAX_PARTS] = {0};

	for (int p = 0; p < sets->count; p++)
		wanted[p] = sets->parts[p]->quantity * times;
	if (partial > 0)
	{
		wanted[0] += partial;
		for (int p = 1; p < sets->count; p++)
			wanted[p] += sets->parts[p]->quantity;
	}
	return make(sets, wanted);
}

/* Returns what units of a line that are in no set yet cost, rounded: discounts on sets before are on other units. */
static wide
value(const Work *work, int line, int64_t units)
{
	const WorkLine *state = &work->lines[line];
	wide all = commerce_line_subtotal(work, line) - (state->discount - state->set_discount);

	return commerce_round_ratio(all * units, work->facts[line].quantity, ROUND_HALF_UP);
}

/* Returns a percentage of what such units cost now, or cost at first, as percentages go. */
static wide
part_of_value(const Work *work, int line, int64_t units, int64_t percent)
{
	const WorkLine *state = &work->lines[line];
	wide all = commerce_line_base(work, line);

	if (all < commerce_line_subtotal(work, line))
		all += state->set_discount;
	return commerce_round_ratio(all * units * percent, (wide) PERCENT_WHOLE * work->facts[line].quantity,
								work->request->rounding);
}

/* Returns what the units with the reward cost in a number of sets. */
static wide
value_of_sets(Sets *sets, int64_t times)
{
	wide sum = 0;

	if (times == 0 || !make_sets(sets, times, 0))
		return 0;
	for (int i = 0; i < sets->work->count; i++)
		if (sets->in_set[i] > 0)
			sum += value(sets->work, i, sets->in_set[i]);
	return sum;
}

/* Returns how many sets become cheaper for a price, where each costs no more than the one made before it. */
static int64_t
cheaper_sets(Sets *sets, int64_t most, int64_t price)
{
	int64_t low = 0;
	int64_t high = most;

	while (low < high)
	{
		int64_t middle = low + (high - low + 1) / 2;

		if (value_of_sets(sets, middle) - value_of_sets(sets, middle - 1) > price)
			low = middle;
		else
			high = middle - 1;
	}
	/* The cheapest come first where the benefit says so: then it is the last that save something. */
	if (value_of_sets(sets, most) - (wide) most * price > value_of_sets(sets, low) - (wide) low * price)
		return most;
	return low;
}

/* Where on the lines of a part one has come to. */
typedef struct Position
{
	const int *line;
	int64_t left; /* units of the line */
} Position;

/* Goes on by one set of a single part; returns what it costs, and puts its units into the set where it is kept. */
static wide
pass_set(Sets *sets, Position *position, bool kept)
{
	int64_t rest = sets->parts[0]->quantity;
	wide cost = 0;

	while (rest > 0)
	{
		int64_t units = position->left < rest ? position->left : rest;

		cost += value(sets->work, *position->line, units);
		if (kept)
			sets->in_set[*position->line] += units;
		position->left -= units;
		rest -= units;
		if (rest > 0)
			position->left = sets->free[*++position->line];
	}
	return cost;
}

/*
 * Makes sets of a single part in their order, but leaves out those that a price would not make cheaper; returns how many
 * are made, at most so many. Sets of one line are alike and decided together.
 */
static int64_t
make_cheaper(Sets *sets, int64_t most, int64_t price)
{
	int64_t times = most_sets(sets, INT64_MAX);
	int64_t quantity = sets->parts[0]->quantity;
	Position position = {sets->sorted[0], times > 0 ? sets->free[*sets->sorted[0]] : 0};
	int64_t made = 0;

	memset(sets->in_set, 0, sizeof(int64_t) * (size_t) sets->work->count);
	memset(sets->beside, 0, sizeof(int64_t) * (size_t) sets->work->count);
	while (times > 0 && made < most)
	{
		Position next = position;
		bool one_line = position.left >= quantity;
		int64_t alike = one_line ? position.left / quantity : 1;
		bool cheaper;

		if (alike > times)
			alike = times;
		cheaper = pass_set(sets, &next, false) > price;
		if (cheaper && alike > most - made)
			alike = most - made;
		if (cheaper && one_line)
			sets->in_set[*position.line] += alike * quantity;
		else if (cheaper)
			(void) pass_set(sets, &position, true);
		if (one_line)
			next = (Position){position.line, position.left - alike * quantity};
		made += cheaper ? alike : 0;
		times -= alike;
		position = next;
	}
	return made;
}

/* Gives the reward for each unit that is got. */
static void
reward_units(Sets *sets, const Reward *reward)
{
	Work *work = sets->work;
	int64_t money = commerce_money_here(work, reward->money);

	for (int i = 0; i < work->count; i++)
	{
		int64_t units = sets->in_set[i];
		int64_t room = commerce_line_room(work, i);
		wide all;
		wide minor;

		if (units == 0)
			continue;
		all = value(work, i, units);
		minor = reward->kind == REWARD_PERCENT ? part_of_value(work, i, units, reward->percent)
				: reward->kind == REWARD_MONEY ? (wide) money * units
											   : all - (wide) money * units;
		if (minor > all)
			minor = all;
		if (minor > room)
			minor = room;
		if (minor > 0)
			work->action[i] += (int64_t) minor;
	}
}

/* Takes an amount off what is in the sets, distributed by what its units cost. */
static void
reward_together(Sets *sets, wide minor)
{
	Work *work = sets->work;
	int64_t *weights = work->scratch + (work->count + 1);
	int64_t *caps = weights + (work->count + 1);
	wide limit = 0;

	work->aim.count = 0;
	for (int i = 0; i < work->count; i++)
	{
		int n = work->aim.count;
		int64_t room = commerce_line_room(work, i);

		if (sets->in_set[i] == 0)
			continue;
		weights[n] = (int64_t) value(work, i, sets->in_set[i]);
		caps[n] = room < weights[n] ? room : weights[n];
		limit += caps[n];
		work->aim.lines[n] = i;
		work->aim.count++;
	}
	if (minor > limit)
		minor = limit;
	if (minor > 0)
		commerce_action_distribute(work, (int64_t) minor, weights, caps);
}

/* Lists the parts of a benefit, those with the reward first. */
static void
list_parts(Sets *sets, const Benefit *benefit)
{
	UnitOrder got = benefit->buy ? UNITS_CHEAPEST : UNITS_DEAREST;

	if (benefit->limits.order != UNITS_BY_DEFAULT)
		got = benefit->limits.order;
	for (const BenefitPart *part = benefit->get; part; part = part->next)
	{
		sets->orders[sets->count] = got;
		sets->parts[sets->count++] = part;
	}
	sets->got = sets->count;
	for (const BenefitPart *part = benefit->buy; part; part = part->next)
	{
		sets->orders[sets->count] = got == UNITS_DEAREST ? UNITS_CHEAPEST : UNITS_DEAREST;
		sets->parts[sets->count++] = part;
	}
}

/* Allocates the numbers of the lines. */
static void
allocate_lines(Sets *sets)
{
	Work *work = sets->work;

	sets->classes = commerce_work_buffer(work, BUFFER_SET_CLASSES, sizeof(unsigned));
	sets->free = commerce_work_buffer(work, BUFFER_SET_FREE, sizeof(int64_t));
	sets->in_set = commerce_work_buffer(work, BUFFER_SET_IN, sizeof(int64_t));
	sets->beside = commerce_work_buffer(work, BUFFER_SET_BESIDE, sizeof(int64_t));
}

/* Takes what sets give. */
bool
commerce_take_set(Work *work, const Benefit *benefit)
{
	Sets sets = {.work = work};
	const Reward *reward = &benefit->reward;
	int64_t money = commerce_money_here(work, reward->money);
	int64_t limit;
	int64_t times;
	int64_t partial = 0;
	bool matched = false;

	list_parts(&sets, benefit);
	allocate_lines(&sets);
	classify(&sets);
	for (int i = 0; i < work->count && !matched; i++)
		matched = sets.classes[i] != 0;
	limit = benefit->limits.times > 0 ? benefit->limits.times : INT64_MAX;
	times = most_sets(&sets, limit);
	work->too_little = matched && times == 0;
	if (benefit->buy == NULL && reward->kind == REWARD_PRICE)
		times = sets.count == 1 ? make_cheaper(&sets, limit, money) : cheaper_sets(&sets, times, money);
	if (benefit->buy && (benefit->get->up_to || work->request->partial_get) && times < limit)
		partial = partial_units(&sets, times);
	if (times == 0 && partial <= 0)
		return matched;
	if ((benefit->buy || reward->kind != REWARD_PRICE || sets.count > 1) && !make_sets(&sets, times, partial))
		return matched;
	if (benefit->buy || reward->kind == REWARD_PERCENT)
		reward_units(&sets, reward);
	else if (reward->kind == REWARD_MONEY)
		reward_together(&sets, (wide) money * times);
	else
	{
		wide cost = 0;

		for (int i = 0; i < work->count; i++)
			if (sets.in_set[i] > 0)
				cost += value(work, i, sets.in_set[i]);
		reward_together(&sets, cost - (wide) money * times);
	}
	for (int i = 0; i < work->count; i++)
		work->proposal[i].set_units += sets.in_set[i] + sets.beside[i];
	return true;
}
