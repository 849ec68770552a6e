# Sixteen clients reserve, release, buy, cancel, receive, cut, expire and write rows of their own, in transactions that
# commit, abort, roll back in part or stay open, while backends and postmasters are killed, terminated and cancelled.
# After each cycle nothing is oversold, the counters say what the tables say, what a client was told has happened has
# happened, what it was told has not has not, and nothing is there by half.
#
# CRASH_CYCLES says how often (default 10), CRASH_SEED repeats a run's choices, though not its timing.
use strict;
use warnings;

use Commerce;
use POSIX ();
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cycles = $ENV{CRASH_CYCLES} // 10;
my $seed = $ENV{CRASH_SEED} // int(rand(1_000_000_000));
my $clients = 16;

srand($seed);
note("CRASH_SEED=$seed CRASH_CYCLES=$cycles");

my $node = new_shop_node('crash', conf => join("\n", 'max_connections = 60', 'restart_after_crash = on', 'log_statement = none',
	'synchronous_commit = on', 'deadlock_timeout = 100ms', 'autovacuum_naptime = 5s', ''));

my @hot = map { "HOT$_" } 1 .. 4;      # HOT4 lies in two places
my @cold = map { "COLD$_" } 1 .. 20;
my @cut = ('CUT1', 'CUT2');            # what is done to these may leave promises without goods
my @sold = (@hot, @cold, 'BACK', 'ANY');

$node->safe_psql('postgres', join('', q(
	INSERT INTO commerce.locations (code, priority) VALUES ('east', -1);),
	map({ qq(
	INSERT INTO commerce.variants (sku) VALUES ('$_');
	INSERT INTO commerce.prices (sku, price) VALUES ('$_', '10 GBP');
	SELECT commerce.receive_stock('$_', 5);) } @sold, @cut), q(
	UPDATE commerce.stock SET backorder_limit = 5 WHERE sku = 'BACK';
	UPDATE commerce.stock SET backorder_limit = NULL WHERE sku = 'ANY';

	-- Takes some, in blocks that fail by turns: what a failed block took is given back.
	CREATE FUNCTION take_some(skus text[], mine text) RETURNS uuid[] LANGUAGE plpgsql AS $$
	DECLARE
		taken uuid[] := '{}';
		one text;
	BEGIN
		FOREACH one IN ARRAY skus LOOP
			BEGIN
				taken := taken || commerce.reserve(one, 1, mine, ttl => '1 hour');
				IF random() < 0.5 THEN
					RAISE EXCEPTION 'changed my mind' USING ERRCODE = 'P0001';
				END IF;
			EXCEPTION
				WHEN SQLSTATE 'P0001' THEN taken := taken[:cardinality(taken) - 1];
				WHEN SQLSTATE 'CM001' THEN NULL;
			END;
		END LOOP;
		RETURN taken;
	END $$;)));

sub one_of { return $_[ int(rand(@_)) ] }
sub any_sku { return rand() < 0.7 ? one_of(@hot) : one_of(@sold, @cut) }

# A reservation that is kept: what the client is told of goes to its log.
sub reserve
{
	my ($function) = @_;
	my $sku = any_sku();
	my $units = 1 + int(rand(3));

	return qq(\\unset held\nSELECT $function('$sku', $units, :'client', ttl => '1 hour') AS held \\gset\n\\echo kept :held\n);
}

# Does something to the thing a variable names, and says what it becomes.
sub turn
{
	my ($variable, $state, $statement) = @_;

	return "\\echo trying :$variable $state\n$statement;\n\\if :ERROR\n\\else\n\\echo did :$variable $state\n\\endif\n";
}

