/*
 * promise.c: promising stock.
 *
 * What is there is read, a plan is made on these numbers, and what the plan takes is taken. Between reading and taking
 * others take, too; who comes too late gives back what he has and reads again. He who is short first lets overdue holds
 * of the same skus expire, and looks once more.
 */
#include "inventory/stock.h"

#include "escrow/escrow.h"
#include "inventory/needs.h"
#include "inventory/reservations.h"
#include "inventory/stockroom.h"
#include "inventory/sweep.h"

/* Finds a strategy by name. */
SourcingStrategy
commerce_stock_strategy(const char *name)
{
	SourcingStrategy strategy = SOURCE_PRIORITY;

	if (name != NULL && !commerce_sourcing_strategy(name, &strategy))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no strategy \"%s\"", name),
						errhint("Strategies are priority, most_stock, fewest_splits and no_split.")));
	return strategy;
}

/*
 * Takes from its source what the plan takes, all of it or nothing; false where somebody was faster. The promises are
 * those of the plan, in its order.
 */
static bool
take(const NeededGoods *goods, const Stockroom *room, StockPromise *promises)
{
	commerce_escrow_begin();
	for (int t = 0; t < goods->sourcing.taking_count; t++)
	{
		const Taking *taking = &goods->sourcing.takings[t];

		promises[t].counter = room->counters[taking->source];
		if (promises[t].counter == NULL)
			continue;
		promises[t].unwritten = commerce_escrow_unwritten(promises[t].counter);
		if (!commerce_escrow_take(promises[t].counter, taking->quantity))
		{
			commerce_escrow_undo();
			return false;
		}
	}
	commerce_escrow_keep();
	return true;
}

/* Gives back what was taken and not written. The first of several that took from one counter knows what was before. */
static void
settle(const StockPromise *promises, int count)
{
	for (int i = 0; i < count; i++)
		if (promises[i].counter != NULL)
			commerce_escrow_settle(promises[i].counter, promises[i].unwritten);
}

/* Promises what is needed. */
StockPromise *
commerce_stock_promise(StockNeed *needs, int count, const StockClaim *claim, bool refuse, int *made)
{
	NeededGoods goods;
	Stockroom room;
	StockPromise *promises;
	bool lock = refuse;

	PreventCommandIfParallelMode("a reservation");
	if (claim->replace && claim->holder)
		commerce_lock_holder(claim->holder);
	commerce_expand_needs(&goods, needs, count, true);
	if (claim->replace && claim->holder)
		commerce_release_holds(claim->holder, goods.skus, claim->replace_all);
	for (;;)
	{
		bool met;

		CHECK_FOR_INTERRUPTS();
		commerce_stockroom_read(&room, goods.skus, lock);
		met = commerce_plan_needs(&goods, &room, claim);
		if (!met && commerce_expire_overdue_of(goods.skus) > 0)
			continue;
		if (!met)
			commerce_require_known_needs(&goods);
		if (!met && claim->mode == STOCK_ALL && refuse)
			commerce_refuse_short(&goods, &room);
		if (!met && claim->mode == STOCK_ALL)
			return NULL;
		promises = commerce_planned_promises(&goods);
		if (!room.unlocked && take(&goods, &room, promises))
			break;
		lock = true;
	}
	*made = goods.sourcing.taking_count;
	commerce_write_promises(promises, commerce_write_directly(promises, *made, needs, claim), *made, needs,
							claim);
	settle(promises, *made);
	return promises;
}

/*
 * Promises one need without a statement, where counters, memory and a plain table allow it, which is nearly always. A
 * kit has no stock of its own, so none is found where it is looked for here.
 */
StockPromise *
commerce_stock_promise_quickly(StockNeed *need, const StockClaim *claim)
{
	NeededGoods goods;
	Stockroom room;
	StockPromise *promises;
	int count;

	if (!commerce_stockroom_recall(&room, need->sku))
		return NULL;
	commerce_expand_needs(&goods, need, 1, false);
	if (!commerce_plan_needs(&goods, &room, claim))
		return NULL;
	promises = commerce_planned_promises(&goods);
	count = goods.sourcing.taking_count;
	if (!take(&goods, &room, promises))
		return NULL;
	if (commerce_write_directly(promises, count, need, claim) == count)
		return promises;
	settle(promises, count);
	return NULL;
}

/* Plans and promises nothing. */
StockPromise *
commerce_stock_plan(StockNeed *needs, int count, const StockClaim *claim, int *made)
{
	NeededGoods goods;
	Stockroom room;

	commerce_expand_needs(&goods, needs, count, true);
	commerce_stockroom_look(&room, goods.skus, claim->replace ? claim->holder : NULL);
	if (!commerce_plan_needs(&goods, &room, claim))
		commerce_require_known_needs(&goods);
	*made = goods.sourcing.taking_count;
	return commerce_planned_promises(&goods);
}
