# A shop and a payment provider that fails as providers do: answers are lost, requests are refused for a while, events come
# twice, late and in any order, whoever sends is killed. In the end the ledger and the provider say the same to the cent.
use strict;
use warnings;

use Commerce;
use FakeStripe;
use HTTP::Tiny;
use JSON::PP;
use List::Util qw(shuffle);
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $stripe = FakeStripe->start;
my $json = JSON::PP->new->canonical->utf8;
my $node = new_shop_node('providers', currency => 'EUR', conf => "restart_after_crash = on\ncommerce.allow_private_endpoints = '127.0.0.1'\n");
my $url = $stripe->url;

$node->safe_psql('postgres', qq(
	SELECT commerce.create_provider('stripe', 'payment', 'stripe', '$url', secret => '$FakeStripe::secret', webhook_secret => '$FakeStripe::webhook_secret');
	INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 EUR'), ('A', '1 JPY');
	CREATE FUNCTION buy(quantity bigint, currency text DEFAULT 'EUR') RETURNS uuid LANGUAGE sql AS
		\$\$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'A', 'quantity', quantity)), currency => currency)\$\$;
	CREATE FUNCTION paid(payment uuid) RETURNS text LANGUAGE sql AS
		'SELECT concat_ws('' '', state, authorized, captured, refunded, charged_back) FROM commerce.payments WHERE id = payment';
	CREATE FUNCTION calls(payment uuid) RETURNS text LANGUAGE sql AS
		'SELECT string_agg(concat_ws('' '', operation, state), '', '' ORDER BY id) FROM commerce.provider_calls WHERE payment_id = payment'));

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

# Calls that wait need not wait here.
sub due { return sql(q(UPDATE commerce.provider_calls SET next_at = now() WHERE state IN ('pending', 'unknown'))); }

# Takes what is due, as the sender does; for the moments between its steps.
sub claim
{
	return @{ $json->decode(sql(q(SELECT coalesce(jsonb_agg(jsonb_build_object('order', c.order, 'call', c.call, 'token', c.token, 'method', coalesce(c.method, q.method), 'url', coalesce(c.url, q.url),
		'headers', coalesce(c.headers, q.headers), 'body', coalesce(c.body, q.body), 'asking', c.asking, 'secret', commerce.open_provider_secret(c.secret, c.provider))), '[]')
		FROM commerce.claim_provider_calls(50) c LEFT JOIN LATERAL commerce.question_of_call(c.order, c.call, c.token) q ON c.asking))) };
}

# Sends one; returns status (0: no answer) and body.
sub transmit
{
	my ($call) = @_;
	my %headers = %{ $call->{headers} };

	s/\{secret\}/$call->{secret}/ for values %headers;
	my $answer = HTTP::Tiny->new(timeout => 20)->request($call->{method}, $call->{url},
		{ headers => \%headers, $call->{method} eq 'GET' ? () : (content => $call->{body}) });
	return $answer->{status} == 599 ? (0, '') : ($answer->{status}, $answer->{content}, $answer->{headers}{'retry-after'});
}