# What clients do, and how often.
my @deeds = (
	[ 12, sub { reserve('commerce.reserve') } ],
	[ 12, sub { reserve('commerce.try_reserve') } ],
	[ 8, sub { turn('held', 'released', q(SELECT commerce.release_reservation(:'held'))) } ],
	[ 3, sub { my $sku = any_sku(); qq(SELECT commerce.try_reserve('$sku', 1, 'short', ttl => '1 ms');\n) } ],
	[ 2, sub { "SELECT commerce.expire_reservations(5);\n" } ],
	[ 12, \&transaction ],
	[ 4, sub {
		my $skus = join(',', map { any_sku() } 1 .. 3);
		return "SELECT 'kept ' || id FROM unnest(take_some('{$skus}', :'client')) AS taken (id);\n";
	} ],
	[ 8, sub {
		my $lines = join(', ', map { sprintf('{"sku": "%s", "quantity": %d}', any_sku(), 1 + int(rand(2))) } 1 .. 1 + int(rand(3)));
		return qq(\\unset bought\nSELECT commerce.checkout('[$lines]', idempotency_key => gen_random_uuid()::text) AS bought \\gset\n)
		  . "\\echo ordered :bought\n";
	} ],
	[ 4, sub { turn('bought', 'cancelled', q(SELECT commerce.order_event(:'bought', 'cancel'))) } ],
	[ 2, sub { turn('bought', 'fulfilled', q(SELECT commerce.fulfil(:'bought'))) } ],
	[ 4, sub { sprintf("SELECT commerce.receive_stock('%s', %d);\n", any_sku(), 1 + int(rand(4))) } ],
	[ 2, sub { sprintf("SELECT commerce.adjust_stock('%s', %d);\n", any_sku(), 1 + int(rand(2))) } ],
	[ 1, sub { "SELECT commerce.receive_stock('HOT4', 2, 'east');\n" } ],
	[ 3, sub { sprintf("SELECT commerce.adjust_stock('%s', %d);\n", one_of(@cut), int(rand(7)) - 3) } ],
	[ 2, sub { sprintf("UPDATE commerce.stock SET safety_stock = %d WHERE sku = '%s';\n", int(rand(4)), one_of(@cut)) } ],
	[ 2, sub { sprintf("SELECT commerce.move_stock('CUT1', 1, '%s', '%s');\n", rand() < 0.5 ? ('main', 'east') : ('east', 'main')) } ],
	[ 2, sub { "UPDATE commerce.stock SET backorder_limit = CASE WHEN backorder_limit IS NULL THEN 100000 END WHERE sku = 'ANY';\n" } ],
	# Plain rows, a level with the movement that explains it.
	[ 2, sub {
		my $sku = any_sku();
		return qq(WITH raised AS (UPDATE commerce.stock SET on_hand = on_hand + 2 WHERE sku = '$sku' AND location = 'main' RETURNING sku)
			INSERT INTO commerce.stock_movements (sku, location, delta, reason) SELECT sku, 'main', 2, 'by hand' FROM raised;\n);
	} ],
	[ 2, sub {
		return sprintf("INSERT INTO commerce.reservations (sku, location, quantity, holder, expires_at)\n"
			  . "SELECT '%s', 'main', n, 'plain', now() + '1 hour' FROM generate_series(1, 2) n;\n", one_of(@cut));
	} ],
	[ 2, sub { "UPDATE commerce.reservations SET sku = CASE sku WHEN 'CUT1' THEN 'CUT2' ELSE 'CUT1' END\n"
		  . "WHERE id = (SELECT id FROM commerce.reservations WHERE holder = 'plain' AND state = 'held' LIMIT 1);\n" } ],
	[ 2, sub { "DELETE FROM commerce.reservations WHERE id IN (SELECT id FROM commerce.reservations\n"
		  . "WHERE holder = 'plain' LIMIT 3 FOR UPDATE SKIP LOCKED);\n" } ],
	[ 1, sub { "SELECT count(*) >= 0 FROM commerce.pending_stock;\n" } ],
	[ 1, sub { sprintf("SELECT commerce.invalidate_stock('%s') >= 0;\n", any_sku()) } ],
	[ 2, sub { sprintf("SET statement_timeout = %d;\n%sRESET statement_timeout;\n", 1 + int(rand(8)), reserve('commerce.reserve')) } ],
	[ 1, sub { sprintf("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL %s;\n",
			one_of('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')) } ],
);
my @wheel = map { my $deed = $_; ($deed->[1]) x $deed->[0] } @deeds;

