-- What one value takes, name by name. A session warms up first.
SELECT count(commerce.reveal(email, id, 'bench')), count(commerce.seal('x', 'email', '00000000-0000-7000-8000-0000000000a1')) FROM bench.sealed WHERE n <= 1000 \g /dev/null
SELECT 'seal', bench.time_of($$SELECT count(commerce.seal(email, 'email', '00000000-0000-7000-8000-0000000000a1')) FROM bench.people$$, :people)
    - bench.time_of($$SELECT count(convert_to(email, 'UTF8')) FROM bench.people$$, :people);
SELECT 'reveal', bench.time_of($$SELECT count(commerce.reveal(email, '00000000-0000-7000-8000-0000000000a1', 'bench')) FROM bench.one$$, :people)
    - bench.time_of($$SELECT count(email) FROM bench.one$$, :people);
SELECT 'sealed5', bench.time_of($$SELECT count(commerce.reveal(email, id, 'bench')), count(commerce.reveal(name, id, 'bench')), count(commerce.reveal(phone, id, 'bench')),
    count(commerce.reveal(address, id, 'bench')), count(commerce.reveal(notes, id, 'bench')) FROM bench.sealed$$, :people);
SELECT 'fields5', bench.time_of($$SELECT count(commerce.reveal_fields(ARRAY[email, name, phone, address, notes], id, 'bench')) FROM bench.sealed$$, :people);
SET commerce.audit_reveals = off;
SELECT 'quiet', bench.time_of($$SELECT count(commerce.reveal(email, '00000000-0000-7000-8000-0000000000a1', 'bench')) FROM bench.one$$, :people)
    - bench.time_of($$SELECT count(email) FROM bench.one$$, :people);
SELECT 'quiet5', bench.time_of($$SELECT count(commerce.reveal(email, id, 'bench')), count(commerce.reveal(name, id, 'bench')), count(commerce.reveal(phone, id, 'bench')),
    count(commerce.reveal(address, id, 'bench')), count(commerce.reveal(notes, id, 'bench')) FROM bench.sealed$$, :people);
RESET commerce.audit_reveals;
SELECT 'aes5', bench.time_of(format($$SELECT count(convert_from(bench.decrypt_iv(email, %1$s, i, 'aes'), 'UTF8')), count(convert_from(bench.decrypt_iv(name, %1$s, i, 'aes'), 'UTF8')),
    count(convert_from(bench.decrypt_iv(phone, %1$s, i, 'aes'), 'UTF8')), count(convert_from(bench.decrypt_iv(address, %1$s, i, 'aes'), 'UTF8')),
    count(convert_from(bench.decrypt_iv(notes, %1$s, i, 'aes'), 'UTF8')) FROM bench.aes$$, '''\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f''::bytea'), :people);
SELECT 'pgp5', bench.time_of($$SELECT count(bench.pgp_sym_decrypt(email, 'k')), count(bench.pgp_sym_decrypt(name, 'k')), count(bench.pgp_sym_decrypt(phone, 'k')),
    count(bench.pgp_sym_decrypt(address, 'k')), count(bench.pgp_sym_decrypt(notes, 'k')) FROM bench.pgp$$, :few);
