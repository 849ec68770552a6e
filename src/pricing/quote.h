/*
 * quote.h: what a cart costs, and why.
 *
 * A QuoteRequest says what is wanted by whom, where and when; commerce_quote() answers with a Quote, in which every
 * number is in minor units of one currency and already rounded: nobody rounds after it. checkout() stores what quote()
 * answers, because both call the same function.
 */
#ifndef COMMERCE_PRICING_QUOTE_H
#define COMMERCE_PRICING_QUOTE_H

#include "base/pg.h"
#include "money/amount.h"
#include "pricing/options.h"
#include "pricing/tax_math.h"

/* Why an order has taxes, or none. */
typedef enum TaxTreatment
{
	TAX_DUE,
	TAX_EXEMPT,         /* the customer or the group is */
	TAX_REVERSE_CHARGE, /* a business in another country of the union owes the tax there itself */
} TaxTreatment;

typedef struct QuoteRequest
{
	Jsonb *lines;
	const char **codes; /* normalised: trimmed, upper case */
	int code_count;
	const pg_uuid_t *customer; /* NULL for a guest */
	const char *channel;
	const char *currency; /* NULL: the channel's, else the shop's */
	const char *country;  /* NULL: not known */
	const char *region;
	const char *postal_code;
	const char *shipping_method; /* NULL: none */
	TimestampTz at;
	bool priced_at;          /* the caller chose the time */
	const char *tax_level;   /* NULL: the shop's */
	int prices_include_tax;  /* 1 or 0 overrides the rates; -1 leaves it to them */
	const char *keep;        /* gross or net, for a destination with other taxes; NULL: as its zone says */
	const char *vat_country; /* whose VAT id the buyer, a business, has; NULL: as the customer says */
	Amount cash_increment;   /* 0: the channel's */
	JsonbContainer *options; /* what the caller says of how discounts are computed; NULL: nothing */
	Jsonb *promotions;       /* to price with, instead of the shop's; NULL: the shop's */
	Jsonb *discounts;        /* on the order, by hand */
	bool explain;            /* find out what becomes of every promotion */
} QuoteRequest;

typedef struct TaxRate
{
	const char *tax_class;
	const char *name;
	int64 rate; /* in units of 1/1,000,000 percent */
	bool included;
	bool compound;
	int group;         /* rates of the same name, height and share are one where tax is rounded per rate */
	TaxFraction share; /* of a price of the class */
} TaxRate;

typedef struct LineDiscount
{
	int finding; /* index into the quote's findings */
	int64 minor;
	int64 tax; /* so much less tax is due because of it */
} LineDiscount;

/* Something taken off by hand: a percentage, or an amount. */
typedef struct ManualDiscount
{
	int64 percent; /* in units of 1/1,000,000 percent; 0: an amount */
	int64 minor;
	const char *reason;
} ManualDiscount;

typedef struct LineTax
{
	const TaxRate *rate;
	int64 base; /* the part of the line that it is due on, with the taxes that this includes */
	int64 minor;
} LineTax;

/* One line; shipping is a line, too. */
typedef struct QuoteLine
{
	const char *sku;
	const char *title;
	const char *product;
	const char *brand;
	const char *category;
	const char *tax_class; /* NULL for shipping that is taxed as the goods are */
	const char **tags;
	int tag_count;
	const void *attributes; /* JsonbContainer, may be NULL */
	int64 quantity;
	bool in_catalogue;
	bool priced_by_caller;
	bool described_by_caller; /* brings facts that promotions and taxes look at */
	bool track_stock;
	bool requires_shipping;
	bool discountable;
	bool on_sale;
	bool tax_exempt;
	int64 unit_price; /* per per_quantity units */
	int per_quantity;
	bool converted;   /* unit_price is made from one for another place, or for who pays taxes */
	int64 home_price; /* namely from this */
	int64 list_price; /* before promotions of the catalogue, likewise; -1: there were none */
	int gift_of;      /* finding of the promotion that the line is a gift of; -1: it is none */
	ManualDiscount *manual;
	int manual_count;
	int64 floor; /* no discount takes the line below */
	int64 subtotal;
	int64 discount;
	int64 tax; /* included_tax is part of it */
	int64 included_tax;
	int64 total; /* subtotal - discount + tax - included_tax */
	LineDiscount *discounts;
	int discount_count;
	LineTax *taxes;
	int tax_count;
} QuoteLine;

/* What became of a promotion: applied or not, and why. */
typedef struct Finding
{
	bool manual; /* no promotion: something taken off by hand, for the reason in name */
	pg_uuid_t promotion;
	const char *name;
	const char *entered; /* the code that opened it; NULL: none, or it is none of the shop's */
	bool catalog;        /* its minor is not part of the quote's discount, but of lower prices */
	bool applied;
	bool limited;     /* not applied, because there is nothing left of its uses or its budget */
	bool over_budget; /* namely of its budget */
	int64 minor;
	const char *code;   /* for programs: applied, condition_not_met, … */
	const char *reason; /* for people */
} Finding;

/* What became of a code that was entered. */
typedef struct QuoteCode
{
	const char *code;
	int finding;
} QuoteCode;

typedef struct Quote
{
	int currency; /* ISO 4217 number */
	PricingOptions options;
	TaxLevel tax_level;
	TaxTreatment tax_treatment;
	bool customer_exempt;    /* or the customer's group */
	const char *vat_country; /* NULL: the buyer is no business with a VAT id */
	int64 cash_increment;    /* 0: the total is not rounded */
	const char *channel;
	const char *order_sequence; /* that numbers the channel's orders */
	TimestampTz expires_at;     /* of an order placed now that nobody pays; DT_NOEND: never */
	const char *customer;       /* uuid as text */
	const char *customer_group;
	const void *customer_attributes; /* JsonbContainer, may be NULL */
	QuoteLine *lines;
	int line_count;
	QuoteLine shipping;
	const char *shipping_method; /* NULL: none */
	Finding *findings;
	int finding_count;
	QuoteCode *codes;
	int code_count;
	bool bounded;   /* groups of promotions were too large to try every choice */
	int64 subtotal; /* of the lines */
	int64 discount; /* of lines and shipping */
	int64 tax;
	int64 included_tax;
	int64 rounding; /* what the total was changed by, to be a multiple of the cash increment */
	int64 total;
} Quote;

/* Fills a request from the arguments (lines, codes, customer, channel, currency, ship_to, shipping_method, at,
 * options) that begin at the given argument of quote() and checkout(). */
extern void commerce_quote_request(FunctionCallInfo fcinfo, int first, QuoteRequest *request);

/* Does the request say how, or by what, prices are reduced? Only who sets prices may. */
extern bool commerce_request_sets_discounts(const QuoteRequest *request);

/* Prices the request. Needs an SPI connection; the quote lives in the context that was current before it. */
extern Quote *commerce_quote(const QuoteRequest *request);

/* Writes the quote as quote() returns it. */
extern Jsonb *commerce_quote_json(const Quote *quote, bool explain);

/* The name of a tax level, as the shop and orders store it. */
extern const char *commerce_tax_level_name(TaxLevel level);

/* The name of a tax treatment, likewise. */
extern const char *commerce_tax_treatment_name(TaxTreatment treatment);

#endif
