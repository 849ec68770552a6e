# Rotating keys on a server: in the background, through a crash, to the destruction of the old key; and the point of it: a
# backup from before a customer was erased opens for everyone but that customer.
use strict;
use warnings;

use Commerce;
use IPC::Run ();
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rotation', key_file => '', conf => "restart_after_crash = on\nmax_prepared_transactions = 2\nlog_statement = none\n");
my $file = $node->basedir . '/keys';

write_keys($file, 1);
$node->append_conf('postgresql.conf', "commerce.key_file = '$file'\n");
$node->start;
make_shop($node);
$node->safe_psql('postgres',
	"SELECT count(commerce.create_customer('customer' || n || '\@example.com', 'Name ' || n)) FROM generate_series(1, 300) n");
my $opens = "SELECT count(*) FROM (SELECT commerce.reveal_customer(commerce.find_customer('customer' || n || '\@example.com'), 'test') ->> 'name' AS name, n"
  . " FROM generate_series(1, 300) n) s WHERE name = 'Name ' || n";
is($node->safe_psql('postgres', $opens), '300', 'all customers open');
my $others = $opens =~ s/, 300\) n\)/, 300) n WHERE n <> 7)/r;
my $status = 'SELECT epoch, needed FROM commerce.key_status()';
is($node->safe_psql('postgres', $status), '1|t', 'epoch 1 is in use');
my $erased = $node->safe_psql('postgres', "SELECT commerce.find_customer('customer7\@example.com')");
my $kept = $node->safe_psql('postgres', "SELECT commerce.find_customer('customer8\@example.com')");

# Opens one customer's name, and tells the error where it does not open.
sub name_of
{
	my ($customer, $database) = @_;
	my ($state, $output) = error_of($node, "SELECT commerce.reveal_customer('$customer', 'test') ->> 'name'", $database);

	return $state eq '' ? $output : $state;
}

# Opens what somebody has copied of the erased customer, and tells the error where it does not open.
sub copy_of_erased
{
	return (error_of($node, "SELECT commerce.reveal(name, '$erased', 'test') FROM copied"))[0];
}

my $buy = qq(SELECT commerce.checkout('[{"sku": "R", "quantity": 1}]', customer => '$kept', ship_to => '{"country": "DE", "street": "Hauptstr. 1"}', idempotency_key => 'once'));
$node->safe_psql('postgres', q(INSERT INTO commerce.variants (sku) VALUES ('R'); INSERT INTO commerce.prices (sku, price) VALUES ('R', '1 GBP');
	SELECT commerce.receive_stock('R', 5);));
my $bought = $node->safe_psql('postgres', $buy);

# A backup; then a customer is erased, and a new epoch begins.
my $backup = $node->basedir . '/backup.sql';
$node->command_ok([ 'pg_dump', '-f', $backup, $node->connstr('postgres') ], 'a backup is taken');
$node->safe_psql('postgres', "CREATE TABLE copied AS SELECT name FROM commerce.customers WHERE id = '$erased'");
$node->safe_psql('postgres', "SELECT commerce.erase_customer('$erased')");
is(name_of($erased), '', 'the customer is erased');
is(copy_of_erased(), 'CM040', 'and no copy opens');
write_keys($file, 1, 2);
$node->safe_psql('postgres', 'SELECT commerce.rotate_keys()');

# In the middle of a batch the server is killed: twice among data keys, once among blind values. A batch that has changed
# its rows waits for a table that a prepared transaction holds.
my $round = 0;
for my $batches (5, 5, 8)
{
	$round++;
	$node->safe_psql('postgres', join(';', ('SELECT commerce.rotate_keys_batch(20)') x $batches));
	my $what = $node->safe_psql('postgres', 'SELECT what, visited FROM commerce.key_rotation_progress WHERE finished_at IS NULL ORDER BY step LIMIT 1');
	is($what, (undef, 'data keys|100', 'data keys|200', 'blind values|60')[$round], "crash $round: among $what");
	$node->safe_psql('postgres', "BEGIN; LOCK TABLE commerce.key_rotation_steps IN SHARE MODE; PREPARE TRANSACTION 'keeper'");
	my $batch = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', 'SELECT commerce.rotate_keys_batch(20)' ], '>', \my $out, '2>', \my $err);
	my $waiting = "FROM pg_stat_activity WHERE query LIKE 'SELECT commerce.rotate_keys_batch%' AND wait_event_type = 'Lock'";
	wait_for($node, "SELECT count(*) $waiting", '1', "crash $round: a batch is under way");
	kill_server($node, "crash $round", $round == 2 ? (pid => $node->safe_psql('postgres', "SELECT pid $waiting")) : ());
	$batch->finish;
	$node->safe_psql('postgres', "ROLLBACK PREPARED 'keeper'");
	is($node->safe_psql('postgres', 'SELECT what, visited FROM commerce.key_rotation_progress WHERE finished_at IS NULL ORDER BY step LIMIT 1'),
		$what, "crash $round: what was committed is done, and no more");
	is($node->safe_psql('postgres', $others), '299', "crash $round: everyone else opens and is found");
	is(copy_of_erased(), 'CM040', "crash $round: who is erased stays so");
}

# The worker brings it to its end.
$node->append_conf('postgresql.conf', "commerce.workers = 1\n");
$node->reload;
wait_for($node, 'SELECT count(*) FROM commerce.key_rotations WHERE finished_at IS NULL', '0', 'the worker finishes the rotation');
is($node->safe_psql('postgres', $status), "1|f\n2|t", 'epoch 1 is done with');
is($node->safe_psql('postgres', 'SELECT advice FROM commerce.key_status() WHERE epoch = 1'),
	'nothing needs it any more: remove it from the key file and destroy every copy', 'and the advice is to destroy it');
