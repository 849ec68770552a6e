# Holds end by themselves: in every database with a shop, after whatever became of a worker or the launcher, and without
# being in the way of those who want the database, of other databases, or of the server's shutdown.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'commerce worker'";
my $launcher = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'commerce launcher'";

# Makes a shop with plenty of two skus.
sub stock_shop
{
	my ($node, $database) = @_;

	make_shop($node, $database);
	$node->safe_psql($database,
		"INSERT INTO commerce.variants (sku) VALUES ('A'), ('B'); SELECT commerce.receive_stock(sku, 1000000) FROM commerce.variants");
	return;
}

# Passes as soon as the hold of the holder has expired.
sub expires
{
	my ($node, $holder, $what, $database) = @_;

	return ok($node->poll_query_until($database // 'postgres',
			"SELECT count(*) > 0 AND bool_and(state = 'expired') FROM commerce.reservations WHERE holder = '$holder'"), $what);
}

# Adds overdue holds as a restore would, without telling anyone.
sub add_overdue
{
	my ($node, $holder, $count, $database) = @_;

	$node->safe_psql($database // 'postgres', qq(
		INSERT INTO commerce.reservations (sku, location, quantity, holder, expires_at)
			SELECT 'A', 'main', 1, '$holder', now() FROM generate_series(1, $count)));
	return;
}

# Makes everyone who changes a reservation pass a gate, and returns a session that closes it until it commits. The gate
# is a catalog that all databases share and nobody else reads.
sub gate
{
	my ($node, $database) = @_;

	$node->safe_psql($database // 'postgres', q(
		CREATE OR REPLACE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
			$$BEGIN PERFORM FROM pg_catalog.pg_replication_origin; RETURN NULL; END$$;
		CREATE OR REPLACE TRIGGER gate AFTER UPDATE ON commerce.reservations EXECUTE FUNCTION pass()));
	my $keeper = $node->background_psql('postgres');
	$keeper->query_safe('BEGIN');
	$keeper->query_safe('LOCK TABLE pg_catalog.pg_replication_origin IN ACCESS EXCLUSIVE MODE');
	return $keeper;
}

# Waits until a worker stands at the gate and returns its pid.
sub worker_at_gate
{
	my ($node, $what) = @_;

	wait_for($node, "SELECT count(*) = 1 FROM ($worker AND wait_event_type = 'Lock') w", 't', $what);
	return $node->safe_psql('postgres', $worker);
}

my $node = new_node('main', workers => 1, conf => "restart_after_crash = on\nlog_statement = none\n");
$node->start;
stock_shop($node, 'postgres');

# The simple cases.
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'brief', ttl => '1 s')");
expires($node, 'brief', 'a hold expires by itself');
$node->safe_psql('postgres', "SELECT commerce.extend_reservation(commerce.reserve('A', 1, 'cut', ttl => '1 day'), '1 s')");
expires($node, 'cut', 'so does one whose end was moved forward');
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'long', ttl => '1 day')");
add_overdue($node, 'many', 2500);
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'one more', ttl => '1 ms')");
expires($node, 'many', 'more than one batch of holds expires');
expires($node, 'one more', 'the one that was spoken of, too');
is($node->safe_psql('postgres', "SELECT state FROM commerce.reservations WHERE holder = 'long'"),
	'held', 'one whose time is not over holds on');
is($node->safe_psql('postgres', 'SELECT commerce.expire_reservations()'), '0', 'nothing is left to be swept');

# Carts expire as holds do.
my $cart = $node->safe_psql('postgres', 'SELECT commerce.create_cart()');
$node->safe_psql('postgres', "SELECT commerce.set_cart('$cart', jsonb_build_object('expires_at', now() + '1 s'))");
ok($node->poll_query_until('postgres', "SELECT state = 'expired' FROM commerce.carts WHERE id = '$cart'"), 'a cart expires by itself');

# A hold that becomes visible long after its end, with visits in between that cannot see it.
my $slow = $node->background_psql('postgres');
$slow->query_safe("BEGIN; SELECT commerce.reserve('B', 1, 'slow', ttl => '1 ms')");
add_overdue($node, 'meanwhile', 1);
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'prompt', ttl => '1 ms')");
expires($node, 'prompt', 'others expire while a transaction with an overdue hold is open');
wait_for($node, "SELECT NOT running AND next_due >= least(now() + interval '30 min', date_trunc('day', now(), 'UTC') + interval '1 day') FROM commerce.worker_status()",
	't', 'the worker has nothing left to do for a long time');
$slow->query_safe('COMMIT');
expires($node, 'slow', 'what that transaction holds expires when it has committed');

