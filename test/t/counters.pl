# Counters of stock in the moments that could spoil them: a load that is cancelled, terminated or killed while others
# wait for it; no room for counters; transactions prepared before the library was preloaded; statements that time out
# anywhere; databases that are copied and dropped; tables that are emptied and rewritten under promises.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = join("\n", 'max_connections = 60', 'restart_after_crash = on', 'max_prepared_transactions = 10',
	'deadlock_timeout = 100ms', '');

# Makes skus with so many units of each.
sub stock
{
	my ($node, $units, @skus) = @_;

	$node->safe_psql('postgres', join('', map { qq(
		INSERT INTO commerce.variants (sku) VALUES ('$_');
		INSERT INTO commerce.prices (sku, price) VALUES ('$_', '10 GBP');
		SELECT commerce.receive_stock('$_', $units);) } @skus));
	return;
}

# Starts a session that goes on after errors, with a name that pg_stat_activity shows.
sub session
{
	my ($node, $name) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_safe("SET application_name = '$name'");
	return $session;
}

# Sends a statement to a session without waiting for its answer.
sub begin_statement
{
	my ($session, $statement) = @_;

	# Its answer may be there at once; nothing is read of it here.
	$session->{stdin} .= "$statement;\n";
	$session->{run}->pump_nb while length $session->{stdin};
	return;
}

# Waits until the named session waits for such an event.
sub waits
{
	my ($node, $name, $event) = @_;

	return wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$name' AND wait_event_type = '$event'",
		't', "$name waits");
}

sub send_signal
{
	my ($node, $function, $name) = @_;

	is($node->safe_psql('postgres', "SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$name'"),
		't', "$function of $name");
	return;
}

# Runs a script so often in so many sessions at once, whatever errors its statements meet.
sub at_once
{
	my ($node, $sessions, $times, $script, $what) = @_;
	my $path = $node->basedir . '/at_once.sql';
	my @outputs = map { my $output = ''; \$output } 1 .. $sessions;

	open(my $file, '>', $path) or die "$path: $!";
	print $file $script x $times, "\\echo through\n";
	close($file);
	my @running = map {
		IPC::Run::start([ 'psql', '-XAtq', '-f', $path, '-d', $node->connstr('postgres') ], '<', \undef, '>', $_, '2>', '/dev/null')
	} @outputs;
	$_->finish for @running;
	is(scalar(grep { $$_ =~ /^through$/m } @outputs), $sessions, "$what: all are through");
	return;
}

# Ends sessions whose server process may be gone.
sub quit
{
	eval { $_->quit } for @_;
	return;
}

# --- A load that does not finish.

my $node = new_shop_node('counters', conf => $conf);

stock($node, 10, qw(SLOW BIG STORM OTHER));

# Reading reservations waits for a lock where the session says so: a load that takes as long as one wants.
$node->safe_psql('postgres', q(
	CREATE FUNCTION public.slowly() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		IF current_setting('application_name') = 'loader' THEN
			PERFORM pg_advisory_xact_lock_shared(1);
		END IF;
		RETURN true;
	END $$;
	GRANT USAGE ON SCHEMA public TO PUBLIC;
	CREATE POLICY slowly ON commerce.reservations USING (public.slowly());
	ALTER TABLE commerce.reservations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	SELECT commerce.reserve('SLOW', 1, ttl => '1 hour');));

my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(1), pg_advisory_lock(2)');

