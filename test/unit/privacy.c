// sources: src/privacy/envelope.c src/privacy/keyfile.c src/base/luhn.c src/privacy/mask.c src/privacy/punycode.c src/privacy/casefold.c
// libs: -lsodium
/*
 * privacy.c: the pure parts of sealing: a value opens as it was sealed and in no other way.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/luhn.h"
#include "privacy/casefold.h"
#include "privacy/envelope.h"
#include "privacy/keyfile.h"
#include "privacy/mask.h"
#include "privacy/punycode.h"
#include "privacy/utf8.h"

#define LONGEST 256
#define KEY_ID INT64_C(0x0123456789abcdef)

static int tests = 0;
static int failures = 0;

static const uint8_t field[SEALED_FIELD_BYTES] = {1, 2, 3, 4};
static const uint8_t key[SEALED_KEY_BYTES] = {42};
static const SealedPlace place = {.installation = {1}, .subject = {2}};
static const SealedPlace row_place = {.installation = {1}, .subject = {2}, .of_row = true, .row = {3}};

/* Reports one test. */
static void
ok(bool passed, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
	failures += passed ? 0 : 1;
}

/* Opens a copy of exactly this size, so that reading beyond it is found; checks what comes out against a plaintext. */
static bool
opens(const uint8_t *sealed, size_t size, const uint8_t *with, const SealedPlace *at, const char *wanted,
	  size_t wanted_length)
{
	uint8_t *copy = malloc(size + 1);
	uint8_t *exact = copy + 1;
	char *plaintext = malloc(size > SEALED_OVERHEAD ? size - SEALED_OVERHEAD : 1);
	size_t length = 0;
	bool opened;

	memcpy(exact, sealed, size);
	opened = commerce_sealed_open(plaintext, &length, exact, size, with, at) && length == wanted_length &&
			 memcmp(plaintext, wanted, length) == 0;
	free(plaintext);
	free(copy);
	return opened;
}

/* Fills a plaintext with bytes that look like padding here and there. */
static void
fill(char *plaintext, size_t length)
{
	for (size_t i = 0; i < length; i++)
		plaintext[i] = (char) (i % 7 == 6 ? 0x80 : i % 5 == 4 ? 0 : 'a' + i % 26);
}

/* Every length opens to what was sealed, also when it ends in what looks like padding. */
static void
test_round_trip(void)
{
	char plaintext[LONGEST + 1];
	bool all = true;
	bool sizes = true;

	for (size_t length = 0; length <= LONGEST; length++)
	{
		size_t size = commerce_sealed_size(length);
		uint8_t *sealed = malloc(size);
		size_t padded = size - SEALED_OVERHEAD;

		fill(plaintext, length);
		commerce_sealed_seal(sealed, plaintext, length, field, KEY_ID, key, &place);
		all = all && commerce_sealed_valid(sealed, size) && commerce_sealed_data_key(sealed) == KEY_ID &&
			  memcmp(commerce_sealed_field(sealed), field, sizeof(field)) == 0 &&
			  opens(sealed, size, key, &place, plaintext, length);
		sizes = sizes && (padded == 16 || padded == 32 || padded == 64 || padded % 128 == 0) &&
				padded > length && (length < 64 || padded - length <= 128);
		free(sealed);
	}
	ok(all, "plaintexts of 0 to 256 bytes open as they were sealed");
	ok(sizes, "sealed sizes tell only the class of the plaintext's length");
}

/* Does a value open with any one bit another, or cut short, or with a byte too many? */
static bool
survives_damage(uint8_t *sealed, size_t size, const char *plaintext, size_t length, const SealedPlace *at)
{
	uint8_t longer[SEALED_OVERHEAD + LONGEST + 128 + 1];

	for (size_t bit = 0; bit < size * 8; bit++)
	{
		bool opened;

		sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
		opened = opens(sealed, size, key, at, plaintext, length);
		sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
		if (opened)
			return true;
	}
	for (size_t cut = 0; cut < size; cut++)
		if (opens(sealed, cut, key, at, plaintext, length))
			return true;
	memcpy(longer, sealed, size);
	longer[size] = 0;
	return opens(longer, size + 1, key, at, plaintext, length);
}

