# Rotating data keys on a server: through crashes in every phase, beside transactions that are prepared, by the background
# worker; and what becomes of backups.
use strict;
use warnings;

use Commerce;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('data_keys', conf => "restart_after_crash = on\nmax_prepared_transactions = 2\nautovacuum = off\n");
$node->safe_psql('postgres', q{
	SELECT count(commerce.create_customer('customer' || n || '@example.com', 'Name ' || n)) FROM generate_series(1, 200) n;
	CREATE TABLE letters (owner uuid, letter commerce.sealed('letter'));
	INSERT INTO letters SELECT id, commerce.seal('to ' || id, 'letter', id) FROM commerce.customers;
	GRANT SELECT, UPDATE ON letters TO commerce_owner;
	SELECT commerce.register_sealed_column('letters', 'letter', '{owner}', key_column => NULL);
});
my $opens = q{SELECT (SELECT count(*) FROM (SELECT commerce.reveal_customer(commerce.find_customer('customer' || n || '@example.com'), 'test') ->> 'name' AS name, n
	FROM generate_series(1, 200) n) s WHERE name = 'Name ' || n), (SELECT count(*) FROM letters WHERE commerce.reveal(letter, owner, 'test') = 'to ' || owner)};
is($node->safe_psql('postgres', $opens), '200|200', 'everything opens');
my $keys = 'SELECT count(*), count(retired_by) FROM commerce.data_keys';
my $phase = 'SELECT phase FROM commerce.data_key_rotations ORDER BY id DESC LIMIT 1';
my $done = 'SELECT retired, deleted, held, (SELECT sum(changed) FROM commerce.data_key_rotation_steps s WHERE s.rotation = r.id) FROM commerce.data_key_rotations r ORDER BY id DESC LIMIT 1';

# Does batches of 20 until the query answers what is wanted.
sub batches_until
{
	my ($query, $wanted) = @_;

	return wait_until(sub {
		return 1 if $node->safe_psql('postgres', $query) eq $wanted;
		$node->safe_psql('postgres', 'SELECT commerce.rotate_data_keys_batch(20)');
		return 0;
	}, "batches come to $wanted");
}

# A backup from before.
my $backup = $node->basedir . '/backup.sql';
$node->command_ok([ 'pg_dump', '-f', $backup, $node->connstr('postgres') ], 'a backup is taken');

# The server is killed in the middle of a batch: while keys are retired, while values are sealed anew, and when keys have
# been deleted. The batch has done its work and waits for a table that a prepared transaction holds.
$node->safe_psql('postgres', "SELECT commerce.rotate_data_keys(clock_timestamp(), keep => '0')");
my $round = 0;
for my $stop ('keys', 'values', 'deletion')
{
	$round++;
	batches_until($phase, $stop) or BAIL_OUT('no such phase');
	$node->safe_psql('postgres', 'SELECT commerce.rotate_data_keys_batch(20)') for 1 .. 3;
	my $before = $node->safe_psql('postgres', "$keys; $done");
	$node->safe_psql('postgres', "BEGIN; LOCK TABLE commerce.data_key_rotations IN SHARE MODE; PREPARE TRANSACTION 'keeper'");
	my $batch = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', 'SELECT commerce.rotate_data_keys_batch(20)' ], '>', \my $out, '2>', \my $err);
	my $waiting = "FROM pg_stat_activity WHERE query LIKE 'SELECT commerce.rotate_data_keys_batch%' AND wait_event_type = 'Lock'";
	wait_for($node, "SELECT count(*) $waiting", '1', "crash $round: a batch is under way");
	kill_server($node, "crash $round", $round == 2 ? (pid => $node->safe_psql('postgres', "SELECT pid $waiting")) : ());
	$batch->finish;
	$node->safe_psql('postgres', "ROLLBACK PREPARED 'keeper'");
	is($node->safe_psql('postgres', "$keys; $done"), $before, "crash $round: what was committed is done, and no more");
	is($node->safe_psql('postgres', $opens), '200|200', "crash $round: everything opens");
}

# The worker brings it to its end.
$node->append_conf('postgresql.conf', "commerce.workers = 1\n");
$node->reload;
wait_for($node, 'SELECT count(*) FROM commerce.data_key_rotations WHERE finished_at IS NULL', '0', 'the worker finishes the rotation');
is($node->safe_psql('postgres', $done), '200|200|f|600', 'all keys were rotated and all values sealed anew, each once');
is($node->safe_psql('postgres', $keys), '200|0', 'one key is left for each');
is($node->safe_psql('postgres', $opens), '200|200', 'everything opens');

# What a transaction has sealed and prepared is waited for, also through a restart.
my $one = $node->safe_psql('postgres', "SELECT commerce.find_customer('customer1\@example.com')");
$node->safe_psql('postgres', "BEGIN; INSERT INTO letters SELECT '$one', commerce.seal('to $one', 'letter', '$one'); PREPARE TRANSACTION 'letter'");
$node->safe_psql('postgres', "SELECT commerce.rotate_data_key('$one', keep => '0')");
wait_for($node, $phase, 'transactions', 'the worker has sealed anew what it sees');
$node->restart;
wait_for($node, 'SELECT count(*) FROM commerce.data_key_rotations WHERE finished_at IS NULL AND next_at > pg_postmaster_start_time()', '1', 'the worker looks after it again');
is($node->safe_psql('postgres', $keys), '201|1', 'the key that is not needed by what is to be seen stays');
$node->safe_psql('postgres', "COMMIT PREPARED 'letter'");
wait_for($node, 'SELECT count(*) FROM commerce.data_key_rotations WHERE finished_at IS NULL', '0', 'and goes when the transaction has ended');
is($node->safe_psql('postgres', $keys), '200|0', 'one key is left for each');
is($node->safe_psql('postgres', $opens), '200|201', 'everything opens');

# A backup from before opens by its own data keys and not by those of today.
my $data_keys = $node->basedir . '/data_keys.sql';
$node->command_ok([ 'pg_dump', '--data-only', '-t', 'commerce.data_keys', '-f', $data_keys, $node->connstr('postgres') ], 'the data keys are dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $backup, $node->connstr('restored') ], 'the backup is restored');
is($node->safe_psql('restored', $opens), '200|200', 'everything in it opens');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-1', '-c', 'TRUNCATE commerce.data_keys', '-f', $data_keys, $node->connstr('restored') ],
	'the data keys of today are put in the place of its own');
is((error_of($node, $opens, 'restored'))[0], 'CM040', 'and open nothing of it');

done_testing();