# A transaction with savepoints, which the client keeps, aborts, or finds aborted.
sub transaction
{
	my $script = "BEGIN;\n\\echo begun\n";
	my $depth = 0;

	for my $step (1 .. 2 + int(rand(5)))
	{
		my $sku = any_sku();
		my $kind = rand();

		if ($kind < 0.5)
		{
			$script .= "\\unset taken\nSELECT commerce.try_reserve('$sku', 1, :'client', ttl => '1 hour') AS taken \\gset\n\\echo taken :taken\n";
		}
		elsif ($kind < 0.65)
		{
			# What was taken in this very transaction is not among what is kept.
			$script .= "\\unset taken\nSELECT commerce.try_reserve('$sku', 2, :'client', ttl => '1 hour') AS taken \\gset\n"
			  . "SELECT commerce.release_reservation(:'taken') WHERE :'taken' <> '';\n";
		}
		elsif ($kind < 0.8 || $depth == 0)
		{
			$depth++;
			$script .= "SAVEPOINT s$depth;\n\\echo opened\n";
		}
		else
		{
			my $keep = rand() < 0.5;

			$script .= ($keep ? 'RELEASE' : 'ROLLBACK TO') . " s$depth;\n\\echo " . ($keep ? 'merged' : 'undone') . "\n";
			$script .= "RELEASE s$depth;\n" if !$keep;
			$depth--;
		}
	}
	my $end = rand();

	# The first statement of the last kind fails, and all that was done with it.
	$script .= "SELECT 1 / 0;\n" if $end < 0.1;
	return $script . "\\echo ending\n" . ($end < 0.75 ? 'COMMIT' : 'ROLLBACK') . ";\n\\echo ended\n";
}

# Starts a client with so many deeds to do; some end in a transaction that stays open.
my %logs;
my %running;

sub start_client
{
	my ($cycle, $number, $deeds) = @_;
	my $name = "c${cycle}_$number";
	my $script = $node->basedir . "/$name.sql";
	my $log = $node->basedir . "/$name.log";
	my $text = "\\set client '$name'\nSET application_name = 'load';\nSET default_transaction_read_only = off;\n";

	$text .= one_of(@wheel)->() for 1 .. $deeds;
	$text .= "BEGIN;\n" . reserve('commerce.try_reserve') =~ s/kept/open/r . "SELECT pg_advisory_lock(1);\n" if $number % 4 == 0;
	open(my $file, '>', $script) or die "$script: $!";
	print $file $text;
	close($file);
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', $log);
		open(STDERR, '>', "$log.err");
		exec('psql', '-XAt', '-f', $script, '-d', $node->connstr('postgres'), '-h', $node->host, '-p', $node->port)
		  or POSIX::_exit(127);
	}
	$running{$pid} = 1;
	$logs{$name} = $log;
	return;
}

# Reaps the clients that have ended; returns how many still run.
sub clients_left
{
	for my $pid (keys %running)
	{
		delete $running{$pid} if waitpid($pid, POSIX::WNOHANG()) == $pid;
	}
	return scalar keys %running;
}

# How much the clients have been told.
sub told
{
	my $bytes = 0;

	$bytes += -s $_ // 0 for values %logs;
	return $bytes;
}

# What clients were told: of each reservation and order the states it may have, none for one that must not be; and
# groups of reservations that are there together or not at all.
my %expected;
my @together;