/* Every bit flip and every truncation is refused, at every length. */
static void
test_damage(void)
{
	char plaintext[LONGEST + 1];
	bool survived = false;

	for (size_t length = 0; length <= LONGEST; length++)
	{
		size_t size = commerce_sealed_size(length);
		uint8_t *sealed = malloc(size);

		fill(plaintext, length);
		commerce_sealed_seal(sealed, plaintext, length, field, KEY_ID, key, &place);
		survived = survived || survives_damage(sealed, size, plaintext, length, &place);
		commerce_sealed_seal(sealed, plaintext, length, field, KEY_ID, key, &row_place);
		survived = survived || survives_damage(sealed, size, plaintext, length, &row_place);
		free(sealed);
	}
	ok(!survived, "every bit flip and truncation of values of 0 to 256 bytes is refused, of rows or not");
}

/* A value opens for its key, subject and installation alone, and never looks alike twice. */
static void
test_place(void)
{
	uint8_t sealed[SEALED_OVERHEAD + 16];
	uint8_t again[SEALED_OVERHEAD + 16];
	uint8_t other_key[SEALED_KEY_BYTES] = {43};
	SealedPlace elsewhere = place;
	SealedPlace other = place;
	SealedPlace swapped;

	elsewhere.installation[15] ^= 1;
	other.subject[15] ^= 1;
	swapped = place;
	memcpy(swapped.installation, place.subject, SEALED_UUID_BYTES);
	memcpy(swapped.subject, place.installation, SEALED_UUID_BYTES);
	commerce_sealed_seal(sealed, "jane", 4, field, KEY_ID, key, &place);
	commerce_sealed_seal(again, "jane", 4, field, KEY_ID, key, &place);
	ok(opens(sealed, sizeof(sealed), key, &place, "jane", 4), "opens where it belongs");
	ok(!opens(sealed, sizeof(sealed), other_key, &place, "jane", 4), "another key does not open");
	ok(!opens(sealed, sizeof(sealed), key, &elsewhere, "jane", 4), "another installation does not open");
	ok(!opens(sealed, sizeof(sealed), key, &other, "jane", 4), "another subject does not open");
	ok(!opens(sealed, sizeof(sealed), key, &swapped, "jane", 4),
	   "subject and installation are not exchangeable");
	ok(memcmp(sealed, again, sizeof(sealed)) != 0, "two seals of one text differ");
}

/* What is sealed for a row opens as that row's alone, and what is not, as no row's; another field's id is noticed. */
static void
test_rows(void)
{
	uint8_t sealed[SEALED_OVERHEAD + 16];
	uint8_t whole[SEALED_OVERHEAD + 16];
	SealedPlace other = row_place;
	SealedPlace swapped = row_place;

	other.row[15] ^= 1;
	memcpy(swapped.subject, row_place.row, SEALED_UUID_BYTES);
	memcpy(swapped.row, row_place.subject, SEALED_UUID_BYTES);
	commerce_sealed_seal(sealed, "jane", 4, field, KEY_ID, key, &row_place);
	commerce_sealed_seal(whole, "jane", 4, field, KEY_ID, key, &place);
	ok(opens(sealed, sizeof(sealed), key, &row_place, "jane", 4), "opens as the row it was sealed for");
	ok(!opens(sealed, sizeof(sealed), key, &other, "jane", 4), "another row does not open");
	ok(!opens(sealed, sizeof(sealed), key, &place, "jane", 4), "no row does not open");
	ok(!opens(whole, sizeof(whole), key, &row_place, "jane", 4), "a row does not open what is of none");
	ok(!opens(sealed, sizeof(sealed), key, &swapped, "jane", 4), "row and subject are not exchangeable");
	sealed[2] ^= 1;
	ok(!opens(sealed, sizeof(sealed), key, &place, "jane", 4), "the flag of a row cannot be taken off");
	sealed[2] ^= 1;
	memcpy(sealed + 4, "\1\2\3\5", 4);
	ok(!opens(sealed, sizeof(sealed), key, &row_place, "jane", 4), "another field does not open");
}

