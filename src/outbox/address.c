/*
 * address.c: which network addresses an event may be sent to.
 *
 * Whoever may name a URL makes the server connect to it, from inside the network. So only what lies in the open internet
 * is allowed unless a superuser says otherwise: the registries of special-purpose addresses (RFC 6890 and what followed)
 * are the list of what does not. An IPv6 address that carries an IPv4 address (mapped, compatible, NAT64, 6to4) is judged
 * by both, because the packet ends at the inner one; Teredo, which hides one behind a relay, is refused whole. Of IPv6
 * only 2000::/3 is the open internet; all else there is refused without asking what it is.
 */
#include "outbox/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* IPv4 that is not the open internet. */
static const Cidr special4[] = {
	{4, {0}, 8},             /* this host, this network */
	{4, {10}, 8},            /* private */
	{4, {100, 64}, 10},      /* shared by carriers */
	{4, {127}, 8},           /* loopback */
	{4, {169, 254}, 16},     /* link-local, where clouds keep their secrets */
	{4, {172, 16}, 12},      /* private */
	{4, {192, 0, 0}, 24},    /* protocol assignments */
	{4, {192, 0, 2}, 24},    /* documentation */
	{4, {192, 31, 196}, 24}, /* AS112 */
	{4, {192, 52, 193}, 24}, /* AMT */
	{4, {192, 88, 99}, 24},  /* 6to4 relays */
	{4, {192, 168}, 16},     /* private */
	{4, {192, 175, 48}, 24}, /* AS112 */
	{4, {198, 18}, 15},      /* benchmarks */
	{4, {198, 51, 100}, 24}, /* documentation */
	{4, {203, 0, 113}, 24},  /* documentation */
	{4, {224}, 4},           /* multicast */
	{4, {240}, 4},           /* reserved, broadcast */
};

/* The only IPv6 that is the open internet, and what of it is not. */
static const Cidr global6 = {16, {0x20}, 3};
static const Cidr special6[] = {
	{16, {0x20, 0x01, 0x00}, 23},                   /* protocol assignments, Teredo and ORCHID with them */
	{16, {0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation */
	{16, {0x3f, 0xff}, 20},                         /* documentation */
	{16, {0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112 */
};

/* IPv6 that carries an IPv4 address, and where. */
static const struct
{
	Cidr prefix;
	int inner;
} carriers[] = {
	{{16, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12}, /* mapped */
	{{16, {0, 0x64, 0xff, 0x9b}, 96}, 12},                      /* NAT64 */
	{{16, {0x20, 0x02}, 16}, 2},                                /* 6to4 */
};

/* Returns whether an address lies in a network. */
static bool
lies_in(const uint8_t *bytes, size_t length, const Cidr *net)
{
	int whole = net->bits / 8;
	int rest = net->bits % 8;

	if (length != net->length || memcmp(bytes, net->bytes, (size_t) whole) != 0)
		return false;
	return rest == 0 || ((bytes[whole] ^ net->bytes[whole]) >> (8 - rest)) == 0;
}

static bool
lies_in_any(const uint8_t *bytes, size_t length, const Cidr *nets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (lies_in(bytes, length, &nets[i]))
			return true;
	return false;
}

/* Returns the IPv4 address that an IPv6 one carries, NULL for none. */
static const uint8_t *
carried(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
		if (lies_in(bytes, length, &carriers[i].prefix))
			return bytes + carriers[i].inner;
	return NULL;
}

/* Tells whether an address is of the open internet. */
bool
commerce_address_is_public(const uint8_t *bytes, size_t length)
{
	const uint8_t *inner;

	if (length == IPV4_BYTES)
		return !lies_in_any(bytes, length, special4, sizeof(special4) / sizeof(special4[0]));
	if (length != IPV6_BYTES)
		return false;
	inner = carried(bytes, length);
	if (inner != NULL)
		return commerce_address_is_public(inner, IPV4_BYTES);
	return lies_in(bytes, length, &global6) &&
		   !lies_in_any(bytes, length, special6, sizeof(special6) / sizeof(special6[0]));
}

/* Tells whether an address may be connected to; what is mapped into IPv6 goes by the list for IPv4 as well. */
bool
commerce_address_allowed(const uint8_t *bytes, size_t length, const CidrList *allowed)
{
	const uint8_t *inner = length == IPV6_BYTES ? carried(bytes, length) : NULL;

	return commerce_address_is_public(bytes, length) ||
		   lies_in_any(bytes, length, allowed->items, (size_t) allowed->count) ||
		   (inner != NULL && lies_in_any(inner, IPV4_BYTES, allowed->items, (size_t) allowed->count));
}

/* Reads one network of the list. */
static bool
read_cidr(char *text, Cidr *net)
{
	char *slash = strchr(text, '/');
	char *end;
	long bits = -1;

	if (slash != NULL)
	{
		*slash = '\0';
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		bits = strtol(slash + 1, &end, 10);
		if (*end != '\0')
			return false;
	}
	memset(net, 0, sizeof(*net));
	if (inet_pton(AF_INET, text, net->bytes) == 1)
		net->length = IPV4_BYTES;
	else if (inet_pton(AF_INET6, text, net->bytes) == 1)
		net->length = IPV6_BYTES;
	else
		return false;
	net->bits = slash == NULL ? (int) net->length * 8 : (int) bits;
	return bits <= (long) net->length * 8;
}

/* Reads a list of networks with commas between them. */
bool
commerce_cidr_parse(const char *text, CidrList *list)
{
	list->count = 0;
	while (*text != '\0')
	{
		char item[64];
		size_t length;

		text += strspn(text, " \t,");
		length = strcspn(text, " \t,");
		if (length == 0)
			break;
		if (length >= sizeof(item) || list->count == CIDR_MAX)
			return false;
		memcpy(item, text, length);
		item[length] = '\0';
		if (!read_cidr(item, &list->items[list->count]))
			return false;
		list->count++;
		text += length;
	}
	return true;
}