sub read_log
{
	my ($log) = @_;
	my @levels;
	my ($ending, $group);
	my $id = qr/([0-9a-f]{8}-[0-9a-f-]{27})/;

	for (split /\n/, slurp_file($log))
	{
		if (/^kept $id$/) { $expected{$1} = ['held'] }
		elsif (/^ordered $id$/) { $expected{$1} = ['placed'] }
		elsif (/^trying $id (\w+)$/) { push @{ $expected{$1} }, $2 }
		elsif (/^did $id (\w+)$/) { $expected{$1} = [$2] }
		elsif (/^open $id$/) { $expected{$1} = [] }
		elsif (/^begun$/) { @levels = ([]); $ending = ''; $group = [] }
		elsif (/^opened$/) { push @levels, [] }
		elsif (/^taken $id$/) { push @{ $levels[-1] }, $1 }
		elsif (/^merged$/ && @levels > 1) { my $inner = pop @levels; push @{ $levels[-1] }, @$inner }
		elsif (/^undone$/ && @levels > 1) { $expected{$_} = [] for @{ pop @levels } }
		elsif (/^ending$/) { $ending = 'asked' }
		elsif (/^(COMMIT|ROLLBACK)$/ && $ending eq 'asked') { $ending = $1 }
		elsif (/^ended$/)
		{
			my @all = map { @$_ } @levels;

			$expected{$_} = $ending eq 'COMMIT' ? ['held'] : $ending eq 'ROLLBACK' ? [] : [ 'held', 'none' ] for @all;
			push @together, \@all if $ending eq 'asked' && @all > 1;
			@levels = ();
		}
	}
	# A transaction whose end nobody was told of happened as a whole, or not.
	my @all = map { @$_ } @levels;

	$expected{$_} = [ 'held', 'none' ] for @all;
	push @together, \@all if @all > 1;
	return;
}

# An order's answer is what its events say; a reservation's its state.
sub states
{
	my %state = map { split /\|/ } split /\n/, $node->safe_psql('postgres', q(
		SELECT id, state FROM commerce.reservations WHERE order_id IS NULL
		UNION ALL SELECT o.id, CASE WHEN EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = o.id) THEN 'fulfilled'
			ELSE o.state END FROM commerce.orders o));
	return \%state;
}

