/*
 * phone.c: telephone numbers in the form of E.164: + and the country's code and the number within it.
 *
 * People write one number as +49 (0)151 123456, 0049 151 123456 or 0151/123456. The first two say the country; the
 * third means what the country it is dialled in makes of it: there a prefix (0 in most places) leads out of the local
 * network and is not part of the number. So each country has its code, that prefix, and the prefix that leads abroad
 * where it is not 00 alone. Where a country has none of the first, a leading 0 belongs to the number, as in Italy.
 *
 * Which numbers exist is not judged: plans change every year, and two spellings of a number that does not exist are
 * alike all the same. A country's entry is not to be changed once numbers have been stored by it.
 */
#include "privacy/phone.h"

#include <string.h>

/* One country's plan. */
typedef struct PhonePlan
{
	char country[3];
	char code[4];
	char trunk[3];
	char abroad[5]; /* beside 00, which no national number begins with and people everywhere write */
} PhonePlan;

/* clang-format off */
static const PhonePlan plans[] = {
	{"AD", "376", "", ""}, {"AE", "971", "0", ""}, {"AF", "93", "0", ""}, {"AG", "1", "1", "011"}, {"AI", "1", "1", "011"},
	{"AL", "355", "0", ""}, {"AM", "374", "0", ""}, {"AO", "244", "", ""}, {"AR", "54", "0", ""}, {"AS", "1", "1", "011"},
	{"AT", "43", "0", ""}, {"AU", "61", "0", "0011"}, {"AW", "297", "", ""}, {"AZ", "994", "0", ""}, {"BA", "387", "0", ""},
	{"BB", "1", "1", "011"}, {"BD", "880", "0", ""}, {"BE", "32", "0", ""}, {"BF", "226", "", ""}, {"BG", "359", "0", ""},
	{"BH", "973", "", ""}, {"BI", "257", "", ""}, {"BJ", "229", "", ""}, {"BM", "1", "1", "011"}, {"BN", "673", "", ""},
	{"BO", "591", "0", ""}, {"BR", "55", "0", ""}, {"BS", "1", "1", "011"}, {"BT", "975", "", ""}, {"BW", "267", "", ""},
	{"BY", "375", "8", "810"}, {"BZ", "501", "", ""}, {"CA", "1", "1", "011"}, {"CD", "243", "0", ""}, {"CF", "236", "", ""},
	{"CG", "242", "", ""}, {"CH", "41", "0", ""}, {"CI", "225", "", ""}, {"CL", "56", "", ""}, {"CM", "237", "", ""},
	{"CN", "86", "0", ""}, {"CO", "57", "", ""}, {"CR", "506", "", ""}, {"CU", "53", "0", "119"}, {"CV", "238", "", ""},
	{"CY", "357", "", ""}, {"CZ", "420", "", ""}, {"DE", "49", "0", ""}, {"DJ", "253", "", ""}, {"DK", "45", "", ""},
	{"DM", "1", "1", "011"}, {"DO", "1", "1", "011"}, {"DZ", "213", "0", ""}, {"EC", "593", "0", ""}, {"EE", "372", "", ""},
	{"EG", "20", "0", ""}, {"ER", "291", "0", ""}, {"ES", "34", "", ""}, {"ET", "251", "0", ""}, {"FI", "358", "0", ""},
	{"FJ", "679", "", ""}, {"FO", "298", "", ""}, {"FR", "33", "0", ""}, {"GA", "241", "0", ""}, {"GB", "44", "0", ""},
	{"GD", "1", "1", "011"}, {"GE", "995", "0", ""}, {"GF", "594", "0", ""}, {"GG", "44", "0", ""}, {"GH", "233", "0", ""},
	{"GI", "350", "", ""}, {"GL", "299", "", ""}, {"GM", "220", "", ""}, {"GN", "224", "", ""}, {"GP", "590", "0", ""},
	{"GQ", "240", "", ""}, {"GR", "30", "", ""}, {"GT", "502", "", ""}, {"GU", "1", "1", "011"}, {"GW", "245", "", ""},
	{"GY", "592", "", "001"}, {"HK", "852", "", "001"}, {"HN", "504", "", ""}, {"HR", "385", "0", ""}, {"HT", "509", "", ""},
	{"HU", "36", "06", ""}, {"ID", "62", "0", "001"}, {"IE", "353", "0", ""}, {"IL", "972", "0", ""}, {"IM", "44", "0", ""},
	{"IN", "91", "0", ""}, {"IQ", "964", "0", ""}, {"IR", "98", "0", ""}, {"IS", "354", "", ""}, {"IT", "39", "", ""},
	{"JE", "44", "0", ""}, {"JM", "1", "1", "011"}, {"JO", "962", "0", ""}, {"JP", "81", "0", "010"}, {"KE", "254", "0", "000"},
	{"KG", "996", "0", ""}, {"KH", "855", "0", "001"}, {"KM", "269", "", ""}, {"KN", "1", "1", "011"}, {"KR", "82", "0", "001"},
	{"KW", "965", "", ""}, {"KY", "1", "1", "011"}, {"KZ", "7", "8", "810"}, {"LA", "856", "0", ""}, {"LB", "961", "0", ""},
	{"LC", "1", "1", "011"}, {"LI", "423", "", ""}, {"LK", "94", "0", ""}, {"LR", "231", "0", ""}, {"LS", "266", "", ""},
	{"LT", "370", "0", ""}, {"LU", "352", "", ""}, {"LV", "371", "", ""}, {"LY", "218", "0", ""}, {"MA", "212", "0", ""},
	{"MC", "377", "", ""}, {"MD", "373", "0", ""}, {"ME", "382", "0", ""}, {"MG", "261", "0", ""}, {"MK", "389", "0", ""},
	{"ML", "223", "", ""}, {"MM", "95", "0", ""}, {"MN", "976", "0", "001"}, {"MO", "853", "", ""}, {"MP", "1", "1", "011"},
	{"MQ", "596", "0", ""}, {"MR", "222", "", ""}, {"MS", "1", "1", "011"}, {"MT", "356", "", ""}, {"MU", "230", "", "020"},
	{"MV", "960", "", ""}, {"MW", "265", "0", ""}, {"MX", "52", "", ""}, {"MY", "60", "0", ""}, {"MZ", "258", "", ""},
	{"NA", "264", "0", ""}, {"NC", "687", "", ""}, {"NE", "227", "", ""}, {"NG", "234", "0", "009"}, {"NI", "505", "", ""},
	{"NL", "31", "0", ""}, {"NO", "47", "", ""}, {"NP", "977", "0", ""}, {"NZ", "64", "0", ""}, {"OM", "968", "", ""},
	{"PA", "507", "", ""}, {"PE", "51", "0", ""}, {"PF", "689", "", ""}, {"PG", "675", "", ""}, {"PH", "63", "0", ""},
	{"PK", "92", "0", ""}, {"PL", "48", "", ""}, {"PR", "1", "1", "011"}, {"PS", "970", "0", ""}, {"PT", "351", "", ""},
	{"PY", "595", "0", ""}, {"QA", "974", "", ""}, {"RE", "262", "0", ""}, {"RO", "40", "0", ""}, {"RS", "381", "0", ""},
	{"RU", "7", "8", "810"}, {"RW", "250", "0", ""}, {"SA", "966", "0", ""}, {"SB", "677", "", ""}, {"SC", "248", "", ""},
	{"SD", "249", "0", ""}, {"SE", "46", "0", ""}, {"SG", "65", "", "001"}, {"SI", "386", "0", ""}, {"SK", "421", "0", ""},
	{"SL", "232", "0", ""}, {"SM", "378", "", ""}, {"SN", "221", "", ""}, {"SO", "252", "0", ""}, {"SR", "597", "", ""},
	{"SS", "211", "0", ""}, {"ST", "239", "", ""}, {"SV", "503", "", ""}, {"SX", "1", "1", "011"}, {"SY", "963", "0", ""},
	{"SZ", "268", "", ""}, {"TC", "1", "1", "011"}, {"TD", "235", "", ""}, {"TG", "228", "", ""}, {"TH", "66", "0", "001"},
	{"TJ", "992", "", "810"}, {"TL", "670", "", ""}, {"TM", "993", "8", "810"}, {"TN", "216", "", ""}, {"TO", "676", "", ""},
	{"TR", "90", "0", ""}, {"TT", "1", "1", "011"}, {"TW", "886", "0", "002"}, {"TZ", "255", "0", "000"}, {"UA", "380", "0", ""},
	{"UG", "256", "0", "000"}, {"US", "1", "1", "011"}, {"UY", "598", "0", ""}, {"UZ", "998", "", ""}, {"VA", "39", "", ""},
	{"VC", "1", "1", "011"}, {"VE", "58", "0", ""}, {"VG", "1", "1", "011"}, {"VI", "1", "1", "011"}, {"VN", "84", "0", ""},
	{"VU", "678", "", ""}, {"WS", "685", "", ""}, {"XK", "383", "0", ""}, {"YE", "967", "0", ""}, {"ZA", "27", "0", ""},
	{"ZM", "260", "0", ""}, {"ZW", "263", "0", ""},
};
/* clang-format on */

