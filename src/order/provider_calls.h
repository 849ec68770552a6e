/*
 * provider_calls.h: calls to payment providers, carriers and tax services.
 */
#ifndef COMMERCE_ORDER_PROVIDER_CALLS_H
#define COMMERCE_ORDER_PROVIDER_CALLS_H

/* Registers calls as something to be sent, and what finds those that nobody told of; called once, from _PG_init. */
extern void commerce_provider_calls_init(void);

#endif