/* What is not of the form is no sealed value: other versions, algorithms, flags, classes, sizes. */
static void
test_form(void)
{
	uint8_t sealed[SEALED_OVERHEAD + 256] = {SEALED_VERSION, SEALED_XCHACHA20_POLY1305, 0, 3};

	ok(commerce_sealed_valid(sealed, sizeof(sealed)) && commerce_sealed_valid(sealed, sizeof(sealed) - 128),
	   "multiples of 128 are of class 3");
	ok(!commerce_sealed_valid(sealed, sizeof(sealed) - 1) &&
		   !commerce_sealed_valid(sealed, SEALED_OVERHEAD) && !commerce_sealed_valid(sealed, 0) &&
		   !commerce_sealed_valid(sealed, SEALED_OVERHEAD + 64),
	   "other sizes are refused");
	sealed[3] = 2;
	ok(commerce_sealed_valid(sealed, SEALED_OVERHEAD + 64) &&
		   !commerce_sealed_valid(sealed, SEALED_OVERHEAD + 32),
	   "a class has one size");
	for (int byte = 0; byte < 4; byte++)
	{
		uint8_t kept = sealed[byte];

		sealed[byte] = 9;
		ok(!commerce_sealed_valid(sealed, SEALED_OVERHEAD + 64), "an unknown header byte is refused");
		ok(commerce_sealed_is_later(sealed, SEALED_OVERHEAD + 64) == (byte == 0), "only a version is a later one");
		sealed[byte] = kept;
	}
}