# The statement that says what came of it.
sub finishing
{
	my ($call, $status, $body, $retry_after) = @_;

	return "SELECT commerce.finish_provider_call('$call->{order}', '$call->{call}', '$call->{token}', $status, \$body\$$body\$body\$, "
	  . ($retry_after // 'NULL') . ')';
}

# Sends what is due, in a session, and returns what became of it. (provider_calls.pl has the background worker send.)
sub round
{
	my $due = sql(q(SELECT coalesce(array_agg(id ORDER BY next_at), '{}') FROM commerce.provider_calls WHERE state IN ('pending', 'unknown') AND next_at <= now()));

	sql('CALL commerce.deliver_pending(60)');
	return sql("SELECT coalesce(string_agg(c.state, ' ' ORDER BY d.n), '') FROM unnest('$due'::uuid[]) WITH ORDINALITY d (id, n) JOIN commerce.provider_calls c ON c.id = d.id");
}

# Goes on until nothing is under way.
sub drain
{
	for (1 .. 30)
	{
		due();
		last unless sql(q(SELECT count(*) FROM commerce.provider_calls WHERE state IN ('pending', 'unknown', 'leased')));
		round();
	}
	return;
}

sub deliver
{
	my ($body, $signature) = @_;

	$signature //= $stripe->sign($body);
	return $json->decode(sql("SELECT commerce.receive_provider_event('stripe', \$event\$$body\$event\$, '$signature')"))->{state};
}

sub deliver_all { return join ' ', map { deliver($_) } @_; }
sub pay { my ($order, $more) = @_; return sql("SELECT commerce.request_payment('$order', 'stripe', " . ($more // "payment_method => 'pm_card_visa'") . ')'); }
sub buy { my ($quantity) = @_; return sql("SELECT buy($quantity)"); }
sub is_paid { my ($payment, $expected, $what) = @_; local $Test::Builder::Level = $Test::Builder::Level + 1; return is(sql("SELECT paid('$payment')"), $expected, $what); }
sub log_of { my ($kind) = @_; return grep { $_->{kind} eq $kind } @{ $stripe->state->{log} }; }

sub agrees { my ($when) = @_; return $stripe->agrees($node, $when); }

# Everything goes well.
my $order = buy(100);
my $payment = pay($order);
is_paid($payment, 'created 0.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'a payment is asked for');
is(scalar(@{ $stripe->state->{log} }), 0, 'nothing is sent before whoever sends takes it');
is(round(), 'succeeded', 'it is sent');
is_paid($payment, 'authorized 100.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'and authorized');
sql("SELECT commerce.request_capture('$payment', '60.01 EUR')");
is(round(), 'succeeded', 'a part is taken');
is_paid($payment, 'captured 60.01 EUR 60.01 EUR 0.00 EUR 0.00 EUR', 'and the rest let go, as Stripe does');
sql("SELECT commerce.request_refund('$payment', '10.01 EUR')");
sql("SELECT commerce.request_refund('$payment')");
is((error_of($node, "SELECT commerce.request_refund('$payment', '0.01 EUR')"))[0], 'CM060', 'what is being refunded is not refunded again');
is(round(), 'succeeded succeeded', 'two refunds');
is_paid($payment, 'refunded 60.01 EUR 60.01 EUR 60.01 EUR 0.00 EUR', 'and all of it is back');
my @events = $stripe->events;
is(deliver_all(@events, reverse @events), join(' ', ('applied') x (2 * @events)), 'its events, twice, say nothing new');
drain();
is_paid($payment, 'refunded 60.01 EUR 60.01 EUR 60.01 EUR 0.00 EUR', 'and change nothing');
my $voided = pay(buy(5));
round();
sql("SELECT commerce.request_void('$voided')");
is(round(), 'succeeded', 'another is given up');
is_paid($voided, 'voided 5.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'by both');
my $yen = pay(sql(q(SELECT buy(1250, 'JPY'))), "payment_method => 'pm_card_visa', capture => 'automatic'");
round();
is_paid($yen, 'captured 1250 JPY 1250 JPY 0 JPY 0 JPY', 'yen have no smaller unit, and are taken at once');
agrees('all went well');

# Refusals.
my $declined = pay(buy(7), "payment_method => 'pm_card_declined'");
is(round(), 'failed', 'a card is declined');
is_paid($declined, 'failed 0.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'and the payment has failed');
is(sql("SELECT error || ' ' || response FROM commerce.provider_calls WHERE payment_id = '$declined'"),
	'insufficient_funds {"code": "card_declined", "type": "card_error", "decline_code": "insufficient_funds"}', 'the call says why, in codes alone');
is(deliver_all($stripe->events), join(' ', ('applied') x 4), 'their events are heard');

# Each failure once: what was done is found, what was not is done under the same key.
for my $case (
	[ 'drop', 'unknown' ], [ 'reset', 'unknown' ], [ '500', 'unknown' ], [ 'late500', 'unknown' ], [ '409', 'unknown' ], [ '429', 'pending' ], [ 'garbage', 'unknown' ], [ 'big', 'unknown' ])
{
	my ($how, $then) = @$case;
	my $p = pay(buy(20));

	for my $step ([ 'authorize', undef, 'authorized 20.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR' ], [ 'capture', "request_capture('$p')", 'captured 20.00 EUR 20.00 EUR 0.00 EUR 0.00 EUR' ],
		[ 'refund', "request_refund('$p', '3 EUR')", 'partially_refunded 20.00 EUR 20.00 EUR 3.00 EUR 0.00 EUR' ])
	{
		my ($kind, $call, $paid) = @$step;

		sql("SELECT commerce.$call") if $call;
		$stripe->fail($kind, $how);
		is(round(), $then, "$kind, $how: $then");
		is(sql(q(SELECT count(*) FROM commerce.claim_provider_calls())), '0', "$kind, $how: it waits") if $kind eq 'capture';
		due();
		$stripe->fail('ask', 'drop') if $how eq 'late500';
		drain();
		is_paid($p, $paid, "$kind, $how: it is done once");
	}
	my $v = pay(buy(20));
	round();
	sql("SELECT commerce.request_void('$v')");
	$stripe->fail('void', $how);
	is(round(), $then, "void, $how: $then");
	drain();
	is_paid($v, 'voided 20.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', "void, $how: it is done once");
}
$stripe->fail('authorize', '429');
my $limited = pay(buy(3));
round();
is(sql(qq(SELECT next_at - now() BETWEEN '5 seconds' AND '8 seconds' FROM commerce.provider_calls WHERE payment_id = '$limited')), 't', 'Retry-After is honoured');
# A search that does not find yet: the same is sent again under the same key.
$stripe->fail('authorize', 'drop');
$stripe->fail('ask', 'lost');
my $lost = pay(buy(4));
drain();
is_paid($lost, 'authorized 4.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'what the search does not find yet is not made twice');
is(scalar(grep { ($_->{metadata}{commerce_payment} // '') eq $lost } values %{ $stripe->state->{intents} }), 1, 'there is one of it');
deliver_all($stripe->events);
drain();
agrees('each failure once');

# The buyer has to confirm; events come in every order.
for my $order_of ('as they came', 'reversed')
{
	my $p = pay(buy(30), "payment_method => 'pm_card_3ds', capture => 'automatic', return_url => 'https://shop.example/back'");

	round();
	is_paid($p, 'requires_action 0.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', "$order_of: the buyer has to confirm");
	my ($intent) = split /\n/, sql("SELECT reference FROM commerce.provider_payments WHERE payment_id = '$p'");
	is(sql("SELECT commerce.payment_action('$p')"), "https://hooks.stripe.example/$intent", "$order_of: there");
	$stripe->confirm($intent);
	my @told = $stripe->events;
	# All that follows, too: a refund by somebody at the provider's, a dispute that is won.
	is(HTTP::Tiny->new->post("$url/v1/refunds", { headers => { 'Authorization' => "Bearer $FakeStripe::secret", 'Stripe-Version' => '2024-06-20',
		'Idempotency-Key' => "by hand $order_of" }, content => "payment_intent=$intent&amount=500" })->{status}, 200, "$order_of: somebody refunds at the provider's");
	$stripe->dispute($intent, 1000, 'needs_response');
	$stripe->dispute($intent, 1000, 'won');
	push @told, $stripe->events;
	@told = reverse @told if $order_of eq 'reversed';
	deliver_all(map { ($_, $_) } @told);
	drain();
	is_paid($p, 'partially_refunded 30.00 EUR 30.00 EUR 5.00 EUR 0.00 EUR', "$order_of: all that was told is booked, once");
	is(sql(qq(SELECT string_agg(kind || ' ' || amount, ', ' ORDER BY kind) FROM commerce.payment_entries WHERE payment_id = '$p')),
		'authorize 30.00 EUR, capture 30.00 EUR, chargeback 10.00 EUR, refund 5.00 EUR, reversal 10.00 EUR', "$order_of: entry by entry");
	is(sql(q(SELECT count(*) FROM commerce.provider_events WHERE state IN ('waiting', 'refused'))), '0', "$order_of: nothing waits any more");
}
$stripe->fail('refund', 'pending');
my $slow = pay(buy(9), "payment_method => 'pm_card_visa', capture => 'automatic'");
round();
sql("SELECT commerce.request_refund('$slow')");
is(round(), 'unknown', 'a refund is under way');
is_paid($slow, 'captured 9.00 EUR 9.00 EUR 0.00 EUR 0.00 EUR', 'and not booked yet');
$stripe->settle;
deliver_all($stripe->events);
is_paid($slow, 'refunded 9.00 EUR 9.00 EUR 9.00 EUR 0.00 EUR', 'until it has come');
drain();
agrees('events in every order');

# The order does not take any more what the provider promised or took: it is given back.
my $gone = buy(11);
my $late = pay($gone);
my @claimed = claim();
my @answer = transmit($claimed[0]);
sql("SELECT commerce.order_event('$gone', 'cancel')");
is(sql(finishing($claimed[0], @answer)), 'succeeded', 'an authorization comes after its order was cancelled');
is_paid($late, 'failed 0.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'it is not booked');
drain();
is(sql("SELECT calls('$late')"), 'authorize succeeded, void succeeded', 'but given up at the provider\'s');
$gone = buy(12);
$late = pay($gone);
round();
sql("SELECT commerce.request_capture('$late')");
@claimed = claim();
@answer = transmit($claimed[0]);
sql("SELECT commerce.order_event('$gone', 'cancel')");
is(sql(finishing($claimed[0], @answer)), 'succeeded', 'a capture comes after its order was cancelled');
drain();
is_paid($late, 'voided 12.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'it is not booked');
is(sql("SELECT calls('$late')"), 'authorize succeeded, capture succeeded, refund succeeded', 'but given back at the provider\'s');
is(sql(q(SELECT string_agg(payload ->> 'code', ' ') FROM commerce.outbox WHERE topic = 'payment.refused')), 'CM010 CM010', 'and the outside world is told');
deliver_all($stripe->events);
drain();
agrees('what came too late');

# Somebody has the order locked for longer than a session sends: the answer is lost, and asked for.
my $clerk = $node->background_psql('postgres');
my $kept = pay(buy(13));
$clerk->query_safe("BEGIN; SELECT total FROM commerce.orders WHERE id = (SELECT order_id FROM commerce.payments WHERE id = '$kept') FOR UPDATE");
sql('CALL commerce.deliver_pending(2)');
is(sql("SELECT calls('$kept')"), 'authorize leased', 'an answer that cannot be booked is not');
$clerk->query_safe('COMMIT');
$clerk->quit;
sql(q(UPDATE commerce.provider_calls SET lease_until = now() WHERE state = 'leased'));
sql('CALL commerce.deliver_pending(30)');
is_paid($kept, 'authorized 13.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'and found when the provider is asked');
my $its_key = sql("SELECT id FROM commerce.provider_calls WHERE payment_id = '$kept'");
is(scalar(grep { $_->{key} eq $its_key } log_of('authorize')), 1, 'which was sent it once');

# Whoever sends is killed between the provider's answer and the shop's.
for my $kind ('client', 'backend', 'postmaster')
{
	my $p = pay(buy(15));
	@claimed = claim();
	@answer = transmit($claimed[0]);
	is($answer[0], 200, "$kind: the provider has done it");
	if ($kind eq 'backend')
	{
		my $session = $node->background_psql('postgres');
		my $pid = $session->query_safe('SELECT pg_backend_pid()');

		$session->query_safe('BEGIN');
		like($session->query_safe(finishing($claimed[0], @answer)), qr/succeeded/, 'backend: and the shop has booked it, but not committed');
		is(kill('KILL', $pid), 1, 'backend: it is killed');
		$session->{run}->kill_kill;
		wait_until(sub { slurp_file($node->logfile) =~ /all server processes terminated; reinitializing/ }, 'backend: with all others');
		$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	}
	elsif ($kind eq 'postmaster')
	{
		my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
		my @pids = ($postmaster, split /\n/, sql('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()'));

		$node->kill9;
		# Until the last of its children has noticed, their memory is in use.
		wait_until(sub { kill(0, @pids) == 0 }, 'postmaster: all processes go') or BAIL_OUT('processes stay');
		$node->start;
	}
	is_paid($p, 'created 0.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', "$kind: the shop does not know of it");
	is(scalar(claim()), 0, "$kind: while the lease is running nobody else has it");
	sql(q(UPDATE commerce.provider_calls SET lease_until = now() - interval '1 second' WHERE state = 'leased'));
	my @again = claim();
	is(scalar(@again), 1, "$kind: then another has it");
	ok($again[0]{asking}, "$kind: and asks first");
	is(sql(finishing($claimed[0], @answer)), 'leased', "$kind: who comes too late changes nothing");
	is(sql(finishing($again[0], transmit($again[0]))), 'succeeded', "$kind: the answer is found");
	is_paid($p, 'authorized 15.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', "$kind: and booked once");
}
drain();
agrees('after crashes');

# Given up: nobody was reached, or nobody knows.
my $never = pay(buy(2));
my $maybe = pay(buy(2));
for my $attempt (1 .. 10)
{
	due();
	for my $call (claim())
	{
		my $is_never = sql("SELECT payment_id = '$never' FROM commerce.provider_calls WHERE id = '$call->{call}'") eq 't';

		sql("SELECT commerce.finish_provider_call('$call->{order}', '$call->{call}', '$call->{token}', NULL, sent => " . ($is_never ? 'false' : 'true') . ')');
	}
}
is(sql("SELECT calls('$never') || ' ' || calls('$maybe')"), 'authorize dead authorize dead', 'after ten attempts calls are given up');
is_paid($never, 'failed 0.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'where nobody was reached the payment has failed');
is_paid($maybe, 'created 0.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'where nobody knows it waits for somebody who finds out');
is((error_of($node, "SELECT commerce.request_void('$maybe')"))[0], '55006', 'and cannot be given up blindly');
is((error_of($node, "SELECT commerce.retry_provider_call(order_id, id) FROM commerce.provider_calls WHERE payment_id = '$never'"))[0], 'P0002', 'the one is over');
sql("SELECT commerce.retry_provider_call(order_id, id) FROM commerce.provider_calls WHERE payment_id = '$maybe'");
drain();
is_paid($maybe, 'authorized 2.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'the other is taken up again');

# Who is no provider.
my $forged = '{"id": "evt_forged", "type": "payment_intent.succeeded", "data": {"object": {}}}';
for my $case ([ 't=1,v1=00', 'too_old' ], [ 'nonsense', 'malformed' ], [ 't=' . time() . ',v1=' . '0' x 64, 'forged' ])
{
	my ($code, $message) = error_of($node, "SELECT commerce.receive_provider_event('stripe', '$forged', '$case->[0]')");

	is($code, '28000', "an event that is $case->[1] is refused");
	like($message, qr/"verdict": "$case->[1]"/, 'and says so');
}
my $junk = 'no JSON at all';
is((error_of($node, "SELECT commerce.receive_provider_event('stripe', '$junk', '" . $stripe->sign($junk) . "')"))[0], '22023', 'what is signed and no event is refused');
my $foreign = $json->encode({ id => 'evt_foreign', type => 'payment_intent.succeeded', data => { object => { id => 'pi_foreign', amount => 100, amount_received => 100, currency => 'eur', status => 'succeeded' } } });
is(deliver($foreign), 'waiting', 'an event of a payment that nobody knows waits');
my $stolen = $json->encode({ id => 'evt_stolen', type => 'payment_intent.succeeded',
	data => { object => { id => 'pi_stolen', amount => 100, amount_received => 100, currency => 'eur', status => 'succeeded', metadata => { commerce_payment => $maybe } } } });
is(deliver($stolen), 'waiting', 'a payment that is known by another name is not spoken for');
is_paid($maybe, 'authorized 2.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR', 'and stays as it is');

my $taken = pay(buy(6), "payment_method => 'pm_card_visa', capture => 'automatic'");
round();
my $intent_of_it = sql("SELECT reference FROM commerce.provider_payments WHERE payment_id = '$taken'");
my $wrong = $json->encode({ id => 'evt_wrong', type => 'payment_intent.succeeded',
	data => { object => { id => $intent_of_it, amount => 600, amount_received => 500, currency => 'eur', status => 'succeeded' } } });
is(deliver($wrong), 'refused', 'an event that says something else than what is booked is refused');
is(sql("SELECT calls('$taken') || ' ' || (SELECT error FROM commerce.provider_events WHERE id = 'evt_wrong')"), 'authorize succeeded CM050', 'and nothing is given back for it');
is_paid($taken, 'captured 6.00 EUR 6.00 EUR 0.00 EUR 0.00 EUR', 'nor booked');

# A game: anything may happen, in any order.
my $seed = $ENV{SEED} // 20261125;
srand($seed);
note("SEED=$seed");
my @payments;
my @untold;
my @kinds = qw(authorize capture void refund ask);
my @faults = qw(drop reset 500 late500 409 429 garbage big);
for my $turn (1 .. 60)
{
	my $dice = rand();

	$stripe->fail($kinds[ rand @kinds ], $faults[ rand @faults ]) if rand() < 0.4;
	if ($dice < 0.35 || !@payments)
	{
		my @how = ('pm_card_visa') x 4;
		push @how, 'pm_card_3ds', 'pm_card_declined';
		push @payments, pay(buy(1 + int rand 50), "payment_method => '$how[ rand @how ]', capture => '" . (rand() < 0.5 ? 'manual' : 'automatic') . "'");
	}
	else
	{
		my $p = $payments[ rand @payments ];
		my $what = (qw(request_capture request_void request_refund))[ rand 3 ];
		my $more = $what eq 'request_void' || rand() < 0.3 ? '' : sprintf(", '0.%02d EUR'", 1 + int rand 99);

		$node->psql('postgres', "SELECT commerce.$what('$p'$more)");
	}
	$node->psql('postgres', "SELECT commerce.order_event(order_id, 'cancel') FROM commerce.payments WHERE id = '$payments[ rand @payments ]'") if rand() < 0.05;
	due();
	my @taken = claim();
	for my $call (shuffle @taken)
	{
		my @heard = transmit($call);

		sql(finishing($call, @heard)) if rand() < 0.85;
	}
	sql(q(UPDATE commerce.provider_calls SET lease_until = now() - interval '1 second' WHERE state = 'leased'));
	my $intents = $stripe->state->{intents};
	for my $id (sort keys %$intents)
	{
		$stripe->confirm($id) if $intents->{$id}{status} eq 'requires_action' && rand() < 0.2;
	}
	# Each event is told at least once, some several times.
	my @later;
	for my $event (shuffle @untold, $stripe->events)
	{
		my $now = rand() < 0.3;

		deliver($event) if $now;
		push @later, $event if !$now || rand() < 0.3;
	}
	@untold = @later;
}
drain();
deliver($_) for shuffle(@untold, $stripe->events, @untold);
drain();
deliver($_) for $stripe->events;
drain();
# What failed ten times in a row was given up; an administrator takes it up again.
sql(q(SELECT commerce.retry_provider_call(order_id, id) FROM commerce.provider_calls WHERE state = 'dead' AND (maybe_done OR operation <> 'authorize')));
drain();
deliver($_) for $stripe->events;
drain();
is(sql(q(SELECT string_agg(concat_ws(' ', operation, state, attempt, error), ', ') FROM commerce.provider_calls
	WHERE state NOT IN ('succeeded', 'failed') AND (maybe_done OR operation <> 'authorize'))), '', 'no call is left over');
cmp_ok(sql(q(SELECT count(*) FROM commerce.payment_entries)), '>', 60, 'much was moved');
agrees('after the game');

# Nothing of cards, secrets and people is left anywhere in the tables.
my $dump = $node->basedir . '/dump.sql';
command_ok([ 'pg_dump', '-f', $dump, '-h', $node->host, '-p', $node->port, 'postgres' ], 'the tables are dumped');
my @found = slurp_file($dump) =~ /\Q$FakeStripe::secret\E|\Q$FakeStripe::webhook_secret\E|canary|4242 4242/gi;
is("@found", '', 'and hold no secret, no card and nobody\'s name');
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocked');
$node->stop;

# Without a key there are no secrets, and whoever takes payments by hand needs none.
my $keyless = new_shop_node('keyless', key_file => '');
my ($code) = error_of($keyless, "SELECT commerce.create_provider('stripe', 'payment', 'stripe', 'https://api.stripe.com', secret => 'sk_test_1')");
is($code, 'CM041', 'no key, no secret');
is($keyless->safe_psql('postgres', q(
	INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 GBP');
	CREATE TABLE the AS SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'A', 'quantity', 3))) AS "order";
	ALTER TABLE the ADD payment uuid;
	UPDATE the SET payment = commerce.request_payment("order");
	SELECT commerce.authorize_payment("order", payment => payment) = payment FROM the;
	SELECT commerce.request_capture(payment) FROM the;
	SELECT state, captured FROM commerce.payments, the WHERE id = payment)), "t\n\ncaptured|3.00 GBP", 'the manual provider takes money all the same');
$keyless->stop;
done_testing();
