# Many clients move the money of one payment, and spend one gift card, while orders are cancelled and backends are killed:
# never more is captured than was authorized, refunded than was captured, spent than there is; what comes back comes once.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "max_connections = 100\nrestart_after_crash = on\nlog_statement = none\n";

# Makes what is bought, the one payment, the one card, and functions that try: refusals are part of the game.
sub open_shop
{
	my ($node) = @_;

	$node->safe_psql('postgres', q(
		INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
		INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 GBP');
		CREATE FUNCTION buy(quantity bigint) RETURNS uuid LANGUAGE sql AS
			$$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'A', 'quantity', quantity)))$$;
		CREATE TABLE the AS SELECT buy(100) AS "order", NULL::uuid AS payment, balance AS card, code FROM commerce.issue_gift_card('100 GBP');
		CREATE FUNCTION try(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			EXECUTE statement;
			RETURN true;
		EXCEPTION WHEN SQLSTATE 'CM060' OR SQLSTATE 'CM033' OR SQLSTATE 'CM010' THEN
			RETURN false;
		END $$;
		CREATE FUNCTION spend(minor bigint) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM commerce.pay_with_balance(buy(10), commerce.from_minor(minor, 'GBP'), code => the.code) FROM the;
			RETURN true;
		EXCEPTION WHEN SQLSTATE 'CM033' THEN
			RETURN false;
		END $$;
		CREATE FUNCTION give_back() RETURNS boolean LANGUAGE plpgsql AS $$
		DECLARE
			p commerce.payments;
		BEGIN
			SELECT * INTO p FROM commerce.payments WHERE state IN ('captured', 'partially_refunded') AND balance IS NOT NULL ORDER BY random() LIMIT 1;
			IF p.id IS NULL THEN
				RETURN false;
			ELSIF random() < 0.5 THEN
				RETURN try(format('SELECT commerce.order_event(%L, %L)', p.order_id, 'cancel'));
			ELSE
				RETURN try(format('SELECT commerce.refund_payment(%L, %L)', p.id, '0.30 GBP'));
			END IF;
		END $$;));
	return;
}

# Passes where the totals of payments are those of their entries, within their bounds, and where balances have for each
# payment what it has, and counters say what the tables say.
sub money_is_right
{
	my ($node, $when) = @_;

	is($node->safe_psql('postgres', q(
		SELECT p.id, p.state, p.authorized, p.captured, p.refunded, p.charged_back FROM commerce.payments p LEFT JOIN (SELECT payment_id,
			sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'capture') AS captured,
			sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'refund') AS refunded
			FROM commerce.payment_entries GROUP BY 1) e ON e.payment_id = p.id
		WHERE commerce.minor_units(p.captured) <> coalesce(e.captured, 0) OR commerce.minor_units(p.refunded) <> coalesce(e.refunded, 0)
			OR e.captured > commerce.minor_units(p.authorized) OR e.refunded > e.captured)), '', "$when: payments are what their entries say");
	is($node->safe_psql('postgres', q(
		SELECT p.id, e.payment_id FROM (SELECT * FROM commerce.payments WHERE balance IS NOT NULL) p FULL JOIN (SELECT payment_id,
			-sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'spent') AS spent,
			coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'refunded'), 0) AS refunded
			FROM commerce.balance_entries WHERE payment_id IS NOT NULL GROUP BY 1) e ON e.payment_id = p.id
		WHERE (commerce.minor_units(p.captured), commerce.minor_units(p.refunded)) IS DISTINCT FROM (e.spent, e.refunded))),
		'', "$when: each payment from a balance has its entries");
	is($node->safe_psql('postgres', q(SELECT o.id FROM commerce.orders o JOIN commerce.payments p ON p.order_id = o.id AND p.balance IS NOT NULL
		WHERE o.state = 'cancelled' AND commerce.minor_units(p.refunded) <> commerce.minor_units(p.captured))), '', "$when: cancelled orders have given back");
	is($node->safe_psql('postgres', q(
		SELECT s.left, commerce.balance_left(s.balance) FROM commerce.balance_status s
		WHERE commerce.minor_units(s.left) < 0 OR commerce.minor_units(s.left) <> commerce.minor_units(commerce.balance_left(s.balance)))),
		'', "$when: what is left is the sum of the entries, and not below zero");
	is($node->safe_psql('postgres', 'SELECT * FROM commerce.verify_balances()'), '', "$when: counters say what the tables say");
	return;
}

