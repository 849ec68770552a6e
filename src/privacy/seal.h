/*
 * seal.h: sealing and opening one value on behalf of other rooms.
 */
#ifndef COMMERCE_PRIVACY_SEAL_H
#define COMMERCE_PRIVACY_SEAL_H

#include "base/pg.h"

/* The longest plaintext in bytes, and the refusal of a longer one (54000). */
#define COMMERCE_MAX_PLAINTEXT ((size_t) 16 * 1024 * 1024)
pg_noreturn extern void commerce_refuse_long_plaintext(void);

/* What tells a column of commerce.sealed('address') from others: the id of the field, which its name alone decides. */
#define SEALED_ADDRESS_TYPMOD 447477176
#define SEALED_EMAIL_TYPMOD 327422866

/* Is there a key to seal with? False where no setting leads to one; a broken key file is an error (CM041). */
extern bool commerce_can_seal(void);

/* Seals a UTF-8 text as a value of type commerce.sealed. May write the subject's data key. */
extern Datum commerce_seal_text(const char *plaintext, size_t length, const char *field,
								const pg_uuid_t *subject);

/* The same for one row of a subject that has many of the field; it opens as that row's alone. */
extern Datum commerce_seal_row(const char *plaintext, size_t length, const char *field,
							   const pg_uuid_t *subject, const pg_uuid_t *row);

/*
 * Seals for another subject what was sealed as a field of one; whoever asks sees nothing of it. CM040 where it does not
 * open, CM041 without a key.
 */
extern Datum commerce_reseal(const bytea *sealed, const char *field, const pg_uuid_t *from,
							 const pg_uuid_t *to);

/*
 * Opens a secret of the shop's own, such as a key to sign with; never a customer's value, because the field's name has to
 * begin with "secret:". Returns UTF-8 of its own, to be wiped after use, or NULL where it does not open; CM041 without a
 * key. Needs an SPI connection.
 */
extern char *commerce_open_secret(const bytea *sealed, const char *field, const pg_uuid_t *subject);

/* What a digest of something private is hidden as. */
#define COMMERCE_DIGEST_BYTES 32

/*
 * Hashes a digest of something private with the shop's key, so that nobody who has none finds by trying what it is of;
 * CM041 without a key. And is this hidden one of that digest, by any key at hand?
 */
extern Datum commerce_hide_digest(const bytea *digest);
extern bool commerce_hides_digest(const bytea *hidden, const bytea *digest);

/*
 * Seals the e-mail address that a sealed destination of the subject names ("email"), with the blind value that finds it;
 * false where it names none. What it says is shown to nobody.
 */
extern bool commerce_seal_email_of(const bytea *address, const pg_uuid_t *subject, Datum *email,
								   Datum *blind);

#endif