is($node->safe_psql('postgres', "SELECT max(unreadable) FROM commerce.key_rotation_progress WHERE what = 'blind values'"), '0', 'every row that is left opens');

is($node->safe_psql('postgres', $buy), $bought, 'a request that comes again is known by the key of its time');

# The data keys as they are now are kept beside the key file; then the old key is destroyed.
my $data_keys = $node->basedir . '/data_keys.sql';
$node->command_ok([ 'pg_dump', '--data-only', '-t', 'commerce.data_keys', '-f', $data_keys, $node->connstr('postgres') ], 'the data keys are dumped');
write_keys($file, 2);
is($node->safe_psql('postgres', $others), '299', 'without the old key everyone else opens and is found');
is(copy_of_erased(), 'CM040', 'who is erased stays so');
is((error_of($node, $buy))[0], 'CM050', 'and nobody finds out any more whether a request is that of then');
is($node->safe_psql('postgres', $status), '2|t', 'nothing asks for the old key');

# The backup is restored with the keys of today.
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $backup, $node->connstr('restored') ], 'the backup is restored');
is(name_of($erased, 'restored'), 'CM040', 'the erased customer does not open');
is(name_of($kept, 'restored'), 'CM040', 'nor does anyone by the keys of the backup: the key that wraps them is destroyed');
is($node->safe_psql('restored', "SELECT epoch, data_keys, needed FROM commerce.key_status() WHERE NOT at_hand"), '1|300|t', 'which key_status() tells');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-1', '-c', 'TRUNCATE commerce.data_keys', '-f', $data_keys, $node->connstr('restored') ],
	'the data keys of today are put in their place');
is(name_of($kept, 'restored'), 'Name 8', 'the others open');
is(name_of($erased, 'restored'), 'CM040', 'and the erased customer does not');
is((error_of($node, "SELECT commerce.find_customer('customer8\@example.com')", 'restored'))[0], 'CM041', 'a search says that it cannot tell');
is((error_of($node, "SELECT commerce.create_customer('customer8\@example.com')", 'restored'))[0], 'CM041', 'and nobody is stored twice');
$node->safe_psql('restored', 'SELECT commerce.rotate_keys()');
$node->poll_query_until('restored', 'SELECT count(*) = 0 FROM commerce.key_rotations WHERE finished_at IS NULL') or die 'the rotation does not end';
is($node->safe_psql('restored', $others), '299', 'after a rotation everyone else is found again');
is($node->safe_psql('restored', $status), '2|t', 'and nothing asks for the old key');

# Another key in the place of the one in use: what was sealed does not open, and key_status() says why.
my $advice = 'SELECT advice FROM commerce.key_status() WHERE epoch = 2';
rename($file, "$file.right") or die $!;
append_to_file("$file.wrong", '2 ' . 'f0' x 32 . "\n");
chmod(0400, "$file.wrong") or die $!;
rename("$file.wrong", $file) or die $!;
is(name_of($kept), 'CM040', 'with another key nothing opens');
my ($state, $message) = error_of($node, "SELECT commerce.create_customer('mixed\@example.com')");
is($state, 'CM041', 'and nothing is sealed that the right key would not open');
like($message, qr/another key for this epoch.*Put the former key/s, 'which the error tells');
like($node->safe_psql('postgres', $advice), qr/^this is another key than the one that wraps the data keys/, 'which key_status() tells');
rename("$file.right", $file) or die $!;
is($node->safe_psql('postgres', $advice), 'in use', 'and no more when the right one is back');

# A rotation that is overtaken by another: one end for both.
$node->append_conf('postgresql.conf', "commerce.workers = 0\n");
$node->reload;
wait_for($node, "SELECT setting FROM pg_settings WHERE name = 'commerce.workers'", '0', 'no worker');
$node->safe_psql('postgres', 'SELECT commerce.rotate_keys()');
write_keys($file, 2, 3);
$node->safe_psql('postgres', 'SELECT commerce.rotate_keys()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.key_rotations WHERE finished_at IS NULL'), '1', 'one rotation is under way');
1 until $node->safe_psql('postgres', 'SELECT commerce.rotate_keys_batch(100)') eq 'f';
is($node->safe_psql('postgres', $status), "2|f\n3|t", 'epoch 3 is in use');

# A session that has read the keys earlier sees the new epoch before it makes anything.
my $session = $node->background_psql('postgres', on_error_stop => 0);
is($session->query("SELECT count(*) FROM (SELECT commerce.create_customer('early\@example.com')) s"), '1', 'a customer of epoch 3');
write_keys($file, 2);
$session->query_safe("\\set VERBOSITY verbose");
$session->query("SELECT commerce.create_customer('late\@example.com')");
like($session->{stderr}, qr/CM041.*older than those the shop has begun to use/s, 'a file that lacks the epoch in use makes nothing');
$session->{stderr} = '';
is((error_of($node, 'SELECT commerce.rotate_keys()'))[0], 'CM041', 'nor does anyone rotate back');
write_keys($file, 2, 3);
is($session->query("SELECT count(*) FROM (SELECT commerce.create_customer('late\@example.com')) s"), '1', 'and all is well when it is put right');
$session->quit;

done_testing();
