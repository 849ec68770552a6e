/*
 * candidates.c: finding the promotions worth a look, however many there are.
 *
 * Each promotion is filed under the keys of one thing it needs: its condition, its benefit and its channels, currencies
 * and groups all must be met, so the most selective of them will do. Those that need nothing known are always looked
 * at; those that need a code are found by the code alone. A cart then asks once for each key it has, so the cost goes
 * with the cart and with what matches it, not with the number of promotions.
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
consider_list(const TextList *list, RuleKeyKind kind, const RuleMemory *memory, RuleNeed *need, bool found)
{
	RuleNeed one = {NULL, list->count, kind};
	RuleKey *keys;

	if (list->count == 0 || (found && !commerce_need_is_better(&one, need)))
		return found;
	keys = memory->allocate(memory->context, sizeof(RuleKey) * (size_t) list->count);
	for (int i = 0; i < list->count; i++)
		keys[i] = (RuleKey){kind, list->texts[i]};
	*need = (RuleNeed){keys, list->count, kind};
	return true;
}

/* Finds what a promotion is filed under; false where it is always looked at. */
static bool
promotion_need(const Promotion *promotion, const RuleMemory *memory, RuleNeed *need)
{
	RuleNeed benefit;
	bool found = commerce_condition_need(promotion->condition, memory, need);

	if (commerce_benefit_need(promotion->benefit, memory, &benefit) &&
		(!found || commerce_need_is_better(&benefit, need)))
	{
		*need = benefit;
		found = true;
	}
	found = consider_list(&promotion->groups, KEY_GROUP, memory, need, found);
	found = consider_list(&promotion->channels, KEY_CHANNEL, memory, need, found);
	return consider_list(&promotion->currencies, KEY_CURRENCY, memory, need, found);
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
	for (int i = 0; i < count; i++)
	{
		needs[i].count = -1;
		if (promotions[i].needs_code)
			needs[i].count = 0;
		else if (promotion_need(&promotions[i], memory, &needs[i]))
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

/* A search under way. */
typedef struct Search
{
	PromotionIndex *index;
	int64_t at;
	int *found;
	int count;
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

/* Notes what is filed under a key. */
static void
look_up(RuleKeyKind kind, const char *text, int length, void *context)
{
	Search *search = context;
	const PromotionIndex *index = search->index;
	uint32_t hash = hash_key(kind, text, length);

	for (int at = index->buckets[hash & index->mask]; at >= 0; at = index->entries[at].next)
	{
		const Entry *entry = &index->entries[at];

		if (entry->hash == hash && entry->kind == kind && entry->length == length &&
			memcmp(entry->text, text, (size_t) length) == 0)
			note(search, entry->promotion);
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

/* Finds what may apply to a cart. */
int
commerce_find_candidates(PromotionIndex *index, const RuleCart *cart, int64_t at, const int *opened,
						 int opened_count, int *found)
{
	Search search = {index, at, found, 0};

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
	return search.count;
}
