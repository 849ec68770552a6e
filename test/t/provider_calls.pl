# The worker sends what providers are asked: soon after the commit and only then, with no transaction open; whatever becomes
# of the answer, of the network and of itself, the provider's books and the ledger are the same in the end.
use strict;
use warnings;

use Commerce;
use FakeStripe;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $stripe = FakeStripe->start;
my $other = FakeStripe->start;
my $node = new_shop_node('calls', currency => 'EUR', workers => 1,
	conf => "restart_after_crash = on\ncommerce.allow_private_endpoints = '127.0.0.1'\nlog_min_messages = debug1\n"
	  # So that what a commit does not wait for is not on disk by chance.
	  . "wal_writer_delay = 10s\n");
my $sender = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'commerce sender' AND datname = 'postgres'";

$node->safe_psql('postgres', "SELECT commerce.create_provider('stripe', 'payment', 'stripe', '" . $stripe->url . "', secret => '$FakeStripe::secret');
	SELECT commerce.create_provider('other', 'payment', 'stripe', '" . $other->url . "', secret => '$FakeStripe::secret')");
# From here on the secret is in no statement, and is nowhere to be found.
my $since = -s $node->logfile;
$node->append_conf('postgresql.conf', "log_statement = all\nlog_min_duration_statement = 0\nlog_parameter_max_length_on_error = -1\n");
$node->reload;
$node->safe_psql('postgres', q(
	INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 EUR');
	CREATE FUNCTION buy(quantity bigint) RETURNS uuid LANGUAGE sql AS
		$$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'A', 'quantity', quantity)))$$;
	CREATE FUNCTION paid(payment uuid) RETURNS text LANGUAGE sql AS
		'SELECT concat_ws('' '', state, authorized, captured, refunded) FROM commerce.payments WHERE id = payment';
	CREATE FUNCTION last_call(payment uuid) RETURNS text LANGUAGE sql AS
		'SELECT concat_ws(''|'', operation, state, attempt, maybe_done, error) FROM commerce.provider_calls WHERE payment_id = payment ORDER BY id DESC LIMIT 1';
	CREATE FUNCTION hurry() RETURNS void LANGUAGE sql AS
		$$UPDATE commerce.provider_calls SET next_at = now() WHERE state IN ('pending', 'unknown') AND next_at > now(); SELECT commerce.wake_sender()$$));

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }
sub pay { my ($quantity, $more) = @_; return sql("SELECT commerce.request_payment(buy($quantity), " . ($more // "'stripe', payment_method => 'pm_card_visa'") . ')'); }
sub comes_to { my ($payment, $expected, $what) = @_; return wait_for($node, "SELECT paid('$payment')", $expected, $what); }
sub call_is { my ($payment, $expected, $what) = @_; return wait_for($node, "SELECT last_call('$payment')", $expected, $what); }
sub asked { my ($who, $kind) = @_; return scalar(grep { $_->{kind} eq $kind } @{ $who->state->{log} }); }

# Passes when nothing is under way any more, what waits being hurried.
sub all_over
{
	my ($what) = @_;
	my $left;

	return wait_until(sub { sql('SELECT hurry()'); $left = sql(q(SELECT count(*) FROM commerce.provider_calls WHERE state IN ('pending', 'unknown', 'leased'))); $left == 0 }, $what);
}

# A payment's life, by the worker alone.
is(sql($sender), '', 'a shop whose providers are asked nothing has no sender');
sql(q(BEGIN; SELECT commerce.request_payment(buy(9), 'stripe', payment_method => 'pm_card_visa'); ROLLBACK));
my $payment = pay(100);
comes_to($payment, 'authorized 100.00 EUR 0.00 EUR 0.00 EUR', 'what is asked for is sent by itself');
is(asked($stripe, 'authorize'), 1, 'once, and nothing of what was rolled back');
sql("SELECT commerce.request_capture('$payment', '60.01 EUR')");
comes_to($payment, 'captured 60.01 EUR 60.01 EUR 0.00 EUR', 'a part is taken, and the rest let go');
sql("SELECT commerce.request_refund('$payment', '10.01 EUR')");
comes_to($payment, 'partially_refunded 60.01 EUR 60.01 EUR 10.01 EUR', 'a part is given back');
my $voided = pay(5);
comes_to($voided, 'authorized 5.00 EUR 0.00 EUR 0.00 EUR', 'another');
sql("SELECT commerce.request_void('$voided')");
comes_to($voided, 'voided 5.00 EUR 0.00 EUR 0.00 EUR', 'is given up');
my $declined = pay(7, "'stripe', payment_method => 'pm_card_declined'");
comes_to($declined, 'failed 0.00 EUR 0.00 EUR 0.00 EUR', 'a card is declined');
my ($sent) = grep { $_->{kind} eq 'authorize' } @{ $stripe->state->{log} };
is($sent->{key}, sql("SELECT id FROM commerce.provider_calls WHERE payment_id = '$payment' AND operation = 'authorize'"), 'the key is the call\'s id');
my $fastest = 1000;
for my $try (1 .. 10)
{
	my $p = pay(1);

	comes_to($p, 'authorized 1.00 EUR 0.00 EUR 0.00 EUR', "payment $try is asked for");
	my ($came) = map { $_->{at} } grep { $_->{key} && $_->{key} eq sql("SELECT id FROM commerce.provider_calls WHERE payment_id = '$p'") } @{ $stripe->state->{log} };
	my $took = 1000 * ($came - sql("SELECT extract(epoch FROM created_at) FROM commerce.provider_calls WHERE payment_id = '$p'"));
	$fastest = $took if $took < $fastest;
}
diag(sprintf('from the beginning of a transaction to the provider: %.1f ms at best of ten', $fastest));

# One who does not answer keeps no transaction open, and nobody else from being asked.
$other->fail('authorize', 'hang') for 1 .. 30;
my @hanging = map { pay(2, "'other', payment_method => 'pm_card_visa'") } 1 .. 20;
wait_for($node, "SELECT sending, waiting FROM commerce.provider_status() WHERE provider = 'other'", '16|4', 'a provider that hangs has sixteen calls at a time');
wait_for($node, "SELECT xact_start IS NULL AND backend_xmin IS NULL AND state = 'idle' FROM pg_stat_activity WHERE pid = ($sender)",
	't', 'the sender has neither transaction nor snapshot while it waits');
is(sql("SELECT bool_and(state = 'leased' AND attempt = 1) FROM commerce.provider_calls WHERE provider = 'other' AND state <> 'pending'"), 't', 'it has leased what it sends');
my $meanwhile = pay(3);
comes_to($meanwhile, 'authorized 3.00 EUR 0.00 EUR 0.00 EUR', 'another provider answers meanwhile');

# A clerk who has the order locked delays that order alone, and the answer is not lost.
my $clerk = $node->background_psql('postgres');
my $locked = pay(4, "'stripe', payment_method => 'pm_card_3ds', capture => 'manual'");
comes_to($locked, 'requires_action 0.00 EUR 0.00 EUR 0.00 EUR', 'a payment');
$clerk->query_safe("BEGIN; SELECT total FROM commerce.orders WHERE id = (SELECT order_id FROM commerce.payments WHERE id = '$locked') FOR UPDATE");
my ($intent) = split /\n/, sql("SELECT reference FROM commerce.provider_payments WHERE payment_id = '$locked'");
$stripe->confirm($intent);
my $asked = asked($stripe, 'ask');
# refresh_payment() would wait for the clerk, too.
sql("BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO commerce.provider_calls (order_id, provider, operation, payment_id, method, path, headers, body)
	SELECT order_id, provider, 'refresh', payment_id, 'GET', '/v1/payment_intents/$intent', headers - 'Idempotency-Key', '' FROM commerce.provider_calls WHERE payment_id = '$locked'; SELECT commerce.wake_sender(); COMMIT");
wait_until(sub { asked($stripe, 'ask') == $asked + 1 }, 'somebody has an order locked whose payment is answered');
my $lease = sql("SELECT lease_until FROM commerce.provider_calls WHERE payment_id = '$locked' AND operation = 'refresh'");
wait_for($node, "SELECT lease_until > '$lease' FROM commerce.provider_calls WHERE payment_id = '$locked' AND operation = 'refresh'", 't', 'the answer is kept');
my $unlocked = pay(5);
comes_to($unlocked, 'authorized 5.00 EUR 0.00 EUR 0.00 EUR', 'others go on');
is(sql("SELECT paid('$locked')"), 'requires_action 0.00 EUR 0.00 EUR 0.00 EUR', 'while it waits');
$clerk->query_safe('COMMIT');
$clerk->quit;
comes_to($locked, 'authorized 4.00 EUR 0.00 EUR 0.00 EUR', 'and booked when the clerk has gone');
is(asked($stripe, 'ask'), $asked + 1, 'without another question');

# Asking at once how a payment is.
my $untold = pay(6, "'stripe', payment_method => 'pm_card_3ds', capture => 'automatic'");
comes_to($untold, 'requires_action 0.00 EUR 0.00 EUR 0.00 EUR', 'a buyer has to confirm');
($intent) = split /\n/, sql("SELECT reference FROM commerce.provider_payments WHERE payment_id = '$untold'");
$stripe->confirm($intent);
isnt(sql("SELECT commerce.refresh_payment('$untold')"), '', 'whose event got lost: the provider is asked');
comes_to($untold, 'captured 6.00 EUR 6.00 EUR 0.00 EUR', 'and says that it was paid');
is(HTTP::Tiny->new->post($stripe->url . '/v1/refunds', { headers => { 'Authorization' => "Bearer $FakeStripe::secret", 'Stripe-Version' => '2024-06-20',
	'Idempotency-Key' => 'by hand' }, content => "payment_intent=$intent&amount=150" })->{status}, 200, 'somebody refunds at the provider\'s');
sql("SELECT commerce.refresh_payment('$untold')");
comes_to($untold, 'partially_refunded 6.00 EUR 6.00 EUR 1.50 EUR', 'which it says when it is asked');
wait_for($node, "SELECT count(*) FROM commerce.provider_calls WHERE payment_id = '$untold' AND state <> 'succeeded'", '0', 'and that is all');
$stripe->agrees($node, 'asked');

# Answers that never come to their end: nobody knows, so the provider is asked, and all is done once.
my %faulty;
my %errors = (
	huge => 'the answer is longer than 64 KiB', half => 'Transferred a partial file', trickle => 'Timeout was reached', hang => 'Timeout was reached',
	drop => 'Server returned nothing (no headers, no data)', garbage => 'the answer is no JSON', late500 => 'answered 500', '409' => 'idempotency_key_in_use');
for my $how (qw(hang trickle), grep { !/hang|trickle/ } sort keys %errors)
{
	$stripe->fail('authorize', $how);
	$faulty{$how} = pay(20);
	wait_until(sub { grep { $_->{kind} eq 'authorize' && $_->{fault} eq $how } @{ $stripe->state->{log} } }, "$how: it is sent");
	call_is($faulty{$how}, "authorize|unknown|1|t|$errors{$how}", "$how: nobody knows what became of it") unless $how =~ /hang|trickle/;
}
for my $how (qw(hang trickle))
{
	# Their fifteen seconds are over at nearly the same time.
	wait_for($node, "SELECT last_call('$faulty{$how}') IN ('authorize|unknown|1|t|$errors{$how}', 'authorize|succeeded|2|t')", 't', "$how: nor here");
}
all_over('they are asked about');
for my $how (sort keys %faulty)
{
	is(sql("SELECT paid('$faulty{$how}')"), 'authorized 20.00 EUR 0.00 EUR 0.00 EUR', "$how: it was done");
}
$stripe->agrees($node, 'answers that never come');
my %once;
$once{ $_->{key} }++ for grep { $_->{key} && $_->{kind} eq 'authorize' && $_->{fault} !~ /409/ } @{ $stripe->state->{log} };
is(join(' ', grep { $once{$_} > 1 } keys %once), '', 'and nothing sent twice of which the provider knew');

# Nobody is reached: not a byte was sent, so it is sent again, and can be withdrawn.
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!;
my $nowhere = 'http://127.0.0.1:' . $closed->sockport;
$closed->close;
sql("SELECT commerce.update_provider('stripe', base_url => '$nowhere')");
my $unreached = pay(8);
call_is($unreached, q(authorize|pending|1|f|Couldn't connect to server), 'where nobody listens it is known not to have been sent');
my $withdrawn = pay(8);
call_is($withdrawn, q(authorize|pending|1|f|Couldn't connect to server), 'nor is another');
is(sql("SELECT commerce.request_void('$withdrawn') IS NULL AND paid('$withdrawn') = 'voided 0.00 EUR 0.00 EUR 0.00 EUR'"), 't', 'which is withdrawn');
is(sql("SELECT waiting, failing, last_error FROM commerce.provider_status() WHERE provider = 'stripe'"), q(1|1|Couldn't connect to server), 'provider_status() says so');
$stripe->fail('authorize', 'redirect');
sql("SELECT commerce.update_provider('stripe', base_url => '" . $stripe->url . "')");
call_is($unreached, 'authorize|pending|2|f|answered 302', 'a redirect is not followed');
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = ''");
$node->reload;
wait_until(sub { sql('SELECT hurry()'); sql("SELECT last_call('$unreached')") =~ /^authorize\|pending\|\d+\|f\|its address is not allowed$/ }, 'an address that is not allowed is not sent to');
is((error_of($node, "SELECT commerce.update_provider('stripe', base_url => '" . $stripe->url . "')"))[0], '22023', 'nor taken for a provider\'s');
sql("SELECT commerce.update_provider('stripe', base_url => 'https://localhost:" . ($stripe->url =~ /:(\d+)$/)[0] . "')");
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = '10.0.0.0/8'");
$node->reload;
sql('SELECT hurry()');
wait_until(sub { sql('SELECT hurry()'); sql("SELECT last_call('$unreached')") =~ /its address is not allowed$/ }, 'nor is a name that turns out to have one');
is(scalar(grep { $_->{target} =~ /elsewhere/ } @{ $stripe->state->{log} }), 0, 'nobody has followed the redirect');
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = '127.0.0.1'");
$node->reload;
sql("SELECT commerce.update_provider('stripe', base_url => '" . $stripe->url . "')");
all_over('until it is again');
is(sql("SELECT paid('$unreached')"), 'authorized 8.00 EUR 0.00 EUR 0.00 EUR', 'and is sent');

# Any method, header and body; here of a carrier whose paths have a beginning of their own.
my $adapter = q(
	CREATE SCHEMA ours;
	CREATE FUNCTION ours.build(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('method', call #> '{arguments,method}', 'path', call #> '{arguments,path}',
		'headers', '{"X-Key": "a {secret} b {secret}", "X-Empty": "", "Content-Type": "text/plain"}'::jsonb, 'body', call #> '{arguments,body}')$$;
	CREATE FUNCTION ours.read(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('state', 'done', 'keep',
		jsonb_build_object('came', concat_ws(' ', answer ->> 'method', answer ->> 'target', answer ->> 'body', answer #>> '{headers,content-type}', answer #>> '{headers,x-empty}'),
			'key', replace(answer #>> '{headers,x-key}', call #>> '{settings,expected}', '…'), 'says', answer ->> 'says'))$$;
	GRANT USAGE ON SCHEMA ours TO commerce_owner;
	SELECT commerce.register_adapter('ours', 'echo', 'ours.build', 'ours.read');
	CREATE FUNCTION echo(method text, path text, body text DEFAULT '') RETURNS uuid LANGUAGE sql AS
		$$SELECT commerce.request_provider_call(commerce.uuidv7(), 'carrier', 'echo', jsonb_build_object('method', method, 'path', path, 'body', body))$$);
my $umlaut = "\xc3\xbc";
sql("SET client_encoding = 'UTF8'; $adapter");
sql("SELECT commerce.create_provider('carrier', 'shipping', 'ours', '" . $stripe->url . q[/echo', '{"expected": "key-of-the-carrier"}', secret => 'key-of-the-carrier')]);
for my $method (qw(GET POST PUT PATCH DELETE))
{
	my $body = $method =~ /GET|DELETE/ ? '' : "text$umlaut";
	my $call = sql("SELECT echo('$method', '/a?b=1&c=%20', '$body')");

	wait_for($node, "SELECT response ->> 'came' FROM commerce.provider_calls WHERE id = '$call' AND state = 'succeeded'",
		"$method /echo/a?b=1&c=%20 $body text/plain ", "$method: as it was built");
	is(sql("SELECT response ->> 'key' FROM commerce.provider_calls WHERE id = '$call'"), 'a … b …', "$method: with the secret where it belongs");
}

# A database of another encoding is spoken to in it; and is dropped while a call waits for its answer.
sql(q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
make_shop($node, 'latin', 'EUR');
$adapter =~ s/…/?/;
$node->safe_psql('latin', $adapter);
$node->safe_psql('latin', "SELECT commerce.create_provider('carrier', 'shipping', 'ours', '" . $stripe->url . "')");
my $fits = $node->safe_psql('latin', "SET client_encoding = 'UTF8'; SELECT echo('POST', '/echo/ufc', '$umlaut')");
my $not = $node->safe_psql('latin', q(SELECT echo('POST', '/echo/u20ac')));
wait_until(sub { $node->safe_psql('latin', q(SELECT count(*) FROM commerce.provider_calls WHERE state IN ('succeeded', 'unknown'))) eq '2' }, 'LATIN1: calls are sent');
is($node->safe_psql('latin', "SET client_encoding = 'UTF8'; SELECT response ->> 'says', response ->> 'came' FROM commerce.provider_calls WHERE id = '$fits'"),
	"$umlaut|POST /echo/ufc $umlaut text/plain ", 'LATIN1: what is sent and answered in UTF-8 is understood');
is($node->safe_psql('latin', "SELECT state, error FROM commerce.provider_calls WHERE id = '$not'"), 'unknown|the answer is no text', 'LATIN1: what has no place in it is no answer');
$node->safe_psql('latin', q(SELECT echo('POST', '/echo/hang')));
wait_until(sub { $node->safe_psql('latin', q(SELECT state FROM commerce.provider_calls WHERE path = '/echo/hang')) eq 'leased' }, 'LATIN1: one is not answered');
sql('DROP DATABASE latin');
pass('and the database is dropped');

# Where TLS fails, not a byte of the request was sent.
my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die $!;
my $hangs_up = fork() // die $!;
if ($hangs_up == 0)
{
	while (my $client = $deaf->accept) { sysread($client, my $hello, 100); close($client); }
	POSIX::_exit(0);
}
sql("SELECT commerce.update_provider('stripe', base_url => 'https://127.0.0.1:" . $deaf->sockport . "')");
my $untrusted = pay(2);
wait_for($node, "SELECT last_call('$untrusted') LIKE 'authorize|pending|1|f|%SSL%'", 't', 'where TLS fails nothing was sent');
kill('KILL', $hangs_up);
waitpid($hangs_up, 0);
sql("SELECT commerce.update_provider('stripe', base_url => '" . $stripe->url . "')");
comes_to($untrusted, 'authorized 2.00 EUR 0.00 EUR 0.00 EUR', 'and what waits goes on when the provider is changed');

# A secret that cannot be opened is not sent.
sql(q(CREATE TABLE kept AS SELECT * FROM commerce.data_keys WHERE subject = (SELECT id FROM commerce.providers WHERE name = 'stripe');
	DELETE FROM commerce.data_keys WHERE subject IN (SELECT subject FROM kept)));
my $sealed = pay(9);
call_is($sealed, q(authorize|pending|1|f|the provider's secret cannot be opened), 'without its key nothing is sent');
sql('INSERT INTO commerce.data_keys SELECT * FROM kept');
all_over('until it is there again');
is(sql("SELECT paid('$sealed')"), 'authorized 9.00 EUR 0.00 EUR 0.00 EUR', 'and then it is');

# Whoever sends is stopped, or killed, when the provider has done what was asked.
for my $victim ('asked to end', 'the sender', 'the postmaster')
{
	my $before = asked($stripe, 'capture');
	my $p = pay(15);

	comes_to($p, 'authorized 15.00 EUR 0.00 EUR 0.00 EUR', "$victim: a payment");
	$stripe->fail('capture', 'hang');
	sql("SELECT commerce.request_capture('$p')");
	wait_until(sub { asked($stripe, 'capture') == $before + 1 }, "$victim: is being taken");
	my $pid = sql($sender);
	if ($victim eq 'asked to end')
	{
		sql("SELECT pg_terminate_backend($pid)");
		wait_for($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", '0', "$victim: it ends");
		like(sql("SELECT last_call('$p')"), qr/^capture\|(unknown\|1\|t\|the sender was stopped|leased\|2\|t\|the sender was stopped|succeeded\|2\|t)/, "$victim: and says that it does not know");
	}
	elsif ($victim eq 'the sender')
	{
		is(kill('KILL', $pid), 1, "$victim: it is killed");
		$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	}
	else
	{
		my @pids = split(/\n/, sql('SELECT pid FROM pg_stat_activity'));

		$node->kill9;
		# Until the last of its children has noticed, their memory is in use.
		wait_until(sub { kill(0, @pids) == 0 }, "$victim: it is killed, and all processes go");
		$node->start;
	}
	if ($victim ne 'asked to end')
	{
		like(sql("SELECT last_call('$p')"), qr/^capture\|leased\|1\|/, "$victim: that it was taken to be sent is known");
		sql(q(UPDATE commerce.provider_calls SET lease_until = now() WHERE state = 'leased'; SELECT commerce.wake_sender()));
	}
	comes_to($p, 'captured 15.00 EUR 15.00 EUR 0.00 EUR', "$victim: the provider is asked, and it was taken");
	is(asked($stripe, 'capture'), $before + 1, "$victim: and asked for once");
	$stripe->agrees($node, $victim);
}

# Many payments while everything fails now and then, and the sender is killed in the middle of it.
my $seed = $ENV{SEED} // 20261125;
srand($seed);
note("SEED=$seed");
my @kinds = qw(authorize capture void refund ask);
my @faults = qw(drop reset 500 late500 409 429 garbage big half redirect);
my @payments;
for my $turn (1 .. 60)
{
	$stripe->fail($kinds[ rand @kinds ], $faults[ rand @faults ]) if rand() < 0.5;
	push @payments, pay(1 + int rand 50, "'stripe', payment_method => '" . (rand() < 0.8 ? 'pm_card_visa' : 'pm_card_3ds') . "', capture => '" . (rand() < 0.5 ? 'manual' : 'automatic') . "'")
	  if rand() < 0.6 || !@payments;
	my $p = $payments[ rand @payments ];
	my $what = (qw(request_capture request_void request_refund refresh_payment))[ rand 4 ];
	$node->psql('postgres', "SELECT commerce.$what('$p')");
	$node->psql('postgres', "SELECT commerce.order_event(order_id, 'cancel') FROM commerce.payments WHERE id = '$payments[ rand @payments ]'") if rand() < 0.05;
	sql('SELECT hurry()') if rand() < 0.3;
	if ($turn % 20 == 0)
	{
		my $pid = sql($sender);

		ok($pid eq '' || kill('KILL', $pid), "turn $turn: the sender is killed");
		$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
		sql(q(UPDATE commerce.provider_calls SET lease_until = now() WHERE state = 'leased'; SELECT commerce.wake_sender()));
	}
}
all_over('all is over in the end');
sql(q(SELECT commerce.retry_provider_call(order_id, id) FROM commerce.provider_calls WHERE state = 'dead' AND (maybe_done OR operation <> 'authorize')));
all_over('with what was given up');
sql(qq(SELECT commerce.refresh_payment('$_'))) for @payments;
all_over('and everything asked for once more');
$stripe->agrees($node, 'in the end');
cmp_ok(sql(q(SELECT count(*) FROM commerce.payment_entries)), '>', 60, 'much was moved');

# The secret is nowhere.
my $log = substr(slurp_file($node->logfile), $since);
like($log, qr/request_capture/, 'the log has all statements');
unlike($log, qr/\Q$FakeStripe::secret\E/, 'and not the secret');
unlike($log, qr/TRAP|PANIC|deadlock detected/, 'nor trouble');
is(sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%' || 'sk_' || 'test%'"), '0', 'nor does anyone see it');
$node->stop;
done_testing();
