# A guest is forgotten for good: whole or not at all, whatever is killed; a backup from before opens for everyone but him
# once the key of then is destroyed; and of what people wrote about who is forgotten, a dump holds what README.md lists.
use strict;
use warnings;

use Commerce;
use FindBin;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('guests', key_file => '', conf => "restart_after_crash = on\n");
my $file = $node->basedir . '/keys';

write_keys($file, 1);
$node->append_conf('postgresql.conf', "commerce.key_file = '$file'\n");
$node->start;
make_shop($node);
$node->safe_psql('postgres', <<'SQL');
INSERT INTO commerce.variants (sku, track_stock) VALUES ('GUEST', false);
INSERT INTO commerce.prices (sku, price) SELECT 'GUEST', commerce.from_minor(1000, s.currency) FROM commerce.shop s;
CREATE TABLE sold AS SELECT n, commerce.checkout('[{"sku": "GUEST", "quantity": 1}]',
    ship_to => jsonb_build_object('country', 'DE', 'street', 'Street ' || n, 'email', 'guest' || n || '@example.com')) AS id FROM generate_series(1, 3) n;
SQL
my $sold = sub { $node->safe_psql('postgres', "SELECT id FROM sold WHERE n = $_[0]") };
my ($one, $two, $three) = map { $sold->($_) } 1 .. 3;
my $state = q{SELECT string_agg(concat_ws(' ', s.n, o.ship_address IS NOT NULL, g.email IS NOT NULL, g.erased_at IS NOT NULL,
    (SELECT count(*) FROM commerce.data_keys k WHERE k.subject = s.id), o.total), ', ' ORDER BY s.n)
    FROM sold s JOIN commerce.orders o ON o.id = s.id LEFT JOIN commerce.guests g ON g.order_id = s.id};
my $currency = $node->safe_psql('postgres', 'SELECT currency FROM commerce.shop');
my $there = sub { "$_[0] t t f 1 10.00 $currency" };
my $gone = sub { "$_[0] f f t 0 10.00 $currency" };
is($node->safe_psql('postgres', $state), join(', ', map { $there->($_) } 1 .. 3), 'three guests have bought');

# Opens a guest's street, and tells the error where it does not open.
sub street_of
{
	my ($order, $database) = @_;
	my ($code, $output) = error_of($node, "SELECT commerce.reveal(ship_address, id, 'test')::jsonb ->> 'street' FROM commerce.orders WHERE id = '$order'", $database);

	return $code eq '' ? $output : $code;
}

# A backend that is killed in the middle has forgotten nobody.
my $eraser = $node->background_psql('postgres');
$eraser->query_safe('BEGIN');
$eraser->query_safe("SELECT commerce.erase_guest(email => 'guest1\@example.com')");
my $pid = $eraser->query_safe('SELECT pg_backend_pid()');
kill 'KILL', $pid;
wait_until(sub { !-e '/proc/' . $pid }, 'the eraser is gone');
$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
eval { $eraser->quit };
is($node->safe_psql('postgres', $state), join(', ', map { $there->($_) } 1 .. 3), 'an eraser that is killed has erased nothing');

# A backup; then a guest goes, and one who has committed has, though the server dies at once.
my $backup = $node->basedir . '/backup.sql';
$node->command_ok([ 'pg_dump', '-f', $backup, $node->connstr('postgres') ], 'a backup is taken');
$node->safe_psql('postgres', "SELECT commerce.erase_guest(email => 'GUEST1\@example.com')");
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $state), join(', ', $gone->(1), $there->(2), $there->(3)), 'what is erased stays so');
is($node->safe_psql('postgres', "SELECT count(*) FROM commerce.verify_audit()"), '0', 'and the audit log is whole');

# The key of then is destroyed.
write_keys($file, 1, 2);
$node->safe_psql('postgres', 'SELECT commerce.rotate_keys()');
1 until $node->safe_psql('postgres', 'SELECT commerce.rotate_keys_batch(100)') eq 'f';
my $data_keys = $node->basedir . '/data_keys.sql';
$node->command_ok([ 'pg_dump', '--data-only', '-t', 'commerce.data_keys', '-f', $data_keys, $node->connstr('postgres') ], 'the data keys of today are dumped');
write_keys($file, 2);
is(street_of($two), 'Street 2', 'who is left opens');
is($node->safe_psql('postgres', "SELECT commerce.guest_orders(NULL, 'Guest2\@Example.com') = ARRAY['$two'::uuid]"), 't', 'and is found by the new blind value');

# The backup with the keys of today.
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $backup, $node->connstr('restored') ], 'the backup is restored');
is(street_of($one, 'restored'), 'CM040', 'the guest does not open');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-1', '-c', 'TRUNCATE commerce.data_keys', '-f', $data_keys, $node->connstr('restored') ],
	'the data keys of today are put in their place');
is(street_of($one, 'restored'), 'CM040', 'nor then');
is(street_of($three, 'restored'), 'Street 3', 'the others do');
$node->safe_psql('postgres', 'DROP DATABASE restored');

# Words: those that test/sql/erasure_words.sql plants, in a dump.
my $dump = $node->basedir . '/dump.sql';
my $words = slurp_file("$FindBin::RealBin/../sql/erasure_words.sql");
$words =~ s/^DROP FUNCTION words_of.*//ms;
append_to_file("$dump.words.sql", $words);
$node->safe_psql('postgres', q{UPDATE commerce.shop SET currency = 'EUR'});
my ($code, $out) = $node->psql('postgres', '', extra_params => [ '-f', "$dump.words.sql" ], on_error_stop => 0);
like($out, qr/^canary set_credit_limit reason$/m, 'words are planted');
# What is not the shop's says them itself.
$node->safe_psql('postgres', 'DROP FUNCTION words_of, words_found, words_answer, words_sums, words_request, words_read; DROP TABLE words_elsewhere');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '--inserts', '-f', $dump ], 'the shop is dumped');
my $text = slurp_file($dump);
cmp_ok(() = $text =~ /kept [a-z_]+/g, '>', 10, 'what is kept is in the dump');
is(join("\n", $text =~ /^.*canary.*$/mg), '', 'and of the rest no word');
done_testing();