for my $how ('pg_cancel_backend', 'pg_terminate_backend', 'pg_cancel_backend in a block', 'a kill')
{
	my $loader = session($node, 'loader');
	my @waiting = map { session($node, "waiting $_") } 1 .. 3;
	my $try = "SELECT 'got it' WHERE commerce.try_reserve('SLOW', 1, 'waited', ttl => '1 hour') IS NOT NULL";

	$node->safe_psql('postgres', "SELECT commerce.invalidate_stock('SLOW')");
	begin_statement($loader, $how !~ /in a block/ ? $try : q(DO $$
		BEGIN
			PERFORM commerce.reserve('SLOW');
		EXCEPTION WHEN query_canceled THEN
			PERFORM pg_advisory_xact_lock_shared(2);
		END $$));
	waits($node, 'loader', 'Lock');
	begin_statement($waiting[$_], $try) for 0 .. 2;
	waits($node, "waiting $_", 'Extension') for 1 .. 3;

	# One of those who wait is cancelled, too.
	send_signal($node, 'pg_cancel_backend', 'waiting 3');
	like($waiting[2]->query_until(qr/after/, "\\echo after\n"), qr/^after/m, "$how: who is cancelled waits no longer");
	if ($how eq 'a kill')
	{
		my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'loader'");

		is(kill('KILL', $pid), 1, "$how: the loader is killed");
		quit($loader, @waiting, $holder);
		$node->poll_query_until('postgres', 'SELECT true') or BAIL_OUT('no recovery');
	}
	else
	{
		send_signal($node, $how =~ s/ .*//r, 'loader');
		like($waiting[$_]->query_until(qr/got it/, ''), qr/got it/, "$how: who waits gets through") for 0 .. 1;
		send_signal($node, 'pg_terminate_backend', 'loader') if $how =~ /in a block/;
		quit($loader, @waiting);
		wait_for($node, q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'loader')), 't', "$how: the loader is gone");
		is($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.reservations WHERE holder = 'waited' AND state = 'held')),
			'2', "$how: two have what they got");
		is($node->safe_psql('postgres', "SELECT commerce.release_holder('waited')"), '2', "$how: and give it back");
	}
	counters_are_right($node, "after $how");
}
$node->safe_psql('postgres', q(
	ALTER TABLE commerce.reservations DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
	DROP POLICY slowly ON commerce.reservations;
	DROP FUNCTION public.slowly();));

# One who loads waits for a table, whose lock another holds who then comes for the very same sku.
$node->safe_psql('postgres', "SELECT commerce.invalidate_stock('SLOW')");
my $loader = session($node, 'loader');
for my $table (qw(stock_alerts schema_version))
{
	my $other = session($node, 'other');

	$node->safe_psql('postgres', "SELECT commerce.invalidate_stock('SLOW')");
	$loader->query_safe('DISCARD ALL');
	$other->query_safe("SET statement_timeout = '60s'");
	$other->query_safe("BEGIN; LOCK TABLE commerce.$table IN ACCESS EXCLUSIVE MODE");
	$loader->query_safe("SET application_name = 'loader'");
	begin_statement($loader, "SELECT 'got it' WHERE commerce.try_reserve('SLOW', 1, 'circle') IS NOT NULL");
	waits($node, 'loader', 'Lock');
	is($other->query("SELECT 'got it' WHERE commerce.try_reserve('SLOW', 1, 'circle') IS NOT NULL"), 'got it', "who has $table locked is not in a circle");
	$other->query_safe('COMMIT');
	like($loader->query_until(qr/got it/, ''), qr/got it/, 'and who waited is next');
	quit($other);
}
quit($loader);
$node->safe_psql('postgres', "SELECT commerce.release_holder('circle')");
counters_are_right($node, 'after a load that waited');

# A real load, of a sku with 200,000 active reservations, which many begin and nobody has the time for.
$node->safe_psql('postgres', q(
	SELECT commerce.receive_stock('BIG', 199995);
	INSERT INTO commerce.reservations (sku, location, quantity, expires_at)
		SELECT 'BIG', 'main', 1, now() + '1 hour' FROM generate_series(1, 200000);
	VACUUM ANALYZE commerce.reservations;
	CREATE FUNCTION hurried() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		IF random() < 0.2 THEN
			PERFORM commerce.invalidate_stock('BIG');
		END IF;
		RETURN count(commerce.try_reserve('BIG', 1, 'hurried', ttl => '1 hour'));
	EXCEPTION WHEN query_canceled THEN
		RETURN -1;
	END $$;));