# 64 clients at once.
sub rush
{
	my ($node, $what, $each, $script, %count) = @_;

	$node->pgbench("-n -c 64 -j 2 -t $each", 0, [ qr/number of transactions actually processed: (\d+)\/\1/ ], [qr/^$/], $what, { $count{name} => $script });
	is($node->safe_psql('postgres', $count{query}), $count{is}, "$what: $count{says}");
	return;
}

# One order, one payment, one card, each wanted by 64.
sub many_want_one
{
	my ($node, $how) = @_;
	my $authorized = q(SELECT count(*), sum(commerce.minor_units(p.authorized)) FROM commerce.payments p JOIN the ON p.order_id = the.order AND p.state = 'authorized');

	rush($node, "$how: 64 clients authorize", 2, q(SELECT try(format('SELECT commerce.authorize_payment(%L, %L)', the.order, '3 GBP')) FROM the),
		name => "authorize_$how", query => $authorized, is => '33|9900', says => '33 times 3 of 100');
	$node->safe_psql('postgres', q(SELECT commerce.void_payment(p.id) FROM commerce.payments p JOIN the ON p.order_id = the.order;
		UPDATE the SET payment = commerce.authorize_payment(the.order)));
	for my $kind (qw(capture refund))
	{
		rush($node, "$how: 64 clients $kind", 3, qq(SELECT try(format('SELECT commerce.${kind}_payment(%L, %L)', the.payment, '1 GBP')) FROM the),
			name => "${kind}_$how", query => qq(SELECT count(*) FROM commerce.payment_entries e JOIN the ON e.payment_id = the.payment AND kind = '$kind'),
			is => '100', says => '100 times 1 of 100');
	}
	rush($node, "$how: 64 clients spend one gift card", 3, 'SELECT spend(100)', name => "spend_$how",
		query => q(SELECT issued, spent, s.left FROM commerce.balance_status s), is => '100.00 GBP|100.00 GBP|0.00 GBP', says => 'what was issued is spent');
	is($node->safe_psql('postgres', q(SELECT count(*), count(DISTINCT order_id) FROM commerce.payments WHERE balance IS NOT NULL)), '100|100', "$how: by 100 orders");
	money_is_right($node, "$how, after the rush");
	my %game = ("game_spend_$how\@3" => 'SELECT spend(1 + (random() * 99)::int)', "game_give_$how\@1" => 'SELECT give_back()');
	$node->pgbench('-n -c 64 -j 2 -t 8', 0, [qr/number of transactions actually processed: 512\/512/], [qr/^$/],
		"$how: 64 clients spend, refund and cancel", \%game);
	cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.balance_entries WHERE kind = 'refunded')), '>', 20, "$how: much came back");
	money_is_right($node, "$how, after the game");
	return %game;
}

my $node = new_shop_node('payments', conf => $conf);
open_shop($node);
my %game = many_want_one($node, 'counted');

# The same while backends are killed: the server recovers, and what was half done is gone.
$node->safe_psql('postgres', q(
	UPDATE the SET "order" = buy(1000);
	SELECT commerce.authorize_payment(the.order, '20 GBP') FROM the, generate_series(1, 50);
	CREATE FUNCTION move() RETURNS boolean LANGUAGE sql AS $$
		SELECT try(format('SELECT commerce.%s_payment(%L, %L)', CASE WHEN random() < 0.7 THEN 'capture' ELSE 'refund' END, p.id, '0.03 GBP'))
			FROM commerce.payments p JOIN the ON the.order = p.order_id ORDER BY random() LIMIT 1 $$));
