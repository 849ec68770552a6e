/*
 * address.h: which network addresses an event may be sent to. Pure.
 */
#ifndef COMMERCE_OUTBOX_ADDRESS_H
#define COMMERCE_OUTBOX_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIDR_MAX 64

/* Addresses as the network has them: 4 bytes for IPv4, 16 for IPv6. */
#define IPV4_BYTES 4
#define IPV6_BYTES 16

typedef struct Cidr
{
	size_t length; /* IPV4_BYTES or IPV6_BYTES */
	uint8_t bytes[IPV6_BYTES];
	int bits;
} Cidr;

typedef struct CidrList
{
	Cidr items[CIDR_MAX];
	int count;
} CidrList;

/* Reads "10.0.0.0/8, fd00::/8", an address alone standing for itself; false for anything else, or more than CIDR_MAX. */
extern bool commerce_cidr_parse(const char *text, CidrList *list);

/* Is this an address of the open internet, whatever it is wrapped in? */
extern bool commerce_address_is_public(const uint8_t *bytes, size_t length);

/* May it be connected to: is it public, or on the list? */
extern bool commerce_address_allowed(const uint8_t *bytes, size_t length, const CidrList *allowed);

#endif