at_once($node, 8, 15, "SET statement_timeout = $_;\nSELECT hurried();\n", "loads that time out after $_ ms") for 5, 15, 40;
is($node->safe_psql('postgres', q(SELECT count(*) <= 5 FROM commerce.reservations WHERE holder = 'hurried')), 't', 'the last 5 units are sold once');
counters_are_right($node, 'after loads that timed out');
$node->safe_psql('postgres', 'TRUNCATE commerce.reservations');

# --- Statements that time out anywhere, also in blocks that go on.

$node->safe_psql('postgres', q(
	SELECT commerce.receive_stock('STORM', 1000);
	CREATE FUNCTION storm() RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		held uuid;
		failed int := 0;
		mine text := 'storm ' || pg_backend_pid();
	BEGIN
		FOR n IN 1 .. 40 LOOP
			BEGIN
				held := commerce.reserve('STORM', 1 + n % 3, mine, ttl => '1 hour');
				IF n % 2 = 0 THEN
					PERFORM commerce.release_reservation(held);
				END IF;
				PERFORM commerce.try_reserve('OTHER', 1, mine, ttl => '1 hour');
				IF n % 5 = 0 THEN
					RAISE EXCEPTION USING ERRCODE = 'P0001';
				END IF;
			EXCEPTION WHEN query_canceled OR SQLSTATE 'P0001' OR SQLSTATE 'CM001' THEN
				failed := failed + 1;
			END;
		END LOOP;
		PERFORM commerce.release_holder(mine);
		RETURN failed;
	END $$;));
at_once($node, 12, 10, "SET statement_timeout = $_;\nSELECT storm();\n"
	  . "SELECT commerce.try_reserve('STORM', 3, 'storm ' || pg_backend_pid(), ttl => '1 hour') FROM generate_series(1, 5);\n"
	  . "SELECT commerce.release_holder('storm ' || pg_backend_pid());\n", "a storm of time-outs after $_ ms") for 1, 3, 6;