# A row that somebody has locked.
my $lock = $node->background_psql('postgres');
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'locked', ttl => '1 s')");
$lock->query_safe("BEGIN; SELECT FROM commerce.reservations WHERE holder = 'locked' FOR UPDATE");
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'not locked', ttl => '1500 ms')");
expires($node, 'not locked', 'a locked hold does not keep others from expiring');
$lock->query_safe('COMMIT');
expires($node, 'locked', 'it expires when it is not locked any more');
$_->quit for ($slow, $lock);

# What the worker is, and whom its triggers run as.
$node->safe_psql('postgres', q(
	CREATE TABLE ran_as (who text, may text);
	GRANT INSERT ON ran_as TO commerce_owner;
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
		PERFORM pg_catalog.set_config('role', 'none', false);
		INSERT INTO public.ran_as VALUES (current_user, 'leave');
		RETURN NULL;
	EXCEPTION WHEN insufficient_privilege THEN
		INSERT INTO public.ran_as VALUES (current_user, 'not leave');
		RETURN NULL;
	END$$;
	CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON commerce.reservations DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION note()));
my $keeper = gate($node);
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'gated', ttl => '1 ms')");
worker_at_gate($node, 'a worker is at work');
is($node->safe_psql('postgres', q(SELECT datname, application_name, query FROM pg_stat_activity WHERE backend_type = 'commerce worker')),
	'postgres|commerce worker|commerce worker: expiring holds', 'it says what it does');
is($node->safe_psql('postgres', 'SELECT running FROM commerce.worker_status()'), 't', 'worker_status() knows it');
$keeper->query_safe('COMMIT');
expires($node, 'gated', 'it goes on when it may');
is($node->safe_psql('postgres', 'SELECT DISTINCT who, may FROM ran_as'), 'commerce_owner|not leave',
	'a deferred trigger runs as the owner of the shop and cannot become a superuser');
$node->safe_psql('postgres', 'DROP TRIGGER note ON commerce.reservations');
wait_for($node, 'SELECT NOT running FROM commerce.worker_status()', 't', 'worker_status() knows when it is gone');

# The launcher comes back.
my $before = $node->safe_psql('postgres', $launcher);
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($before)"), 't', 'the launcher is terminated');
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'unheard', ttl => '1 ms')");
wait_for($node, "SELECT count(*) = 1 FROM ($launcher AND pid <> $before) l", 't', 'there is a new one');
expires($node, 'unheard', 'it knows what was said while there was none');

# An error in a chore.
my $offset = -s $node->logfile;
$node->safe_psql('postgres', q(
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN RAISE EXCEPTION 'no hold expires' USING DETAIL = NEW.holder; END$$;
	CREATE TRIGGER refuse AFTER UPDATE ON commerce.reservations FOR EACH ROW EXECUTE FUNCTION refuse();
	SELECT commerce.reserve('A', 1, 'Jane Doe', ttl => '1 ms')));
wait_for($node, 'SELECT last_error FROM commerce.worker_status()', 'P0001', 'a chore that fails is known to have failed');
my $visited = 'SELECT last_visit FROM commerce.worker_status()';
for my $visit (1 .. 2)
{
	my $last = $node->safe_psql('postgres', $visited);

	$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'visit $visit', ttl => '1 ms')");
	wait_for($node, "SELECT ($visited) > '$last'", 't', "visit $visit after the failure");
}
$node->safe_psql('postgres', 'DROP TRIGGER refuse ON commerce.reservations');
expires($node, 'Jane Doe', 'it is tried again');
is($node->safe_psql('postgres', 'SELECT last_error IS NULL FROM commerce.worker_status()'), 't', 'and then has not failed');
my $log = slurp_file($node->logfile, $offset);
is(scalar(() = $log =~ /expiring holds in database "postgres" failed: no hold expires/g), 1,
	'the failure is logged once, however many visits there were');
unlike($log, qr/worker.*Jane Doe/, 'without what it was about');

# Two databases, and such as have no shop.
$offset = -s $node->logfile;
stock_shop($node, $_) for map { $node->safe_psql('postgres', "CREATE DATABASE $_"); $_ } ('second');
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->safe_psql('postgres', 'CREATE DATABASE shopless');
$node->safe_psql('shopless', 'CREATE EXTENSION commerce');
$node->safe_psql('postgres', 'CREATE DATABASE closed ALLOW_CONNECTIONS false');
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'here', ttl => '1 s')");
$node->safe_psql('second', "SELECT commerce.reserve('A', 1, 'there', ttl => '1 s')");
expires($node, 'here', 'of two shops one is served');
expires($node, 'there', 'and the other', 'second');
add_overdue($node, 'old', 3, 'second');
$node->restart;
expires($node, 'old', 'after a restart each shop is visited, though nobody says anything', 'second');
wait_for($node, "SELECT count(*) = 0 FROM ($worker) w", 't', 'and the round comes to its end');
unlike(slurp_file($node->logfile, $offset), qr/WARNING|ERROR|FATAL:  (?!terminating|the database system)/,
	'a database without a shop, or without the extension, or without connections is no error');

