# No payment card number is in a dump, after test/sql/card_numbers.sql has tried 50 of them in every function; the
# register of what is kept of people comes back from a dump and does what it did; an erasure is whole or not at all,
# whatever is killed; and what is old is forgotten with nobody calling.
use strict;
use warnings;

use Commerce;
use FindBin;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('people', conf => "restart_after_crash = on\n");
my $dump = $node->basedir . '/dump.sql';

# Card numbers, in the currency of that test. Its own tables hold them, so these go before.
$node->safe_psql('postgres', q{UPDATE commerce.shop SET currency = 'EUR'});
my ($code, $out) = $node->psql('postgres', '', extra_params => [ '-f', "$FindBin::RealBin/../sql/card_numbers.sql" ],
	on_error_stop => 0);
like($out, qr/^idempotency_key\|CM070\|checkout$/m, 'card numbers are refused');
my @numbers = split /\n/, $node->safe_psql('postgres', 'SELECT digits FROM card_numbers');
is(scalar(@numbers), 50, '50 of them');
$node->safe_psql('postgres', 'DROP TABLE card_numbers CASCADE');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '--inserts', '-f', $dump ], 'the shop is dumped');
my $text = slurp_file($dump);
like($text, qr/INSERT INTO commerce\.orders /, 'with its orders');
$text =~ s/(?<=\d)[- ](?=\d)//g;
is(scalar(grep { index($text, $_) >= 0 } @numbers), 0, 'no card number is in the dump');

# An application's own column.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE accounts (id serial PRIMARY KEY, customer uuid, iban commerce.sealed, used_at timestamptz NOT NULL DEFAULT now());
GRANT SELECT, UPDATE ON accounts TO commerce_owner;
SELECT commerce.register_sensitive_field('iban', 'refunds', 'contract', '2 years', "table" => 'accounts', "column" => 'iban',
    subject => '{customer}', age => 'used_at');
CREATE TABLE people AS SELECT n, commerce.create_customer('people' || n || '@example.com', 'Person ' || n) AS id FROM generate_series(1, 4) n;
INSERT INTO accounts (customer, iban) SELECT id, commerce.seal('DE89 3704 0044 0532 0130 00', 'iban', id) FROM people;
SELECT commerce.record_consent(id, 'newsletter', true) FROM people;
SQL
my $state = q{SELECT string_agg(concat_ws(' ', p.n, c.erased_at IS NOT NULL, c.name IS NOT NULL, a.iban IS NOT NULL,
    (SELECT count(*) FROM commerce.data_keys k WHERE k.subject = c.id)), ', ' ORDER BY p.n)
    FROM people p JOIN commerce.customers c ON c.id = p.id JOIN accounts a ON a.customer = p.id};
my $whole = '1 f t t 1, 2 f t t 1, 3 f t t 1, 4 f t t 1';
is($node->safe_psql('postgres', $state), $whole, 'four people are known');

# A backend that is killed in the middle has erased nothing.
my $eraser = $node->background_psql('postgres');
$eraser->query_safe('BEGIN');
$eraser->query_safe('SELECT commerce.erase_customer(id) FROM people WHERE n = 1');
my $pid = $eraser->query_safe('SELECT pg_backend_pid()');
kill 'KILL', $pid;
wait_until(sub { !-e '/proc/' . $pid }, 'the eraser is gone');
$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
eval { $eraser->quit };
is($node->safe_psql('postgres', $state), $whole, 'an eraser that is killed has erased nothing');

# One that has committed has, though the server dies at once.
$node->safe_psql('postgres', 'SELECT commerce.erase_customer(id) FROM people WHERE n = 1');
$node->stop('immediate');
$node->start;
my $erased = '1 t f f 0, 2 f t t 1, 3 f t t 1, 4 f t t 1';
is($node->safe_psql('postgres', $state), $erased, 'what is erased stays so');
is($node->safe_psql('postgres', 'SELECT commerce.find_customer($$people1@example.com$$) IS NULL'), 't', 'and is not found');

# In another database, from a dump.
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'dumped again');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump, '-o', '/dev/null' ], 'and restored');
is($node->safe_psql('copy', $state), $erased, 'the copy is as it was');
is($node->safe_psql('copy', q{SELECT count(*) FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention'}), '0',
	'its register is whole');
is($node->safe_psql('copy', 'SELECT commerce.has_consent(id, $$newsletter$$) FROM people WHERE n = 2'), 't', 'consents are there');
is($node->safe_psql('copy', q{SELECT commerce.export_customer(id) #>> '{values,0,value}' FROM people WHERE n = 2}),
	'DE89 3704 0044 0532 0130 00', 'what was sealed is told');
$node->safe_psql('copy', 'SELECT commerce.erase_customer(id) FROM people WHERE n = 2');
is($node->safe_psql('copy', $state), '1 t f f 0, 2 t f f 0, 3 f t t 1, 4 f t t 1', 'and erased');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# The worker forgets what is old, and whom nobody has seen.
$node->safe_psql('postgres', <<'SQL');
UPDATE accounts SET used_at = now() - interval '3 years' WHERE customer = (SELECT id FROM people WHERE n = 2);
UPDATE commerce.shop SET customer_retention = '5 years';
UPDATE commerce.customers SET created_at = now() - interval '6 years' WHERE id = (SELECT id FROM people WHERE n = 3);
ALTER TABLE commerce.consents DISABLE TRIGGER USER;
DELETE FROM commerce.consents WHERE customer_id = (SELECT id FROM people WHERE n = 3);
ALTER TABLE commerce.consents ENABLE ALWAYS TRIGGER keep_consents;
SQL
$node->append_conf('postgresql.conf', 'commerce.workers = 1');
$node->restart;
wait_for($node, "SELECT ($state) = '1 t f f 0, 2 f t f 1, 3 t f f 0, 4 f t t 1'", 't', 'the worker has forgotten what is old');
$node->stop;
done_testing();
