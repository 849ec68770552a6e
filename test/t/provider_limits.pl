# Nothing that one provider's adapter does holds up others: it hangs, runs in circles, waits for a lock or raises an error
# whatever it is given, and events are delivered and others' calls sent and booked meanwhile. Nor do answers that wait for
# locked orders, nor a change of settings while somebody does not answer.
use strict;
use warnings;

use Commerce;
use FakeStripe;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $stripe = FakeStripe->start;
my $node = new_shop_node('limits', currency => 'EUR', workers => 1,
	conf => "restart_after_crash = on\ncommerce.allow_private_endpoints = '127.0.0.1'\n");
my $sink = Sink->start($node->basedir);
my $sender = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'commerce sender' AND datname = 'postgres'";
# Whether it is in the function that hangs.
my $hanging = "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.objid = 42 AND a.backend_type = 'commerce sender')";

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

# An adapter of whose functions each fails in its own way: read of stalls, ask of circles, read of waits, all of raises.
sql(q(
	INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 EUR');
	CREATE FUNCTION buy(quantity bigint) RETURNS uuid LANGUAGE sql AS
		$$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'A', 'quantity', quantity)))$$;
	CREATE FUNCTION paid(payment uuid) RETURNS text LANGUAGE sql AS
		'SELECT concat_ws('' '', state, authorized, captured, refunded) FROM commerce.payments WHERE id = payment';
	CREATE FUNCTION hurry() RETURNS void LANGUAGE sql AS
		$$UPDATE commerce.provider_calls SET next_at = now() WHERE state IN ('pending', 'unknown') AND next_at > now(); SELECT commerce.wake_sender()$$;
	CREATE SCHEMA bad;
	GRANT USAGE ON SCHEMA bad TO commerce_owner;
	CREATE TABLE bad.held ();
	GRANT ALL ON bad.held TO commerce_owner;
	CREATE FUNCTION bad.build(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('method', 'POST', 'path', '/echo/' || (call ->> 'operation'),
		'headers', jsonb_build_object('Idempotency-Key', call -> 'id'), 'body', call ->> 'id')$$;
	CREATE FUNCTION bad.ask(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('method', 'GET', 'path', '/echo/asked?' || (call ->> 'id'), 'headers', '{}'::jsonb)$$;
	CREATE FUNCTION bad.read(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('state', 'done', 'keep', answer -> 'target')$$;
	CREATE FUNCTION bad.unclear(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "unknown"}'::jsonb$$;
	CREATE FUNCTION bad.stalls(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock(42); LOOP NULL; END LOOP; END$$;
	CREATE FUNCTION bad.circles(call jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN LOOP NULL; END LOOP; END$$;
	CREATE FUNCTION bad.waits(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN LOCK bad.held; RETURN bad.read(call, status, answer); END$$;
	CREATE FUNCTION bad.raises(call jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RAISE 'it always does'; END$$;
	CREATE FUNCTION bad.raises(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RAISE 'it always does'; END$$;
	SELECT commerce.register_adapter('bad', 'stalls', 'bad.build', 'bad.stalls', 'bad.ask', 'bad.read'),
		commerce.register_adapter('bad', 'circles', 'bad.build', 'bad.unclear', 'bad.circles', 'bad.read'),
		commerce.register_adapter('bad', 'waits', 'bad.build', 'bad.waits', 'bad.ask', 'bad.read'),
		commerce.register_adapter('bad', 'raises', 'bad.build', 'bad.raises', 'bad.raises', 'bad.raises')));
my @ways = qw(stalls circles waits raises);
sql("SELECT commerce.create_provider('$_', 'shipping', 'bad', '" . $stripe->url . "')") for @ways;
sql("SELECT commerce.create_provider('stripe', 'payment', 'stripe', '" . $stripe->url . "', secret => '$FakeStripe::secret')");
my $receiver = sql("SELECT commerce.create_endpoint('" . $sink->url('ok') . "', '{test.*}') ->> 'id'");

sub pay { my ($quantity, $more) = @_; return sql("SELECT commerce.request_payment(buy($quantity), 'stripe', " . ($more // "payment_method => 'pm_card_visa'") . ')'); }
sub comes_to { my ($payment, $expected, $what) = @_; return wait_for($node, "SELECT paid('$payment')", $expected, $what); }
sub event { my ($aggregate, $topic) = @_; return sql("INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('$aggregate', '$topic', '{}')"); }
sub call { my ($way) = @_; return sql("SELECT commerce.request_provider_call(commerce.uuidv7(), '$way', '$way')"); }
sub took_too_long { my $log = slurp_file($node->logfile); return scalar(() = $log =~ /WARNING:  a call to a provider is held up: its adapter took longer than 2 seconds/g); }

# Passes when events reach their endpoint and a payment is asked for and booked.
my $others = 0;
sub others_go_on
{
	my ($when) = @_;
	my $payment = pay(3);

	$others++;
	event("o$others", "test.$others");
	comes_to($payment, 'authorized 3.00 EUR 0.00 EUR 0.00 EUR', "$when: another provider's call is sent and booked");
	wait_for($node, "SELECT count(*) FROM commerce.deliveries WHERE endpoint = '$receiver' AND aggregate = 'o$others' AND state = 'delivered'", '1', "$when: an event is delivered");
	return;
}

# One that hangs over each answer.
my @stalls = map { call('stalls') } 1 .. 20;
wait_for($node, $hanging, 't', 'an adapter hangs over an answer');
others_go_on('one hangs');
wait_until(sub { took_too_long() > 0 }, 'it is ended, and the log says so');
like(slurp_file($node->logfile), qr/DETAIL:  Call [0-9a-f-]{36}, operation "stalls" of provider "stalls", adapter "bad"\./, 'which call it was, and which adapter');
wait_for($node, q(SELECT bool_and(maybe_done AND error = 'its adapter took longer than 2 seconds') FROM commerce.provider_calls WHERE provider = 'stalls' AND state = 'unknown'),
	't', 'nobody knows what became of what it hung over');
others_go_on('it rests');
cmp_ok(sql(q(SELECT count(*) FROM commerce.provider_calls WHERE provider = 'stalls' AND state <> 'unknown')), '>', 0, 'and this did not take as long as it would hang over them all');
is(took_too_long(), 1, 'which is said once');
is(sql(q(SELECT sending <= 16 AND sending + waiting + unknown = 20 FROM commerce.provider_status() WHERE provider = 'stalls')), 't', 'its own calls wait for each other');

# One that runs in circles when it is to ask, one that waits for a lock, and one that raises an error over everything.
my $clerk = $node->background_psql('postgres');
$clerk->query_safe('BEGIN; LOCK bad.held');
my @more = map { my $way = $_; map { call($way) } 1 .. 3 } qw(circles waits raises);
wait_until(sub { sql('SELECT hurry()'); sql(q(SELECT bool_or(error = 'its adapter took longer than 2 seconds') FROM commerce.provider_calls WHERE provider = 'circles')) eq 't' },
	'an adapter runs in circles when it is to ask');
wait_for($node, q(SELECT count(*) FROM commerce.provider_calls WHERE provider = 'raises' AND state = 'unknown' AND error = 'the adapter failed with P0001'), '3', 'one fails whatever it is given');
wait_for($node, q(SELECT count(*) FROM commerce.provider_calls WHERE provider = 'waits' AND state = 'leased'), '3', 'one waits for a lock, and its answers are kept');
others_go_on('all of them');
is(took_too_long(), 2, 'the log says it of both that took too long, once');
$clerk->query_safe('COMMIT');
$clerk->quit;
wait_for($node, q(SELECT count(*) FROM commerce.provider_calls WHERE provider = 'waits' AND state = 'succeeded' AND attempt = 1), '3', 'and they are booked when nobody has it');

# Asked to end while one hangs: it does.
sub let_hang
{
	my ($when) = @_;

	call('stalls');
	return wait_until(sub { sql('SELECT hurry()'); sql($hanging) eq 't' }, "$when: one hangs again");
}
my $pid = sql($sender);
sql("SELECT pg_terminate_backend($pid)");
wait_for($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", '0', 'a sender that is asked to end ends');
let_hang('asked to end');
my $began = time();
$pid = sql($sender);
sql("SELECT pg_terminate_backend($pid)");
wait_for($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", '0', 'asked to end: it ends');
cmp_ok(time() - $began, '<', 30, 'asked to end: soon, and not when the adapter would');
others_go_on('asked to end');
let_hang('the server stops');
$began = time();
$node->restart;
cmp_ok(time() - $began, '<', 30, 'the server stops: soon');
others_go_on('the server stops');

# Killed while one hangs.
let_hang('killed');
is(kill('KILL', sql($sender)), 1, 'killed: it is');
$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
others_go_on('killed');

# A session that sends by itself is held up no more.
$node->append_conf('postgresql.conf', 'commerce.senders = 0');
$node->reload;
wait_for($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'commerce sender'", '0', 'nobody sends');
call('stalls');
my $by_hand = pay(2);
sql(q(UPDATE commerce.provider_calls SET lease_until = now() WHERE state = 'leased'; SELECT hurry(); CALL commerce.deliver_pending(5)));
is(sql("SELECT paid('$by_hand')"), 'authorized 2.00 EUR 0.00 EUR 0.00 EUR', 'a session that sends goes on, too');
$node->append_conf('postgresql.conf', 'commerce.senders = 4');
$node->reload;

# Repaired, all is settled, and nothing was done twice.
sql(q(
	CREATE OR REPLACE FUNCTION bad.stalls(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT bad.read(call, status, answer)$$;
	CREATE OR REPLACE FUNCTION bad.circles(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT bad.ask(call)$$;
	CREATE OR REPLACE FUNCTION bad.raises(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT bad.ask(call)$$;
	CREATE OR REPLACE FUNCTION bad.raises(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT bad.read(call, status, answer)$$));
wait_until(sub { sql('SELECT hurry()'); sql(q(SELECT count(*) FROM commerce.provider_calls WHERE state <> 'succeeded')) eq '0' }, 'repaired, all are settled');
my %sent;
$sent{ $_->{key} }++ for grep { $_->{target} =~ m{^/echo/(stalls|circles|waits|raises)} } @{ $stripe->state->{log} };
is(scalar(keys %sent), sql(q(SELECT count(*) FROM commerce.provider_calls WHERE provider <> 'stripe')), 'each was sent');
is(join(' ', grep { $sent{$_} > 1 } keys %sent), '', 'none of them twice');
is(sql(q(SELECT count(*) FROM commerce.provider_calls WHERE provider = 'circles' AND response #>> '{}' NOT LIKE '/echo/asked?%')), '0', 'what was not understood was asked about');
$stripe->agrees($node, 'repaired');

# Twenty orders are locked whose payments are answered: the provider's other calls go on.
my @locked = map { pay(4, "payment_method => 'pm_card_3ds', capture => 'manual'") } 1 .. 20;
comes_to($_, 'requires_action 0.00 EUR 0.00 EUR 0.00 EUR', 'a payment that waits for its buyer') for @locked;
my $list = join(', ', map { "'$_'" } @locked);
$stripe->confirm($_) for split /\n/, sql("SELECT reference FROM commerce.provider_payments WHERE payment_id IN ($list)");
my $asked = grep { $_->{kind} eq 'ask' } @{ $stripe->state->{log} };
$clerk = $node->background_psql('postgres');
$clerk->query_safe("BEGIN; SELECT total FROM commerce.orders WHERE id IN (SELECT order_id FROM commerce.payments WHERE id IN ($list)) FOR UPDATE");
# refresh_payment() would wait for the clerk, too.
sql("BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO commerce.provider_calls (order_id, provider, operation, payment_id, method, path, headers, body)
	SELECT c.order_id, c.provider, 'refresh', c.payment_id, 'GET', '/v1/payment_intents/' || r.reference, c.headers - 'Idempotency-Key', ''
	FROM commerce.provider_calls c JOIN commerce.provider_payments r ON r.payment_id = c.payment_id WHERE c.payment_id IN ($list); SELECT commerce.wake_sender(); COMMIT");
wait_for($node, q(SELECT sending FROM commerce.provider_status() WHERE provider = 'stripe'), '20', 'twenty answers wait for a clerk, more than a provider has calls at a time');
others_go_on('twenty locked orders');
is(sql("SELECT count(*) FROM commerce.payments WHERE id IN ($list) AND state = 'requires_action'"), '20', 'while they wait');
is(scalar(grep { $_->{kind} eq 'ask' } @{ $stripe->state->{log} }), $asked + 20, 'each of which was asked for once');
$clerk->query_safe('COMMIT');
$clerk->quit;
wait_for($node, "SELECT count(*) FROM commerce.payments WHERE id IN ($list) AND paid(id) = 'authorized 4.00 EUR 0.00 EUR 0.00 EUR'", '20', 'all are booked when the clerk has gone');
is(sql("SELECT count(*), count(DISTINCT payment_id) FROM commerce.payment_entries WHERE payment_id IN ($list)"), '20|20', 'once');
is(scalar(grep { $_->{kind} eq 'ask' } @{ $stripe->state->{log} }), $asked + 20, 'and asked for no more');
$stripe->agrees($node, 'locked orders');

# Settings change while one endpoint does not answer: others get their events at once, by the new ones; what is under way goes on.
my $silent = sql("SELECT commerce.create_endpoint('" . $sink->url('hang') . "', '{hang.*}') ->> 'id'");
event('h', 'hang.one');
wait_until(sub { scalar($sink->requests('hang')) == 1 }, 'an endpoint does not answer');
for my $turn (1 .. 3)
{
	$node->reload;
	others_go_on("settings change, $turn");
}
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = ''");
$node->reload;
event('refused', 'test.refused');
wait_for($node, "SELECT last_error FROM commerce.deliveries WHERE endpoint = '$receiver' AND aggregate = 'refused'", 'its address is not allowed',
	'what is begun goes by the new settings, also where a connection stands');
is(sql("SELECT state, attempt FROM commerce.deliveries WHERE endpoint = '$silent'"), 'leased|1', 'while it still does not answer');
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = '127.0.0.1'");
$node->reload;
wait_for($node, "SELECT state, attempt, last_error FROM commerce.deliveries WHERE endpoint = '$silent'", 'pending|1|Timeout was reached', 'and is given up when its time is over');
is(scalar($sink->requests('hang')), 1, 'asked once');
others_go_on('settings as they were');
unlike(slurp_file($node->logfile), qr/TRAP|PANIC|deadlock detected/, 'without trouble');
$node->stop;
done_testing();