$node->safe_psql('postgres', "SELECT count(commerce.release_holder(holder)) FROM
	(SELECT DISTINCT holder FROM commerce.reservations WHERE holder LIKE 'storm %' AND state = 'held') h");
is($node->safe_psql('postgres', "SELECT commerce.available('STORM')"), '1010', 'after the storm all is there');
counters_are_right($node, 'after the storm');

# --- Tables that are emptied and rewritten, with promises before and after.

stock($node, 10, 'DDL');
for my $change (
	'TRUNCATE commerce.reservations',
	'TRUNCATE commerce.stock',
	'TRUNCATE commerce.stock, commerce.reservations',
	'CLUSTER commerce.reservations USING reservations_pkey',
	'CLUSTER commerce.stock USING stock_pkey',
	"ALTER TABLE commerce.reservations ADD COLUMN chance double precision DEFAULT random()",
	"ALTER TABLE commerce.stock ADD COLUMN chance double precision DEFAULT random()",
	'ALTER TABLE commerce.reservations SET UNLOGGED',
	"ALTER TABLE commerce.reservations RENAME TO promised; CREATE TABLE commerce.reservations (LIKE commerce.promised INCLUDING ALL);
		CREATE TRIGGER reservation_changed AFTER INSERT OR UPDATE OR DELETE ON commerce.reservations
			FOR EACH ROW EXECUTE FUNCTION commerce.reservation_changed();
		ALTER TABLE commerce.reservations OWNER TO commerce_owner",
	'TRUNCATE commerce.reservations; SAVEPOINT again; TRUNCATE commerce.reservations; ROLLBACK TO again; TRUNCATE commerce.reservations')
{
	my $what = substr($change, 0, 60);
	my $reserve = "SELECT commerce.try_reserve('DDL', 2, ttl => '1 hour')";

	for my $how ('BEGIN; %s; %s; %s; ROLLBACK', 'BEGIN; %s; SAVEPOINT s; %s; %s; ROLLBACK TO s; %3$s; COMMIT',
		'BEGIN; SAVEPOINT s; %s; %s; %s; RELEASE s; %3$s; ROLLBACK', 'BEGIN; %s; %s; %s; COMMIT', '%s; BEGIN; %2$s; ROLLBACK; %3$s')
	{
		# Each ends as it began, but where the tables stay emptied.
		next if $how =~ /; COMMIT$/ && $how !~ /ROLLBACK TO/ && $change =~ /RENAME|UNLOGGED/;
		$node->safe_psql('postgres', sprintf($how, $reserve, $change, $reserve));
		counters_are_right($node, "$what in $how");
		$node->safe_psql('postgres', q(
			ALTER TABLE commerce.reservations DROP COLUMN IF EXISTS chance;
			ALTER TABLE commerce.stock DROP COLUMN IF EXISTS chance;
			INSERT INTO commerce.stock (sku, location) SELECT sku, 'main' FROM commerce.variants ON CONFLICT DO NOTHING;
			UPDATE commerce.stock SET on_hand = 10 WHERE sku = 'DDL';
			UPDATE commerce.reservations SET state = 'released' WHERE sku = 'DDL' AND state = 'held' AND quantity > 1;));
	}
}
for my $change ('VACUUM FULL commerce.reservations', 'VACUUM FULL commerce.stock', 'REINDEX TABLE commerce.reservations')
{
	$node->safe_psql('postgres', "SELECT commerce.try_reserve('DDL', 1, ttl => '1 hour')");
	$node->safe_psql('postgres', $change);
	counters_are_right($node, $change);
}

# A shop made in the very transaction: TRUNCATE empties its tables where they are.
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', q(
	BEGIN;
	CREATE EXTENSION commerce;
	SELECT commerce.create_shop('GBP');
	INSERT INTO commerce.variants (sku) VALUES ('A');
	SELECT commerce.receive_stock('A', 10);
	SELECT commerce.reserve('A', 3);
	TRUNCATE commerce.stock, commerce.reservations;
	SELECT commerce.receive_stock('A', 2);
	COMMIT;
	SELECT commerce.receive_stock('A', 1);));
counters_are_right($node, 'a shop that was emptied in the transaction that made it', 'fresh');
is($node->safe_psql('fresh', "SELECT commerce.available('A'), commerce.try_reserve('A', 4) IS NULL"), '3|t', 'it has 3, not 13');

# A limit to what was unlimited counts before everyone has heard of it: whoever asks for more is refused at once.
$node->safe_psql('fresh', q(UPDATE commerce.stock SET backorder_limit = NULL; SELECT commerce.reserve('A', 100);));
my $limiter = $node->background_psql('fresh');
my $asker = $node->background_psql('fresh', on_error_stop => 0);
$asker->query_safe("SELECT commerce.reserve('A', 1)");
$limiter->query_safe('BEGIN; UPDATE commerce.stock SET backorder_limit = 200');
is($asker->query_safe("SET statement_timeout = '20s'; SELECT commerce.try_reserve('A', 1000) IS NULL"), 't', 'a limit that is being set counts');
$limiter->query_safe('ROLLBACK');
is($asker->query_safe("SELECT commerce.try_reserve('A', 1000) IS NULL"), 'f', 'and no more when it is not set');
is($asker->query_safe("SELECT count(commerce.try_reserve('A', 1000000000000000000)) FROM generate_series(1, 6)"), '4', 'there is an end to everything');
quit($limiter, $asker);

# --- Databases that are copied and dropped while others sell.

my $script = $node->basedir . '/sell.sql';
append_to_file($script, "SELECT commerce.release_reservation(commerce.reserve('DDL', 1, 'seller'));\n");
my $seller = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '120', '-h', $node->host, '-p', $node->port,
	'-f', $script, 'postgres' ], '<', \'', '>', \my $sold, '2>&1');
