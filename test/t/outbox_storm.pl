# A storm: receivers that fail one request in five in all the ways they know, a sender, backends and a server that are killed
# in the middle of it, and clients that go on writing events. None is lost, none is made up, and each lane's come in order.
#
# COMMERCE_STORM is how many events are written: 4,000 where nothing is said.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;
use Time::HiRes qw(usleep);

my $events = $ENV{COMMERCE_STORM} // 4000;
my @victims = ('the sender', 'the postmaster', 'a backend', 'the sender', 'the postmaster');
my $node = new_node('main', workers => 1,
	conf => "commerce.allow_private_endpoints = '127.0.0.1'\nrestart_after_crash = on\nmax_wal_size = 2GB\n");
$node->start;
make_shop($node);
my $sink = Sink->start($node->basedir);
my $sender = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'commerce sender' AND datname = 'postgres'";

for my $path ('storm/20', 'ok')
{
	$node->safe_psql('postgres', "SELECT commerce.create_endpoint('" . $sink->url($path) . "', '{storm.*}', max_in_flight => 32)");
}
$node->safe_psql('postgres', q(
	CREATE TABLE committed (id uuid PRIMARY KEY);
	CREATE FUNCTION happen(lane integer, abandon boolean) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		event uuid;
	BEGIN
		PERFORM pg_advisory_xact_lock(lane);
		INSERT INTO commerce.outbox (aggregate, topic, payload)
			VALUES ('lane' || lane, 'storm.' || CASE WHEN abandon THEN 'never' ELSE 'done' END, jsonb_build_object('lane', lane)) RETURNING id INTO event;
		INSERT INTO committed VALUES (event);
		IF abandon THEN RAISE EXCEPTION 'given up'; END IF;
	END $$));
my $script = $node->basedir . '/storm.sql';
append_to_file($script, "\\set lane random(1, 500)\n\\set abandon random(1, 10)\n"
	  . "DO \$\$BEGIN PERFORM happen(:lane, :abandon = 1); EXCEPTION WHEN raise_exception THEN NULL; END\$\$;\n");

# Starts clients that write events until they are killed or have written so many.
sub write_events
{
	my ($count) = @_;
	my $output = '';

	return IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-j', '1', '-t', int($count / 4) + 1, '-h', $node->host, '-p', $node->port, '-f', $script, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);
}

# What failed waits no longer: how long it would stands in unit/outbox and t/outbox_faults.
sub hurry
{
	$node->psql('postgres', q(UPDATE commerce.deliveries SET next_at = now() WHERE state = 'pending' AND next_at > now() AND next_at < 'infinity';
		SELECT commerce.wake_sender()));
	return;
}

# Returns when the query says so; hurries meanwhile.
sub wait_hurrying
{
	my ($query, $what) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default + $events / 100;

	while (1)
	{
		my ($status, $stdout) = $node->psql('postgres', $query);

		return pass($what) if ($stdout // '') eq 't';
		return fail("timed out: $what") if time() > $deadline;
		hurry();
		usleep(200_000);    # poll
	}
}

# Kills somebody without warning, and waits until the server is there again.
sub kill_victim
{
	my ($victim) = @_;
	my ($pid) = (undef);

	if ($victim eq 'the postmaster')
	{
		kill_server($node, "$victim is killed");
		return;
	}
	wait_until(sub {
			$pid = $node->safe_psql('postgres', $victim eq 'the sender' ? $sender
				: "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE 'DO %'");
			return $pid;
		}, "$victim is there");
	is(kill('KILL', $pid), 1, "$victim is killed");
	$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	return;
}

my $part = int($events / (@victims + 1));
my $began = time();
for my $victim (@victims)
{
	# Clients write faster than events are sent: a backend is killed while there are some.
	my $progress = $victim eq 'a backend' ? 'SELECT count(*) FROM committed' : "SELECT count(*) FROM commerce.deliveries WHERE state = 'delivered'";
	my $had = $node->safe_psql('postgres', $progress);
	# Whoever is killed, all clients lose their connections, and end.
	my $clients = write_events($victim eq 'a backend' ? 1_000_000 : $part * 2);

	wait_hurrying("SELECT ($progress) > $had + $part / 2", "$victim: events are written and sent meanwhile");
	kill_victim($victim);
	$clients->finish;
}
while ((my $left = $events - $node->safe_psql('postgres', 'SELECT count(*) FROM committed')) > 0)
{
	write_events($left)->finish;
}
wait_hurrying("SELECT NOT EXISTS (SELECT FROM commerce.outbox WHERE dispatched_at IS NULL) AND NOT EXISTS (SELECT FROM commerce.deliveries WHERE state <> 'delivered')",
	'all is delivered in the end');
my $took = time() - $began;

my %heard;       # by endpoint and event: how often
my %taken;       # by endpoint and event: it was answered as it should be
my %latest;      # by endpoint and lane
my %kinds;       # of faults
my $requests = 0;
my ($phantoms, $disorder, $hasty) = (0, 0, 0);
for my $request ($sink->requests)
{
	my (undef, $endpoint, undef, $fault) = split(m{/}, $request->{path});
	my $message = decode_json($request->{body});
	my $lane = "$endpoint $message->{data}{lane}";
	my $key = "$endpoint $request->{id}";
	my $before = $latest{$lane};

	$requests++;
	$kinds{$fault}++ if defined $fault;
	$phantoms++ if $message->{type} ne 'storm.done';
	if (!$heard{$key}++)
	{
		$disorder++ if defined $before && $request->{id} lt $before;
		$hasty++ if defined $before && !$taken{"$endpoint $before"};
		$latest{$lane} = $request->{id};
	}
	$taken{$key} = 1 if !defined $fault;
}
my @committed = split(/\n/, $node->safe_psql('postgres', 'SELECT id FROM committed'));
my %committed = map { $_ => 1 } @committed;
for my $endpoint ('storm', 'ok')
{
	is(scalar(grep { !$taken{"$endpoint $_"} } @committed), 0, "$endpoint: none of " . @committed . ' events is lost');
}
is($phantoms + scalar(grep { !$committed{ (split / /)[1] } } keys %heard), 0, 'none was sent that was not committed');
is($disorder, 0, 'each lane is in order');
is($hasty, 0, 'and none was sent before the one before it was taken');
is(scalar(keys %kinds), 6, 'all kinds of faults were met');
diag(sprintf('%d events to two endpoints in %d s: %d requests, %d of them went wrong, %d events came more than once to the endpoint without faults',
	scalar(@committed), $took, $requests, eval { my $n = 0; $n += $_ for values %kinds; $n }, scalar(grep { /^ok / && $heard{$_} > 1 } keys %heard)));
unlike(slurp_file($node->logfile), qr/TRAP|PANIC/, 'without a crash of its own');
$node->stop;

done_testing();
