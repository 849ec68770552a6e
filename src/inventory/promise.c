/*
 * promise.c: promising stock.
 */
#include "inventory/stock.h"

#include "inventory/needs.h"
#include "inventory/reservations.h"
#include "inventory/stockroom.h"

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

/* Promises what is needed. */
StockPromise *
commerce_stock_promise(StockNeed *needs, int count, const StockClaim *claim, bool refuse, int *made)
{
	NeededGoods goods;
	Stockroom room;
	StockPromise *promises;

	if (claim->replace && claim->holder)
		commerce_lock_holder(claim->holder);
	commerce_expand_needs(&goods, needs, count, true);
	commerce_stockroom_read(&room, goods.skus, claim);
	if (!commerce_plan_needs(&goods, &room, claim))
	{
		commerce_require_known_needs(&goods);
		if (claim->mode == STOCK_ALL && refuse)
			commerce_refuse_short(&goods);
		if (claim->mode == STOCK_ALL)
			return NULL;
	}
	if (claim->replace && claim->holder)
		commerce_release_holds(claim->holder, goods.skus, claim->replace_all);
	promises = commerce_planned_promises(&goods);
	*made = goods.sourcing.taking_count;
	if (*made > 0)
		commerce_write_promises(promises, *made, needs, claim);
	return promises;
}

/* Plans and promises nothing. */
StockPromise *
commerce_stock_plan(StockNeed *needs, int count, const StockClaim *claim, int *made)
{
	NeededGoods goods;
	Stockroom room;

	commerce_expand_needs(&goods, needs, count, true);
	commerce_stockroom_look(&room, goods.skus, claim);
	if (!commerce_plan_needs(&goods, &room, claim))
		commerce_require_known_needs(&goods);
	*made = goods.sourcing.taking_count;
	return commerce_planned_promises(&goods);
}