$game{'move@2'} = 'SELECT move()';
for my $round (1 .. 3)
{
	$node->safe_psql('postgres', qq(SELECT commerce.adjust_balance(card, '$round GBP', 'round $round') FROM the));
	my $entries = $node->safe_psql('postgres', 'SELECT count(*) FROM commerce.balance_entries');
	my $output = '';
	my @scripts;
	for my $name (sort keys %game)
	{
		my ($file) = $name =~ /^([^@]*)/;
		append_to_file($node->basedir . "/$file.sql", $game{$name} . ";\n") if $round == 1;
		push @scripts, '-f', $node->basedir . "/$file.sql";
	}
	my $pgbench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '16', '-j', '2', '-T', '60', '-h', $node->host, '-p', $node->port, @scripts, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);

	$node->poll_query_until('postgres', "SELECT count(*) >= $entries + 40 FROM commerce.balance_entries") or die 'nobody spends';
	my $pid = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT (spend|give_back|move)' ORDER BY state = 'active' DESC, random() LIMIT 1");
	is(kill('KILL', $pid), 1, "round $round: a backend is killed");
	$pgbench->finish;
	like($output, qr/terminat|closed the connection|aborted/, "round $round: its end is the end of every session");
	$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.balance_entries'), '>=', $entries + 40,
		"round $round: what was spent is there after recovery");
	money_is_right($node, "round $round");
}
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.payment_entries e JOIN the ON the.order = e.order_id'),
	'>', 70, 'captures and refunds were among it');

# Who is terminated in the middle gives back what he took.
$node->safe_psql('postgres', q(SELECT commerce.adjust_balance(card, '10 GBP', 'more') FROM the));
my $left = $node->safe_psql('postgres', q(SELECT commerce.minor_units(commerce.balance_left(card)) FROM the));
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; SELECT spend(300)');
is($node->safe_psql('postgres', q(SELECT commerce.minor_units(commerce.balance_left(code => code)) FROM the)), $left - 300, 'what is being spent cannot be spent');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for($node, q(SELECT commerce.minor_units(commerce.balance_left(card)) FROM the), $left, 'and can, once its session is terminated');
$session->{run}->kill_kill;

# Behind the counters' backs.
my $verify = 'SELECT tables - counter, in_flight, repaired FROM commerce.verify_balances(repair => true)';
$node->safe_psql('postgres', q(ALTER TABLE commerce.balance_entries DISABLE TRIGGER USER;
	DELETE FROM commerce.balance_entries WHERE id = (SELECT id FROM commerce.balance_entries WHERE reason = 'more');
	ALTER TABLE commerce.balance_entries ENABLE TRIGGER keep_entries;));
is($node->safe_psql('postgres', $verify), '-1000|0|t', 'an entry deleted with triggers disabled is found');
is($node->safe_psql('postgres', $verify), '', 'and repaired');
$node->safe_psql('postgres', 'ALTER TABLE commerce.balance_entries ENABLE ALWAYS TRIGGER balance_changed');
$node->safe_psql('postgres', q(SET session_replication_role = replica;
	INSERT INTO commerce.balance_entries (balance_id, kind, amount, reason) SELECT card, 'adjusted', '10 GBP', 'replica' FROM the));
is($node->safe_psql('postgres', q(SELECT commerce.minor_units(commerce.balance_left(card)) FROM the)), $left, 'what a replica writes is counted');
money_is_right($node, 'in the end');

# Over a restart.
$node->restart;
is($node->safe_psql('postgres', q(SELECT commerce.minor_units(commerce.balance_left(code => code)) FROM the)), $left, 'a restart changes nothing');
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocked');
$node->stop;

# Without counters the card's row is locked: the same numbers.
my $locking = new_shop_node('locking', preload => 0, conf => $conf);
open_shop($locking);
many_want_one($locking, 'locked');
unlike(slurp_file($locking->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocks where rows are locked');

# A worker writes off what has expired.
my $working = new_shop_node('working', workers => 1);
$working->safe_psql('postgres', q(CREATE TABLE card AS SELECT * FROM commerce.issue_gift_card('5 GBP');
	UPDATE commerce.balances SET expires_at = clock_timestamp()));
$working->restart;
wait_for($working, q(SELECT state || ' ' || expired || ' ' || s.left FROM commerce.balance_status s), 'expired 5.00 GBP 0.00 GBP', 'a worker writes off what has expired');

done_testing();