sub promises_are_kept
{
	my ($when) = @_;
	my $state = states();
	my @wrong;

	for my $id (sort keys %expected)
	{
		my @may = @{ $expected{$id} };
		my $is = $state->{$id} // 'none';

		@may = ('none') if !@may;
		push @wrong, "$id is $is, not " . join(' or ', @may) if !grep { $_ eq $is } @may;
	}
	is(join("\n", @wrong[ 0 .. ($#wrong > 9 ? 9 : $#wrong) ]), '', "$when: what clients were told is so, of " . keys %expected);
	is(join("\n", map { "@$_" } grep { my %seen = map { ($state->{$_} // 'none') => 1 } @$_; keys %seen > 1 } @together),
		'', "$when: transactions are whole");
	# From here on each is what it is; nobody touches it any more.
	$expected{$_} = [ $state->{$_} // 'none' ] for keys %expected;
	@together = ();
	return;
}

sub nothing_is_half
{
	my ($when) = @_;

	is($node->safe_psql('postgres', q(
		SELECT s.sku, s.location, s.on_hand, s.backorder_limit, r.units FROM commerce.stock s
			JOIN (SELECT sku, location, sum(quantity) AS units FROM commerce.reservations
				WHERE state IN ('held', 'committed') GROUP BY sku, location) r USING (sku, location)
		WHERE s.sku NOT LIKE 'CUT%' AND s.on_hand - s.safety_stock + s.backorder_limit < r.units)),
		'', "$when: nothing is oversold");
	is($node->safe_psql('postgres', q(
		SELECT s.sku, s.location, s.on_hand FROM commerce.stock s
		WHERE s.on_hand <> (SELECT sum(m.delta) FROM commerce.stock_movements m WHERE m.sku = s.sku AND m.location = s.location))),
		'', "$when: movements explain every level");
	is($node->safe_psql('postgres', q(
		SELECT o.number, o.state FROM commerce.orders o
		WHERE NOT EXISTS (SELECT FROM commerce.order_lines l WHERE l.order_id = o.id)
			OR NOT EXISTS (SELECT FROM commerce.outbox e WHERE e.aggregate = o.id::text AND e.topic = 'order.placed')
			OR NOT EXISTS (SELECT FROM commerce.idempotency_keys k WHERE k.order_id = o.id))),
		'', "$when: every order has its lines, event and key");
	is($node->safe_psql('postgres', q(
		SELECT order_id, sku, l.quantity, r.quantity, o.state, r.low, r.high
		FROM (SELECT order_id, sku, sum(quantity) AS quantity FROM commerce.order_lines GROUP BY order_id, sku) l
			FULL JOIN (SELECT order_id, sku, sum(quantity) AS quantity, min(state) AS low, max(state) AS high
				FROM commerce.reservations WHERE order_id IS NOT NULL GROUP BY order_id, sku) r USING (order_id, sku)
			LEFT JOIN commerce.orders o ON o.id = order_id
		WHERE l.quantity IS DISTINCT FROM r.quantity OR r.low <> r.high
			OR r.high <> CASE WHEN o.state = 'cancelled' THEN 'released'
				WHEN EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = o.id) THEN 'fulfilled' ELSE 'committed' END)),
		'', "$when: orders and reservations are the same units");
	return;
}

# Returns the process numbers of the clients' backends.
sub backends
{
	return split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'load' ORDER BY pid");
}

# Ends the transactions that were left open, and waits for all clients to end.
sub let_clients_end
{
	my ($when) = @_;

	wait_until(sub {
		$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'load' AND query LIKE '%pg_advisory_lock(1)%'));
		return clients_left() == 0;
	}, "$when: all clients end") or BAIL_OUT("$when: clients do not end");
	wait_for($node, q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'load')), 't', "$when: and their backends");
	return;
}

my %blows = (
	'a backend is killed' => sub {
		my ($when) = @_;
		my @pids = backends();

		is(kill('KILL', one_of(@pids)), 1, "$when: one is gone");
		wait_until(sub { clients_left() == 0 }, "$when: with it go all") or BAIL_OUT("$when: clients do not end");
		$node->poll_query_until('postgres', 'SELECT true') or BAIL_OUT("$when: no recovery");
	},
	'the postmaster is killed' => sub {
		my ($when) = @_;
		kill_server($node, $when,
			killed => sub { wait_until(sub { clients_left() == 0 }, "$when: all clients end") or BAIL_OUT("$when: clients do not end") });
	},
	'backends are terminated' => sub {
		my ($when) = @_;

		for (1 .. 10)
		{
			my @pids = backends() or last;

			$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . one_of(@pids) . ')');
		}
		let_clients_end($when);
	},
	'statements are cancelled' => sub {
		my ($when) = @_;

		for (1 .. 20)
		{
			my @pids = backends() or last;

			$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM unnest('{" . join(',', @pids) . "}'::int[]) pid WHERE pid % 2 = $_ % 2");
		}
		let_clients_end($when);
	},
	'the server stops at once' => sub {
		my ($when) = @_;

		$node->stop(one_of('fast', 'immediate'));
		wait_until(sub { clients_left() == 0 }, "$when: all go") or BAIL_OUT("$when: clients do not end");
		$node->start;
	});
my @order = sort keys %blows;

for my $cycle (1 .. $cycles)
{
	my $blow = $order[ $cycle % @order ];
	my $gentle = $blow =~ /cancelled|terminated/;
	my $when = "cycle $cycle, $blow";
	my $enough = ($gentle ? 2_000 : 10_000) + int(rand(20_000));

	# Few units, so that the last one is often wanted.
	$node->safe_psql('postgres', join('', map { "SELECT commerce.receive_stock('$_', " . int(rand(30) + 5) . ');' } @hot, 'BACK'));
	%logs = ();
	# What the transactions that stay open wait for.
	my $guard = $node->background_psql('postgres');
	$guard->query_safe('SELECT pg_advisory_lock(1)');
	start_client($cycle, $_, $gentle ? 60 : 1500) for 1 .. $clients;
	wait_until(sub { told() > $enough || clients_left() == 0 }, "$when: clients are at work");
	$blows{$blow}->($when);
	eval { $guard->quit };
	read_log($_) for values %logs;
	counters_are_right($node, $when);
	nothing_is_half($when);
	promises_are_kept($when);
	if (!Test::More->builder->is_passing)
	{
		diag("CRASH_SEED=$seed, cycle $cycle: " . $node->basedir . ' has scripts and logs of the clients');
		last;
	}
}

my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP:|signal 11|signal 6/, 'no process fell by itself');

done_testing();
