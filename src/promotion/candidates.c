/*
 * candidates.c: finding the promotions worth a look, however many there are.
 *
 * Each promotion is filed under the keys of one thing it needs: its condition, its benefit and its channels, currencies
 * and groups all must be met, so the most selective of them will do. Those that need nothing known are always looked
 * at; those that need a code are found by the code alone. A cart then asks once for each key it has, so the cost goes
 * with the cart and with what matches it, not with the number of promotions.
 *
 * What is filed by its benefit, under keys that lines have, can match only lines that have one of them: which those are
 * is known when the key is found, so that nobody needs to try all lines of a large cart on each candidate.
 */
#include "promotion/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "rule/need.h"

/* A promotion filed under a key. */
typedef struct Entry
{
	RuleKeyKind kind;
	uint32_t hash;
	const char *text;
	int length;
	int promotion;
	int next; /* in its bucket; -1 at the end */
} Entry;

struct PromotionIndex
{
	const Promotion *promotions;
	int count;
	Entry *entries;
	int entry_count;
	int *buckets;
	uint32_t mask;
	bool *by_lines; /* by promotion: filed by its benefit, under keys of lines */
	int *always;
	int always_count;
	uint32_t *seen; /* by promotion: the search that found it last */
	uint32_t search;
};

/* Hashes a key (FNV-1a). */
static uint32_t
hash_key(RuleKeyKind kind, const char *text, int length)
{
	uint32_t hash = 2166136261u ^ (uint32_t) kind;

	for (int i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) text[i]) * 16777619u;
	return hash ^ (hash >> 15);
}

/* Takes the need of a list that a promotion is limited to, where that is more selective. */
static bool
consider_list(const TextList *list, RuleKeyKind kind, const RuleMemory *memory, RuleNeed *need, bool found,
			  bool *by_lines)
{
	RuleNeed one = {NULL, list->count, kind};
	RuleKey *keys;

	if (list->count == 0 || (found && !commerce_need_is_better(&one, need)))
		return found;
	*by_lines = false;
	keys = memory->allocate(memory->context, sizeof(RuleKey) * (size_t) list->count);
	for (int i = 0; i < list->count; i++)
		keys[i] = (RuleKey){kind, list->texts[i]};
	*need = (RuleNeed){keys, list->count, kind};
	return true;
}

/* Tells whether a benefit matches no line but those that have one of the keys that it needs. */
static bool
is_about_lines(const Benefit *benefit, const RuleNeed *need)
{
	if (benefit->next || benefit->target == BENEFIT_SHIPPING || benefit->kind == BENEFIT_SET ||
		benefit->kind == BENEFIT_GIFT)
		return false;
	for (int i = 0; i < need->count; i++)
		if (!commerce_key_is_of_line(need->keys[i].kind))
			return false;
	return true;
}

/* Finds what a promotion is filed under; false where it is always looked at. */
static bool
promotion_need(const Promotion *promotion, const RuleMemory *memory, RuleNeed *need, bool *by_lines)
{
	RuleNeed benefit;
	bool found = commerce_condition_need(promotion->condition, memory, need);

	if (commerce_benefit_need(promotion->benefit, memory, &benefit) &&
		(!found || commerce_need_is_better(&benefit, need)))
	{
		*need = benefit;
		found = true;
		*by_lines = is_about_lines(promotion->benefit, need);
	}
	found = consider_list(&promotion->groups, KEY_GROUP, memory, need, found, by_lines);
	found = consider_list(&promotion->channels, KEY_CHANNEL, memory, need, found, by_lines);
	return consider_list(&promotion->currencies, KEY_CURRENCY, memory, need, found, by_lines);
}

/* Files a promotion under a key. */
static void
file(PromotionIndex *index, const RuleKey *key, int promotion)
{
	Entry *entry = &index->entries[index->entry_count];
	int length = (int) strlen(key->text);
	uint32_t hash = hash_key(key->kind, key->text, length);
	int *bucket = &index->buckets[hash & index->mask];

	*entry = (Entry){key->kind, hash, key->text, length, promotion, *bucket};
	*bucket = index->entry_count++;
}

/* Indexes promotions by what they need. */
PromotionIndex *
commerce_index_promotions(const Promotion *promotions, int count, const RuleMemory *memory)
{
	PromotionIndex *index = memory->allocate(memory->context, sizeof(PromotionIndex));
	size_t places = (size_t) (count > 0 ? count : 1);
	RuleNeed *needs = memory->allocate(memory->context, sizeof(RuleNeed) * places);
	size_t keys = 1;
	uint32_t size = 16;

	*index = (PromotionIndex){.promotions = promotions, .count = count};
	index->always = memory->allocate(memory->context, sizeof(int) * places);
	index->seen = memory->allocate(memory->context, sizeof(uint32_t) * places);
	memset(index->seen, 0, sizeof(uint32_t) * places);
	index->by_lines = memory->allocate(memory->context, sizeof(bool) * places);
	memset(index->by_lines, 0, sizeof(bool) * places);
	for (int i = 0; i < count; i++)
	{
		needs[i].count = -1;
		if (promotions[i].needs_code)
			needs[i].count = 0;
		else if (promotion_need(&promotions[i], memory, &needs[i], &index->by_lines[i]))
			keys += (size_t) needs[i].count;
		else
		{
			needs[i].count = 0;
			index->always[index->always_count++] = i;
		}
	}
	while (size < keys * 2 && size < (UINT32_C(1) << 30))
		size *= 2;
	index->mask = size - 1;
	index->entries = memory->allocate(memory->context, sizeof(Entry) * keys);
	index->buckets = memory->allocate(memory->context, sizeof(int) * size);
	memset(index->buckets, 0xff, sizeof(int) * size);
	for (int i = 0; i < count; i++)
		for (int k = 0; k < needs[i].count; k++)
			file(index, &needs[i].keys[k], i);
	return index;
}

