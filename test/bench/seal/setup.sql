-- Customers with five fields each: sealed, as pgcrypto keeps them, and in the clear.
CREATE EXTENSION pgcrypto SCHEMA bench;
CREATE TABLE bench.people AS
    SELECT commerce.uuidv7() AS id, n, 'customer' || n || '@example.com' AS email, 'Customer ' || n AS name, '+49151' || 1000000 + n AS phone,
        'Street ' || n || ', Berlin' AS address, 'note ' || n AS notes FROM generate_series(1, :people) n;
CREATE TABLE bench.plain AS SELECT id, n, email FROM bench.people;
ALTER TABLE bench.plain ADD PRIMARY KEY (id), ADD UNIQUE (email);
CREATE TABLE bench.sealed (id uuid PRIMARY KEY, n integer, email commerce.sealed('email'), name commerce.sealed('name'),
    phone commerce.sealed('phone'), address commerce.sealed('address'), notes commerce.sealed('notes'), email_blind bytea UNIQUE);
INSERT INTO bench.sealed SELECT id, n, commerce.seal(email, 'email', id), commerce.seal(name, 'name', id), commerce.seal(phone, 'phone', id),
    commerce.seal(address, 'address', id), commerce.seal(notes, 'notes', id), commerce.blind(email, 'email') FROM bench.people;
CREATE TABLE bench.aes AS SELECT id, n, bench.encrypt_iv(convert_to(email, 'UTF8'), k, i, 'aes') AS email, bench.encrypt_iv(convert_to(name, 'UTF8'), k, i, 'aes') AS name,
    bench.encrypt_iv(convert_to(phone, 'UTF8'), k, i, 'aes') AS phone, bench.encrypt_iv(convert_to(address, 'UTF8'), k, i, 'aes') AS address,
    bench.encrypt_iv(convert_to(notes, 'UTF8'), k, i, 'aes') AS notes, i
    FROM bench.people, LATERAL (SELECT decode('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex') AS k, decode(md5(n::text), 'hex') AS i) s;
CREATE TABLE bench.pgp AS SELECT id, n, bench.pgp_sym_encrypt(email, 'k') AS email, bench.pgp_sym_encrypt(name, 'k') AS name,
    bench.pgp_sym_encrypt(phone, 'k') AS phone, bench.pgp_sym_encrypt(address, 'k') AS address, bench.pgp_sym_encrypt(notes, 'k') AS notes
    FROM bench.people WHERE n <= :few;
CREATE TABLE bench.one AS SELECT n, commerce.seal(email, 'email', '00000000-0000-7000-8000-0000000000a1') AS email FROM bench.people;
VACUUM ANALYZE bench.people, bench.plain, bench.sealed, bench.aes, bench.pgp, bench.one, commerce.data_keys;

-- Microseconds of processor time so far; by the clock where the system does not tell.
CREATE FUNCTION bench.now() RETURNS double precision LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(nullif(split_part(pg_read_file('/proc/self/schedstat', 0, 100, true), ' ', 1), '')::double precision / 1e3,
        extract(epoch FROM clock_timestamp()) * 1e6)
$$;

-- How much of it a statement takes for each of so many values.
CREATE FUNCTION bench.time_of(statement text, n bigint) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    begun double precision := bench.now();
BEGIN
    EXECUTE statement;
    RETURN (bench.now() - begun) / n;
END
$$;
