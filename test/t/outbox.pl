# Events reach their endpoints: after commit and only then, in order, signed, soon, by a process that is in nobody's way;
# and what was sent to no one knows by when it is sent again.
use strict;
use warnings;

use Commerce;
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64);
use Digest::SHA qw(hmac_sha256);
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $node = new_node('main', workers => 1, conf => "commerce.allow_private_endpoints = '127.0.0.0/8'\nrestart_after_crash = on\n");
$node->start;
make_shop($node);
my $sink = Sink->start($node->basedir);
my $sender = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'commerce sender' AND datname = 'postgres'";

# Makes an endpoint and returns its id and secret.
sub endpoint
{
	my ($path, $arguments) = @_;
	my $url = $sink->url($path);
	my $made = decode_json($node->safe_psql('postgres', "SELECT commerce.create_endpoint('$url'" . ($arguments ? ", $arguments" : '') . ')'));

	return ($made->{id}, $made->{secret});
}

# Writes an event.
sub event
{
	my ($aggregate, $topic, $payload) = @_;

	return $node->safe_psql('postgres',
		"INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('$aggregate', '$topic', '$payload') RETURNING id");
}

# Passes when nothing of an endpoint is under way or waits.
sub all_delivered
{
	my ($endpoint, $what) = @_;

	return wait_for($node, "SELECT NOT EXISTS (SELECT FROM commerce.outbox WHERE dispatched_at IS NULL)
		AND NOT EXISTS (SELECT FROM commerce.deliveries WHERE endpoint = '$endpoint' AND state <> 'delivered')", 't', $what);
}

is($node->safe_psql('postgres', $sender), '', 'a shop without endpoints has no sender');
my ($first, $secret) = endpoint('ok', "topics => '{order.*,stock.low}'");
my $id = event('o1', 'order.placed', '{"number": 7, "name": "Zoë"}');
event('s1', 'stock.out', '{}');
event('o2', 'orders.placed', '{}');
wait_until(sub { scalar($sink->requests('ok')) > 0 }, 'an event is sent by itself');
all_delivered($first, 'and known to be delivered');
my @got = $sink->requests;
is(scalar(@got), 1, 'once, and nothing that was not asked for');
my $request = $got[0];
is($request->{id}, $id, 'webhook-id is the id of the event');
is($request->{type}, 'application/json', 'it is JSON');
is($request->{agent}, 'commerce/0.1', 'and says from whom');
cmp_ok(abs($request->{timestamp} - time()), '<', 60, 'its time is now');
my $body = decode_json($request->{body});
is(join(' ', sort keys %$body), 'data timestamp type', 'its body has three parts');
is($body->{type}, 'order.placed', 'the topic');
like($body->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'when it happened');
is_deeply($body->{data}, { number => 7, name => "Zo\x{eb}" }, 'and what, in UTF-8');
my $key = decode_base64(substr($secret, length('whsec_')));
is($request->{signature}, 'v1,' . encode_base64(hmac_sha256("$id.$request->{timestamp}.$request->{body}", $key), ''),
	'it is signed as Standard Webhooks say, by the bytes that came');

# Events of the shop's own are written without a statement, and so without the trigger that tells the sender.
$node->safe_psql('postgres', q(INSERT INTO commerce.variants (sku, track_stock) VALUES ('song', false); INSERT INTO commerce.prices (sku, price) VALUES ('song', '1 GBP')));
my $bought = $node->safe_psql('postgres', q(SELECT commerce.checkout(lines => '[{"sku": "song", "quantity": 1}]')));
wait_until(sub { scalar(grep { $_->{body} =~ /$bought/ } $sink->requests) == 1 }, 'an event that an order writes is sent by itself');

# What is not committed is not sent.
my $before = scalar($sink->requests);
$node->safe_psql('postgres', q(BEGIN; INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('r', 'order.rolled_back', '{}'); ROLLBACK;
	BEGIN; SAVEPOINT s; INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('r', 'order.rolled_back', '{}'); ROLLBACK TO s; COMMIT));
my $open = $node->background_psql('postgres');
$open->query_safe(q(BEGIN; INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('late', 'order.late', '{}')));
event('o1', 'order.paid', '{}');
all_delivered($first, 'others are sent while a transaction with an event is open');
is(scalar(grep { $_->{body} =~ /late|rolled/ } $sink->requests), 0, 'nothing of it, or of what was rolled back, is');
$open->query_safe('COMMIT');
wait_until(sub { scalar(grep { $_->{body} =~ /order\.late/ } $sink->requests) == 1 }, 'it is sent when it has committed');
$open->quit;

# The latch wakes who is there. Several tries: the machine may be busy with other things.
my $fastest = 1000;
for my $try (1 .. 10)
{
	my $fast = event("fast$try", 'order.fast', "{\"n\": $try}");
	my ($came) = ();

	wait_until(sub { ($came) = grep { $_->{id} eq $fast } $sink->requests }, "event $try comes") or last;
	my $written = $node->safe_psql('postgres', "SELECT extract(epoch FROM created_at) FROM commerce.outbox WHERE id = '$fast'");
	my $took = 1000 * ($came->{at} - $written);
	$fastest = $took if $took < $fastest;
}
diag(sprintf('from the beginning of a transaction to the receiver: %.1f ms at best of ten', $fastest));

# No transaction is open while one waits for an answer.
my ($held) = endpoint('held/go', "topics => '{slow.*}'");
event('h', 'slow.one', '{}');
wait_until(sub { scalar($sink->requests('held/go')) == 1 }, 'a request is under way');
wait_for($node, "SELECT xact_start IS NULL AND backend_xmin IS NULL AND state = 'idle' FROM pg_stat_activity WHERE pid = ($sender)",
	't', 'the sender has neither transaction nor snapshot while it waits');
is($node->safe_psql('postgres', "SELECT state, attempt FROM commerce.deliveries WHERE endpoint = '$held'"), 'leased|1', 'it has leased what it sends');
event('o3', 'order.placed', '{}');
all_delivered($first, 'others go on');
open(my $go, '>', $node->basedir . '/go') or die $!;
close($go);
all_delivered($held, 'and it is delivered in the end');

# Order: each event of an aggregate only after the one before it is delivered, whatever fails in between.
my ($flaky) = endpoint('flaky/1', "topics => '{life.*}', order_mode => 'strict'");
$node->safe_psql('postgres', "INSERT INTO commerce.outbox (aggregate, topic, payload)
	SELECT 'a' || n % 3, 'life.' || n, jsonb_build_object('n', n) FROM generate_series(1, 9) n");
all_delivered($flaky, 'events that fail once each are delivered');
my %last;
my $ordered = 1;
my %count;
for my $sent ($sink->requests('flaky/1'))
{
	my $n = decode_json($sent->{body})->{data}{n};

	$count{$n}++;
	$ordered = 0 if $n < ($last{ $n % 3 } // 0);
	$last{ $n % 3 } = $n;
}
ok($ordered, 'those of each aggregate in order');
is_deeply([ map { $count{$_} } 1 .. 9 ], [ (2) x 9 ], 'each twice: the failure and the success');
is($node->safe_psql('postgres', "SELECT DISTINCT attempt, last_status, last_error IS NULL FROM commerce.deliveries WHERE endpoint = '$flaky'"),
	'2|200|t', 'which is known of each');

# Under load: clients commit and roll back, the sender and a backend are killed in the middle of it.
my ($load) = endpoint('ok', "topics => '{load.*}', max_in_flight => 16");
$node->safe_psql('postgres', q(
	CREATE TABLE committed (id uuid PRIMARY KEY);
	CREATE TABLE tried (id uuid);
	CREATE FUNCTION happen(lane integer, abandon boolean) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE event uuid;
	BEGIN
		PERFORM pg_advisory_xact_lock(lane);
		INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('lane' || lane, 'load.' || CASE WHEN abandon THEN 'never' ELSE 'done' END, jsonb_build_object('lane', lane))
			RETURNING id INTO event;
		INSERT INTO committed VALUES (event);
		IF abandon THEN RAISE EXCEPTION 'given up'; END IF;
	END $$));
my $script = $node->basedir . '/load.sql';
append_to_file($script, "\\set lane random(1, 20)\n\\set abandon random(1, 5)\nDO \$\$BEGIN PERFORM happen(:lane, :abandon = 1); EXCEPTION WHEN raise_exception THEN NULL; END\$\$;\n");
sub load
{
	my ($seconds_most) = @_;
	my $output = '';

	return IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-j', '1', '-R', '200', '-T', $seconds_most, '-h', $node->host, '-p', $node->port, '-f', $script, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);
}
my $dispatched = 'SELECT count(*) FROM commerce.deliveries WHERE state = \'delivered\'';
for my $victim ('the sender', 'a backend', 'the postmaster')
{
	my $had = $node->safe_psql('postgres', $dispatched);
	my $clients = load(120);

	wait_for($node, "SELECT ($dispatched) > $had + 200", 't', "$victim: events are sent under load");
	my $pid =
	    $victim eq 'the sender' ? $node->safe_psql('postgres', $sender)
	  : $victim eq 'a backend' ? $node->safe_psql('postgres', "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE 'DO %'")
	  : 0;
	if ($victim eq 'the postmaster')
	{
		kill_server($node, "$victim is killed", killed => sub { $clients->finish });
	}
	else
	{
		is(kill('KILL', $pid), 1, "$victim is killed");
		$clients->finish;
		$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	}
	all_delivered($load, "$victim: all is delivered in the end");
}
my %sent;
my $in_order = 1;
%last = ();
for my $sent ($sink->requests('ok'))
{
	my $message = decode_json($sent->{body});
	next unless $message->{type} =~ /^load\./;
	my $lane = $message->{data}{lane};

	# What comes again after a crash has come before.
	$in_order = 0 if !$sent{ $sent->{id} }++ && $sent->{id} lt ($last{$lane} // '');
	$last{$lane} = $sent->{id} if $sent->{id} gt ($last{$lane} // '');
	$in_order = 0 if $message->{type} eq 'load.never';
}
my @committed = split(/\n/, $node->safe_psql('postgres', 'SELECT id FROM committed ORDER BY id'));
is(scalar(grep { !$sent{$_} } @committed), 0, 'each of ' . @committed . ' events that were committed was sent');
is(scalar(keys %sent), scalar(@committed), 'and none that was not');
ok($in_order, 'those of each lane in order');

# Nobody's way: the database is copied, renamed and dropped while the sender is there.
$node->safe_psql('postgres', 'CREATE DATABASE other');
make_shop($node, 'other');
$node->safe_psql('other', "SELECT commerce.create_endpoint('" . $sink->url('hang') . "')");
$node->safe_psql('other', "INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('x', 'order.x', '{}')");
wait_until(sub { scalar($sink->requests('hang')) > 0 }, 'a sender waits for an answer in another database');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE other');
is($node->safe_psql('other', 'SELECT state, attempt FROM commerce.deliveries'), 'pending|0', 'it has given back what it had leased');
$node->safe_psql('other', "INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('y', 'order.y', '{}')");
my $hung = scalar($sink->requests('hang'));
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'commerce sender' AND datname = 'other'");
$node->safe_psql('postgres', 'DROP DATABASE other');
pass('a database can be dropped under its sender');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# Asked to end, it hears out what is under way.
unlink($node->basedir . '/go');
event('h', 'slow.two', '{}');
wait_until(sub { scalar($sink->requests('held/go')) == 2 }, 'a request is under way again');
my $pid = $node->safe_psql('postgres', $sender);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
open($go, '>', $node->basedir . '/go') or die $!;
close($go);
wait_for($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", 't', 'a sender that is terminated ends');
is($node->safe_psql('postgres', "SELECT DISTINCT state FROM commerce.deliveries WHERE endpoint = '$held'"), 'delivered',
	'and has heard out and written down what was under way');
unlink($node->basedir . '/go');
event('h', 'slow.three', '{}');
wait_until(sub { scalar($sink->requests('held/go')) == 3 }, 'the next one sends');
my $began = time();
$node->stop('fast');
cmp_ok(time() - $began, '<', 20, 'a server with a sender that waits for an answer stops soon');
open($go, '>', $node->basedir . '/go') or die $!;
close($go);
$node->start;
all_delivered($held, 'and sends it when it is back');

# Settings.
my $named = $node->safe_psql('postgres', "SELECT commerce.create_endpoint('https://localhost:$sink->{port}/ok', '{name.*}') ->> 'id'");
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = ''");
$node->reload;
event('o9', 'order.placed', '{}');
wait_for($node, "SELECT last_error FROM commerce.deliveries WHERE endpoint = '$first' AND state = 'pending'", 'its address is not allowed',
	'an address that is not allowed any more is not sent to');
event('n', 'name.one', '{}');
wait_for($node, "SELECT last_error FROM commerce.deliveries WHERE endpoint = '$named' AND attempt > 0 AND state = 'pending'", 'its address is not allowed',
	'nor is a name that turns out to have one');
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = '127.0.0.1'");
$node->reload;
all_delivered($first, 'until it is again');
$node->append_conf('postgresql.conf', 'commerce.senders = 0');
$node->restart;
event('o10', 'order.placed', '{}');
is((error_of($node, 'BEGIN; CALL commerce.deliver_pending(); COMMIT'))[0], '2D000', 'nothing is sent inside a transaction');
is((error_of($node, 'CALL commerce.deliver_pending(0)'))[0], '22023', 'nor in no time');
$node->safe_psql('postgres', "SET default_transaction_isolation = 'serializable'; CALL commerce.deliver_pending(30)");
is($node->safe_psql('postgres', "SELECT count(*) FROM commerce.deliveries WHERE endpoint = '$first' AND state <> 'delivered'"), '0',
	'with commerce.senders = 0 a session sends by CALL');
is($node->safe_psql('postgres', $sender), '', 'and nobody else');
unlike(slurp_file($node->logfile), qr/TRAP|PANIC|WARNING:  commerce/, 'without trouble');
$node->stop;

# A standby sends nothing, until it is promoted.
my $primary = new_node('primary', init => { allows_streaming => 1 }, workers => 0, conf => "commerce.allow_private_endpoints = '127.0.0.1'\n");
$primary->start;
make_shop($primary);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'commerce.workers = 1');
$standby->start;
$primary->safe_psql('postgres', "SELECT commerce.create_endpoint('" . $sink->url('ok/moved') . "');
	INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('m', 'order.moved', '{}')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'commerce %'"), '0', 'a standby has no sender');
is((error_of($standby, 'CALL commerce.deliver_pending()'))[0], '25006', 'nor does a session send there');
$primary->stop;
is(scalar($sink->requests('ok/moved')), 0, 'and nothing was sent');
$standby->promote;
wait_until(sub { scalar($sink->requests('ok/moved')) == 1 }, 'a promoted one sends what it finds');
$standby->stop;

done_testing();