# Databases are dropped and copied.
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'second'"), '0',
	'nobody stays connected');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE second');
$keeper = gate($node, 'copy');
add_overdue($node, 'backlog', 20000, 'copy');
$node->safe_psql('copy', "SELECT commerce.reserve('A', 1, 'copied', ttl => '1 ms')");
worker_at_gate($node, 'a worker is at work in the copy');
my $dropper = $node->background_psql('postgres');
$dropper->query_until(qr/^going$/m, "\\echo going\nDROP DATABASE copy;\n\\echo gone\n");
wait_for($node, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE query = 'DROP DATABASE copy;'", 't',
	'DROP DATABASE waits for its batch');
$keeper->query_safe('COMMIT');
wait_for($node, "SELECT count(*) FROM pg_database WHERE datname = 'copy'", '0', 'and for no more than that');
$dropper->quit;
$keeper->quit;
$node->safe_psql('second', "SELECT commerce.reserve('A', 1, 'last', ttl => '1 s')");
expires($node, 'last', 'other databases are served as before', 'second');
wait_until(sub { $node->psql('postgres', 'DROP DATABASE second') == 0 }, 'a database that is served can be dropped');

# Settings.
$node->append_conf('postgresql.conf', 'commerce.workers = 0');
$node->reload;
wait_for($node, "SELECT current_setting('commerce.workers')", '0', 'commerce.workers is 0');
$node->restart;
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'unserved', ttl => '1 ms')");
wait_for($node, "SELECT next_due < now() FROM commerce.worker_status()", 't', 'work is due');
is($node->safe_psql('postgres', "SELECT state FROM commerce.reservations WHERE holder = 'unserved'"),
	'held', 'with commerce.workers = 0 nobody does it');
is($node->safe_psql('postgres', 'SELECT last_visit FROM commerce.worker_status()'), '', 'there was no visit');
$node->append_conf('postgresql.conf', 'commerce.workers = 1');
$node->reload;
expires($node, 'unserved', 'with commerce.workers = 1 it is done at once');
$node->safe_psql('postgres', q(
	ALTER DATABASE postgres SET default_transaction_read_only = on;
	ALTER DATABASE postgres SET session_replication_role = replica;));
$node->safe_psql('postgres', "SET default_transaction_read_only = off; SELECT commerce.reserve('A', 1, 'read only', ttl => '1 ms')");
expires($node, 'read only', "settings for a database's users do not bind the worker");
$node->safe_psql('postgres', 'SET default_transaction_read_only = off; ALTER DATABASE postgres RESET ALL');

# A worker is terminated, killed, and in the way of a shutdown.
$keeper = gate($node);
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'doomed', ttl => '1 ms')");
my $pid = worker_at_gate($node, 'a worker is at work again');
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 5000)"), 't', 'terminated, it ends at once');
is($node->safe_psql('postgres', 'SELECT running FROM commerce.worker_status()'), 'f', 'and is not taken for running');
$pid = worker_at_gate($node, 'the next one tries again');
is(kill('KILL', $pid), 1, 'that one is killed');
$keeper->{run}->finish;
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server recovers');
expires($node, 'doomed', 'and the hold expires');

$keeper = gate($node);
$node->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'patient', ttl => '1 ms')");
worker_at_gate($node, 'a worker waits');
my $began = time();
$node->stop('fast');
cmp_ok(time() - $began, '<', 20, 'a server with a worker stops soon');
$keeper->{run}->finish;
$node->start;
expires($node, 'patient', 'what was due then is done when it is back');
$node->stop;

# Under pg_upgrade nothing happens by itself: it would be lost, or worse.
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', '-w', 'start' ], 'a server as pg_upgrade starts it');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'commerce %'"), '0', 'has no launcher');
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-w', 'stop' ], 'and stops');

# A standby has no worker, until it is promoted.
my $primary = new_node('primary', init => { allows_streaming => 1 }, workers => 0);
$primary->start;
stock_shop($primary, 'postgres');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'commerce.workers = 1');
$standby->start;
$primary->safe_psql('postgres', "SELECT commerce.reserve('A', 1, 'moved', ttl => '1 ms')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', $launcher), '', 'a standby has no launcher');
is($standby->safe_psql('postgres', 'SELECT running, last_visit, next_due FROM commerce.worker_status()'), 'f||',
	'and worker_status() says so');
$primary->stop;
$standby->promote;
expires($standby, 'moved', 'a promoted one has, and sweeps what it finds');
unlike(slurp_file($standby->logfile), qr/WARNING|ERROR|PANIC/, 'without trouble');

done_testing();