for my $round (1 .. 3)
{
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE fresh');
	is($node->safe_psql('copy', "SELECT commerce.receive_stock('A', 5)"), '8', "round $round: a copy has stock of its own");
	counters_are_right($node, "round $round: copy", 'copy');
	counters_are_right($node, "round $round: original", 'fresh');
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}
$seller->signal('INT');
$seller->finish;
wait_for($node, q(SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'), 't', 'the sellers are gone');
$node->safe_psql('postgres', "SELECT commerce.release_holder('seller')");
counters_are_right($node, 'after databases came and went');

# --- PREPARE TRANSACTION.

for my $deed ("SELECT commerce.reserve('DDL', 1)", "SAVEPOINT s; SELECT commerce.try_reserve('DDL', 1); RELEASE s",
	"UPDATE commerce.stock SET on_hand = on_hand + 1 WHERE sku = 'DDL'", "DELETE FROM commerce.reservations WHERE sku = 'DDL'")
{
	is((error_of($node, "BEGIN; $deed; PREPARE TRANSACTION 'p'"))[0], '0A000', "refused: PREPARE after $deed");
	counters_are_right($node, "after a refused PREPARE: $deed");
}
is((error_of($node, "BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'p'"))[0], '', 'what has nothing to do with stock may be prepared');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'p'");
$node->stop('immediate');

# Transactions from before the library was preloaded: each of these could spoil a counter loaded beside it.
$node = new_shop_node('prepared', preload => 0, conf => $conf);
my %prepared = (
	reserved => q(SELECT commerce.reserve('%s', 5, ttl => '1 hour')),
	inserted => q(INSERT INTO commerce.reservations (sku, location, quantity, expires_at) VALUES ('%s', 'main', 5, now() + '1 hour')),
	released => q(SELECT commerce.release_holder('%s')),
	received => q(SELECT commerce.receive_stock('%s', 5)),
	cut => q(SELECT commerce.adjust_stock('%s', -5)));
for my $deed (sort keys %prepared)
{
	for my $end ('commit', 'rollback')
	{
		my $sku = "${deed}_$end";

		stock($node, 8, $sku);
		$node->safe_psql('postgres', "SELECT commerce.reserve('$sku', 2, '$sku', ttl => '1 hour')");
		$node->safe_psql('postgres', 'BEGIN; ' . sprintf($prepared{$deed}, $sku) . "; PREPARE TRANSACTION '$sku'");
	}
}
stock($node, 8, 'untouched');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'commerce'");
$node->restart;
is($node->safe_psql('postgres', "SELECT commerce.try_reserve('untouched', 8) IS NOT NULL, commerce.try_reserve('untouched', 1) IS NULL"),
	't|t', 'while they are undecided, others are sold as ever');
my (%waiting, %asked);
for my $deed (sort keys %prepared)
{
	for my $end ('commit', 'rollback')
	{
		my $sku = "${deed}_$end";

		# Two ask for what there is without the other: both cannot have it.
		for my $units (4, 3)
		{
			my $session = session($node, "$sku $units");

			begin_statement($session, "SELECT 'units', commerce.try_reserve('$sku', $units, 'asked', ttl => '1 hour') IS NOT NULL");
			push @{ $waiting{$sku} }, $session;
		}
	}
}
$node->safe_psql('postgres', ($_ =~ /commit/ ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$_'") for sort keys %waiting;
for my $sku (sort keys %waiting)
{
	like($_->query_until(qr/units.[tf]/, ''), qr/units/, "$sku: who asked has an answer") for @{ $waiting{$sku} };
	quit(@{ $waiting{$sku} });
	is($node->safe_psql('postgres', "SELECT on_hand < (SELECT sum(quantity) FROM commerce.reservations r WHERE r.sku = s.sku AND state = 'held')
		FROM commerce.stock s WHERE sku = '$sku'"), 'f', "$sku: nothing is oversold");
}
counters_are_right($node, 'after transactions from before were decided');
$node->stop('immediate');

# --- No room: each partition has one counter.

$node = new_shop_node('crowded', conf => $conf . "commerce.max_counters = 128\n");
stock($node, 40, map { "S$_" } 1 .. 200);
$node->safe_psql('postgres', q(
	CREATE FUNCTION crowd() RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		wanted text;
		got int := 0;
	BEGIN
		FOR wanted IN SELECT 'S' || (1 + floor(random() * 200 ^ random()))::int FROM generate_series(1, 4) ORDER BY 1 LOOP
			BEGIN
				IF random() < 0.3 THEN
					PERFORM commerce.release_reservation(id) FROM (SELECT id FROM commerce.reservations r
						WHERE r.sku = wanted AND state = 'held' LIMIT 1 FOR UPDATE SKIP LOCKED) one;
				ELSIF commerce.try_reserve(wanted, 1 + (random() * 3)::int, ttl => '1 hour') IS NOT NULL THEN
					got := got + 1;
				END IF;
				IF random() < 0.2 THEN
					RAISE EXCEPTION USING ERRCODE = 'P0001';
				END IF;
			EXCEPTION WHEN SQLSTATE 'P0001' THEN
				NULL;
			END;
		END LOOP;
		RETURN got;
	END $$;));

sub not_oversold
{
	my ($when) = @_;

	is($node->safe_psql('postgres', q(SELECT s.sku, s.on_hand, sum(r.quantity) FROM commerce.stock s JOIN commerce.reservations r USING (sku, location)
		WHERE r.state IN ('held', 'committed') GROUP BY s.sku, s.location HAVING sum(r.quantity) > s.on_hand)), '', "$when: nothing is oversold");
	return;
}

# One who works under a lock on a row keeps others from it, until it ends, however it ends.
for my $how ('commit', 'pg_terminate_backend', 'kill')
{
	my $inside = session($node, 'inside');
	my $outside = session($node, 'outside');
	my $locked;

	$inside->query_safe('BEGIN; SELECT count(commerce.reserve(sku, 30, ttl => \'1 hour\')) FROM commerce.variants');
	# Of 200 skus at least 72 have no counter.
	$locked = $node->safe_psql('postgres', q(SELECT sku FROM commerce.stock WHERE sku NOT IN (SELECT p.sku FROM
		(SELECT sku FROM commerce.stock FOR UPDATE SKIP LOCKED) p) ORDER BY sku LIMIT 1));
	isnt($locked, '', "$how: some are locked");
	begin_statement($outside, "SELECT 'units', commerce.try_reserve('$locked', 20, ttl => '1 hour') IS NOT NULL");
	waits($node, 'outside', 'Lock');
	if ($how eq 'commit') { $inside->query_safe('COMMIT') }
	elsif ($how eq 'kill')
	{
		kill('KILL', $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'inside'"));
		quit($inside, $outside);
		$node->poll_query_until('postgres', 'SELECT true') or BAIL_OUT('no recovery');
	}
	else { send_signal($node, $how, 'inside') }
	if ($how ne 'kill')
	{
		is($outside->query_until(qr/units.[tf]/, '') =~ /units.t/ ? 't' : 'f', $how eq 'commit' ? 'f' : 't',
			"$how: the other has what there is then");
		quit($inside, $outside);
	}
	wait_for($node, q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name IN ('inside', 'outside'))), 't', "$how: both are gone");
	not_oversold($how);
	counters_are_right($node, "crowded, $how");
	$node->safe_psql('postgres', q(UPDATE commerce.reservations SET state = 'released' WHERE state = 'held'));
}
for my $round (1 .. 3)
{
	$node->pgbench('-n -c 16 -j 2 -t 30', 0, [qr/actually processed: 480\/480/], [qr/^$/], "round $round: a crowd without room",
		{ "crowd_$round" => 'SELECT crowd()' });
	not_oversold("round $round");
	counters_are_right($node, "round $round: a crowd without room");
}
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC|TRAP:/, 'nobody deadlocks');

done_testing();