/* A key that a line has, found for a promotion. */
typedef struct Hit
{
	int promotion;
	int line;
} Hit;

/* A search under way. */
typedef struct Search
{
	PromotionIndex *index;
	int64_t at;
	int *found;
	int count;
	const RuleMemory *memory; /* NULL: nobody asks for lines */
	Hit *hits;
	int hit_count;
	int hit_room;
} Search;

/* Notes a promotion, once, if it runs. */
static void
note(Search *search, int promotion)
{
	PromotionIndex *index = search->index;
	const Promotion *one = &index->promotions[promotion];

	if (index->seen[promotion] == index->search)
		return;
	index->seen[promotion] = index->search;
	if (one->active && search->at >= one->begins && search->at < one->ends)
		search->found[search->count++] = promotion;
}

/* Notes on which line a promotion was found. */
static void
note_line(Search *search, int promotion, int line)
{
	const RuleMemory *memory = search->memory;

	if (search->hit_count == search->hit_room)
	{
		int room = search->hit_room > 0 ? search->hit_room * 2 : 64;
		Hit *hits = memory->allocate(memory->context, sizeof(Hit) * (size_t) room);

		if (search->hit_count > 0)
			memcpy(hits, search->hits, sizeof(Hit) * (size_t) search->hit_count);
		search->hits = hits;
		search->hit_room = room;
	}
	search->hits[search->hit_count++] = (Hit){promotion, line};
}

/* Notes what is filed under a key. */
static void
look_up(RuleKeyKind kind, const char *text, int length, int line, void *context)
{
	Search *search = context;
	const PromotionIndex *index = search->index;
	uint32_t hash = hash_key(kind, text, length);

	for (int at = index->buckets[hash & index->mask]; at >= 0; at = index->entries[at].next)
	{
		const Entry *entry = &index->entries[at];

		if (entry->hash != hash || entry->kind != kind || entry->length != length ||
			memcmp(entry->text, text, (size_t) length) != 0)
			continue;
		note(search, entry->promotion);
		if (search->memory && index->by_lines[entry->promotion])
			note_line(search, entry->promotion, line);
	}
}

/* Orders places. */
static int
by_place(const void *a, const void *b)
{
	int x = *(const int *) a;
	int y = *(const int *) b;

	return x < y ? -1 : x > y;
}

/* Orders hits by promotion and line. */
static int
by_promotion(const void *a, const void *b)
{
	const Hit *x = a;
	const Hit *y = b;

	if (x->promotion != y->promotion)
		return x->promotion < y->promotion ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* Lists the lines on which candidates were found, each once. */
static const CandidateLines *
list_lines(Search *search)
{
	const RuleMemory *memory = search->memory;
	CandidateLines *listed =
		memory->allocate(memory->context, sizeof(CandidateLines) * (size_t) (search->count + 1));
	int *lines = memory->allocate(memory->context, sizeof(int) * (size_t) (search->hit_count + 1));
	int hit = 0;

	if (search->hit_count > 0)
		qsort(search->hits, (size_t) search->hit_count, sizeof(Hit), by_promotion);
	for (int c = 0; c < search->count; c++)
	{
		int place = search->found[c];

		listed[c] = (CandidateLines){NULL, 0};
		while (hit < search->hit_count && search->hits[hit].promotion < place)
			hit++;
		if (!search->index->by_lines[place])
			continue;
		listed[c].lines = lines;
		for (; hit < search->hit_count && search->hits[hit].promotion == place; hit++)
			if (listed[c].count == 0 || lines[-1] != search->hits[hit].line)
			{
				*lines++ = search->hits[hit].line;
				listed[c].count++;
			}
	}
	return listed;
}

/* Finds what may apply to a cart. */
int
commerce_find_candidates(PromotionIndex *index, const RuleCart *cart, int64_t at, const int *opened,
						 int opened_count, int *found, const RuleMemory *memory, const CandidateLines **lines)
{
	Search search = {.index = index, .at = at, .found = found, .memory = lines ? memory : NULL};

	if (++index->search == 0)
	{
		memset(index->seen, 0, sizeof(uint32_t) * (size_t) index->count);
		index->search = 1;
	}
	for (int i = 0; i < index->always_count; i++)
		note(&search, index->always[i]);
	for (int i = 0; i < opened_count; i++)
		note(&search, opened[i]);
	commerce_cart_keys(cart, look_up, &search);
	qsort(found, (size_t) search.count, sizeof(int), by_place);
	if (lines)
		*lines = list_lines(&search);
	return search.count;
}