/* Finds a country's plan; NULL where there is none. */
static const PhonePlan *
find_plan(const char *country)
{
	if (country == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		if (strcmp(plans[i].country, country) == 0)
			return &plans[i];
	return NULL;
}

/* Says whether a country has a plan here. */
bool
commerce_phone_knows(const char *country)
{
	return find_plan(country) != NULL;
}

/* Returns what follows a prefix that is not empty; NULL where the digits do not begin with it. */
static const char *
without_prefix(const char *digits, const char *prefix)
{
	size_t length = strlen(prefix);

	return length > 0 && strncmp(digits, prefix, length) == 0 ? digits + length : NULL;
}

/* Returns what follows the prefix that leads abroad; NULL where there is none or nothing follows. */
static const char *
after_prefix_abroad(const char *digits, const PhonePlan *plan)
{
	const char *rest = plan != NULL ? without_prefix(digits, plan->abroad) : NULL;

	if (rest == NULL)
		rest = without_prefix(digits, "00");
	return rest != NULL && *rest != '\0' ? rest : NULL;
}

/* Copies digits, with a + before them where there is none; (0), which stands for "dial 0 at home only", is left out. */
static void
collect(char *out, const char *text)
{
	char *at = out;

	for (; *text != '\0'; text++)
	{
		if (out[0] == '+' && at > out && strncmp(text, "(0)", 3) == 0)
			text += 2;
		else if ((*text >= '0' && *text <= '9') || (*text == '+' && at == out))
			*at++ = *text;
	}
	*at = '\0';
}

/* Puts + and a country's code before what follows the prefix, in place; out has room for them. */
static void
replace_prefix(char *out, const char *rest, const char *code)
{
	size_t length = strlen(code);

	memmove(out + 1 + length, rest, strlen(rest) + 1);
	out[0] = '+';
	memcpy(out + 1, code, length);
}

/* Writes a number in its one form. */
void
commerce_phone_normalise(char *out, const char *text, const char *country)
{
	const PhonePlan *plan = find_plan(country);
	const char *rest;

	out[0] = '\0';
	collect(out, text);
	if (out[0] == '+')
	{
		if (out[1] == '\0')
			out[0] = '\0';
	}
	else if ((rest = after_prefix_abroad(out, plan)) != NULL)
		replace_prefix(out, rest, "");
	else if (plan != NULL && out[0] != '\0')
	{
		rest = without_prefix(out, plan->trunk);
		replace_prefix(out, rest != NULL && *rest != '\0' ? rest : out, plan->code);
	}
}