/* A wrapped key unwraps for its id, subject, epoch and wrapping key alone, and with no bit another. */
static void
test_wrapping(void)
{
	uint8_t wrapped[WRAPPED_KEY_BYTES];
	uint8_t unwrapped[SEALED_KEY_BYTES];
	uint8_t other[SEALED_KEY_BYTES] = {7};
	uint8_t subject[SEALED_UUID_BYTES] = {5};
	uint8_t stranger[SEALED_UUID_BYTES] = {6};
	bool survived = false;

	commerce_wrap_key(wrapped, key, KEY_ID, subject, 3, other);
	ok(commerce_unwrap_key(unwrapped, wrapped, KEY_ID, subject, 3, other) &&
		   memcmp(unwrapped, key, sizeof(key)) == 0,
	   "a wrapped key unwraps");
	ok(!commerce_unwrap_key(unwrapped, wrapped, KEY_ID + 1, subject, 3, other), "not under another id");
	ok(!commerce_unwrap_key(unwrapped, wrapped, KEY_ID, stranger, 3, other), "not for another subject");
	ok(!commerce_unwrap_key(unwrapped, wrapped, KEY_ID, subject, 4, other), "not in another epoch");
	ok(!commerce_unwrap_key(unwrapped, wrapped, KEY_ID, subject, 3, key), "not under another key");
	for (size_t bit = 0; bit < sizeof(wrapped) * 8; bit++)
	{
		wrapped[bit / 8] ^= (uint8_t) (1 << bit % 8);
		survived = survived || commerce_unwrap_key(unwrapped, wrapped, KEY_ID, subject, 3, other);
		wrapped[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	ok(!survived, "every bit flip of a wrapped key is refused");
}

/* Parses a key file held in memory of exactly its size. */
static int
parse(const char *text, KeyfileEntry *entries)
{
	size_t length = strlen(text);
	char *exact = malloc(length + 1);
	int count;

	memcpy(exact, text, length);
	count = commerce_keyfile_parse(entries, exact, length);
	free(exact);
	return count;
}

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "BBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbbBBbb"
#define HEX_0 "0000000000000000000000000000000000000000000000000000000000000000"

/* A key file is read in any order, and refused whole, with the line's number, for anything unclear. */
static void
test_keyfile(void)
{
	static const struct
	{
		const char *text;
		int result;
		const char *name;
	} cases[] = {
		{"", 0, "an empty key file holds no key"},
		{"# nothing\n\n   \n#1 " HEX_A "\n", 0, "comments and empty lines are skipped"},
		{"1 " HEX_A, 1, "a last line needs no newline"},
		{"1 " HEX_A "\r\n2\t" HEX_B "\r\n", 2, "blanks and carriage returns are as they come"},
		{"2147483647 " HEX_A "\n", 1, "the last epoch is 2147483647"},
		{"2147483648 " HEX_A "\n", -1, "a larger epoch is refused"},
		{"0 " HEX_A "\n", -1, "epoch 0 is refused"},
		{"-1 " HEX_A "\n", -1, "a negative epoch is refused"},
		{HEX_A "\n", -1, "a key without an epoch is refused"},
		{"1\n", -1, "an epoch without a key is refused"},
		{"\n1 " HEX_A "a\n", -2, "a key too long is refused"},
		{"# x\n\n1 aaaa\n", -3, "a key too short is refused"},
		{"1 " HEX_A " trailing\n", -1, "a line that goes on is refused"},
		{"1 g" HEX_A "\n", -1, "other digits are refused"},
		{"1 " HEX_0 "\n", -1, "a key of zeros is refused"},
		{"1 " HEX_A "\n2 " HEX_B "\n1 " HEX_B "\n", -3, "a second key of an epoch is refused"},
	};
	KeyfileEntry entries[KEYFILE_MAX_EPOCHS];
	char many[(KEYFILE_MAX_EPOCHS + 1) * 80] = "";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(parse(cases[i].text, entries) == cases[i].result, cases[i].name);
	ok(parse("30 " HEX_A "\n1 " HEX_B "\n20 " HEX_A "\n", entries) == 3 && entries[0].epoch == 1 &&
		   entries[1].epoch == 20 && entries[2].epoch == 30 && entries[0].key[31] == 0xbb &&
		   entries[2].key[0] == 0xaa,
	   "entries are sorted by epoch");
	for (int i = 1; i <= KEYFILE_MAX_EPOCHS + 1; i++)
		sprintf(many + strlen(many), "%d " HEX_A "\n", i);
	ok(parse(many, entries) == -(KEYFILE_MAX_EPOCHS + 1), "more epochs than fit are refused");
}

/* Card numbers are found in any grouping, and what looks like one is let pass. */
static void
test_card_numbers(void)
{
	static const struct
	{
		const char *text;
		bool card;
	} cases[] = {
		{"4111111111111111", true},
		{"4111 1111 1111 1111", true},
		{"4111-1111-1111-1111", true},
		{"4111 - 1111 - 1111 - 1111", true},
		{"my card is 5555555555554444, thanks", true},
		{"{\"note\": \"378282246310005\"}", true},
		{"{\"note\": 6011111111111117}", true},
		{"order 12 4111 1111 1111 1111", true},
		{"4111 1111 1111 1111 12/29 123", true},
		{"30569309025904", true},
		{"3530111333300000", true},
		{"2223003122003222", true},
		{"6759649826438453", true},
		{"+4111111111111111", true},
		{"4222222222222", true},
		{"\xef\xbc\x94\xef\xbc\x91\xef\xbc\x91\xef\xbc\x91 1111 1111 1111", true},
		{"\xd9\xa4\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1", true},
		{"4111\xc2\xa0" "1111\xe2\x80\x93" "1111\t1111", true},
		{"card4111111111111111abc", true},
		{"{\"id\": \"01a21457-098e-7888-a567-724493044507\"}", false},
		{"01921457-0981-7888-9567-724493044507", false},
		{"01a21457-098e-7888-a567-724493044507x", true},
		{"1a21457-098e-7888-a567-724493044507", true},
		{"4111111111111111-abc", true},
		{"01939e2a-4111-1111-1111-111111111111 4111 1111 1111 1111", true},
		{"0193-4111111111111111-0193-4111111111111111", true},
		{"5105105105105100" "\xc3", true},
		/* an id, a hash, an article's barcode, moments */
		{"0193abcd-ef01-4111-8111-111111111111", false},
		{"e3b0c44298fc1c149afbf4c8996fb924a4111111111111111ae4649b934ca495", false},
		{"{\"payment\": \"abcdef01-abcd-4111-1111-111111111111\"}", false},
		{"4006381333931", false},
		{"4000000000006", false},
		{"2026-11-25 16:28:27.123456+00", false},
		{"20261125162827123456", false},
		{"\xd9", false},
		{"\xf0\x9d\x9f", false},
		{"4111111111111112", false},
		{"411111111111111", false},
		{"41111111111111111111", false},
		{"1234567812345670", false},
		{"9111111111111111", false},
		{"4111.1111.1111.1111", false},
		{"4111    1111    1111    1111", false},
		{"+4222222222222", false},
		{"+49 30 1234567", false},
		{"DE89 3704 0044 0532 0130 00", false},
		{"", false},
		{"-", false},
		{"4", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t length = strlen(cases[i].text);
		char *exact = malloc(length + 1);
		char name[100];

		memcpy(exact, cases[i].text, length);
		snprintf(name, sizeof(name), "\"%s\" %s a card number", cases[i].text,
				 cases[i].card ? "holds" : "holds no");
		ok(commerce_holds_card_number(exact, length) == cases[i].card, name);
		free(exact);
	}
}

/* Masks show a first character or two, and no length. */
static void
test_masks(void)
{
	static const char *const cases[][2] = {
		{"john@example.com", "j***@e***.com"},
		{"j@e.c", "j***@e***.c"},
		{"john@localhost", "j***@l***"},
		{"John Smith", "J***"},
		{"", "***"},
		{"Ö", "Ö***"},
		{"öl@ärzte.de", "ö***@ä***.de"},
		{"@x", "@***"},
		{"x@", "x***"},
		{"a@b@c.d", "a***@c***.d"},
		{"mail me @ home", "m***"},
		{"john@example.", "j***@e***"},
		{"𝒳y", "𝒳***"},
	};
	char mask[MASK_MAX_BYTES];
	char endless[400] = "j@e.";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t length = commerce_mask(mask, cases[i][0], strlen(cases[i][0]));

		ok(length == strlen(cases[i][1]) && memcmp(mask, cases[i][1], length) == 0, cases[i][1]);
	}
	memset(endless + 4, 'x', sizeof(endless) - 4);
	ok(commerce_mask(mask, endless, sizeof(endless)) == 9, "a last label too long for a domain is left out");
}

/* Encodes a UTF-8 label and compares. */
static bool
encodes(const char *label, const char *wanted)
{
	uint32_t points[64];
	size_t count = 0;
	char out[64];
	size_t written;

	for (const char *at = label; *at != '\0'; at += commerce_utf8_length((unsigned char) *at))
		points[count++] = commerce_utf8_decode(at);
	return commerce_punycode(out, sizeof(out), &written, points, count) && written == strlen(wanted) &&
		   memcmp(out, wanted, written) == 0 && !commerce_punycode(out, written - 1, &written, points, count);
}

/* The samples of RFC 3492, section 7.1, and well-known domains. */
static void
test_punycode(void)
{
	ok(encodes("bücher", "bcher-kva"), "a Latin label");
	ok(encodes("münchen", "mnchen-3ya"), "another Latin label");
	ok(encodes("ليهمابتكلموشعربي؟", "egbpdaj6bu4bxfgehfvwxn"), "Arabic (RFC 3492, A)");
	ok(encodes("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"), "Chinese (RFC 3492, B)");
	ok(encodes("почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"), "Russian (RFC 3492, I)");
	ok(encodes("3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"), "mixed (RFC 3492, L)");
}

/* Folding maps all cases of a letter to one, and is settled once applied. */
static void
test_casefold(void)
{
	bool settled = true;

	ok(commerce_casefold('A') == 'a' && commerce_casefold('a') == 'a' && commerce_casefold('@') == '@' &&
		   commerce_casefold('0') == '0',
	   "ASCII");
	ok(commerce_casefold(0xc4) == 0xe4 && commerce_casefold(0xd7) == 0xd7,
	   "Latin-1, without the multiplication sign");
	ok(commerce_casefold(0x3a3) == 0x3c3 && commerce_casefold(0x3c2) == 0x3c3, "all sigmas are one");
	ok(commerce_casefold(0x416) == 0x436 && commerce_casefold(0x10400) == 0x10428,
	   "Cyrillic and beyond the first plane");
	ok(commerce_casefold(0x1e9e) == 0xdf && commerce_casefold(0xdf) == 0xdf,
	   "a capital sharp s is a sharp s");
	for (uint32_t point = 0; point < 0x110000; point++)
		settled = settled && commerce_casefold(commerce_casefold(point)) == commerce_casefold(point);
	ok(settled, "what is folded stays as it is");
}

/* A field's id is a matter of its name alone. */
static void
test_field_id(void)
{
	uint8_t email[SEALED_FIELD_BYTES];
	uint8_t again[SEALED_FIELD_BYTES];
	uint8_t phone[SEALED_FIELD_BYTES];

	commerce_sealed_field_id("email", 5, email);
	commerce_sealed_field_id("email", 5, again);
	commerce_sealed_field_id("phone", 5, phone);
	ok(memcmp(email, again, sizeof(email)) == 0 && memcmp(email, phone, sizeof(email)) != 0,
	   "fields have ids");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_round_trip();
	test_damage();
	test_place();
	test_rows();
	test_form();
	test_wrapping();
	test_field_id();
	test_keyfile();
	test_card_numbers();
	test_masks();
	test_punycode();
	test_casefold();
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}
