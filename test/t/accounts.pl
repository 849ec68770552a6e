# Many clients buy on one account while customers pay, orders are cancelled, the limit is changed and backends are killed: never
# more is owed than a limit allowed, room comes back once, and what a line has is the sum of its entries. A quote is ordered
# once, whoever and whatever dies.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "max_connections = 100\nrestart_after_crash = on\nlog_statement = none\n";

# Makes what is bought, the one firm, and functions that try: refusals are part of the game.
sub open_shop
{
	my ($node) = @_;

	$node->safe_psql('postgres', q(
		INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false), ('B', true);
		INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 GBP'), ('B', '1 GBP');
		SELECT commerce.receive_stock('B', 100000);
		CREATE TABLE the AS SELECT commerce.uuidv7() AS firm, NULL::uuid AS line;
		INSERT INTO commerce.customers (id) SELECT firm FROM the;
		UPDATE the SET line = commerce.set_credit_limit(firm, '100 GBP');
		CREATE FUNCTION try(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			EXECUTE statement;
			RETURN true;
		EXCEPTION WHEN SQLSTATE 'CM060' OR SQLSTATE 'CM033' OR SQLSTATE 'CM010' THEN
			RETURN false;
		END $$;
		CREATE FUNCTION spend(minor bigint) RETURNS boolean LANGUAGE sql AS $$
			SELECT try(format('SELECT commerce.pay_on_account(%L, %L)', commerce.checkout('[{"sku": "A", "quantity": 10}]', customer => the.firm),
				commerce.from_minor(minor, 'GBP'))) FROM the $$;
		CREATE FUNCTION give_back() RETURNS boolean LANGUAGE plpgsql AS $$
		DECLARE
			p commerce.payments;
			way double precision := random();
		BEGIN
			SELECT * INTO p FROM commerce.payments WHERE state IN ('authorized', 'partially_captured') AND provider = 'account' ORDER BY random() LIMIT 1;
			RETURN CASE WHEN p.id IS NULL THEN false
				WHEN way < 0.4 THEN try(format('SELECT commerce.settle_account(%L, %L)', p.id, '0.30 GBP'))
				WHEN way < 0.6 THEN try(format('SELECT commerce.settle_account(%L)', p.id))
				WHEN way < 0.7 THEN try(format('SELECT commerce.void_payment(%L)', p.id))
				WHEN way < 0.75 THEN try(format('SELECT commerce.refund_payment(%L, %L)', p.id, '0.10 GBP'))
				WHEN way < 0.8 THEN try(format('SELECT commerce.charge_back_payment(%L, %L)', p.id, '0.20 GBP'))
				WHEN way < 0.9 THEN try(format('SELECT commerce.payment_event(%L, %L)', p.id, 'expire'))
				ELSE try(format('SELECT commerce.order_event(%L, %L)', p.order_id, 'cancel')) END;
		END $$;
		CREATE FUNCTION limits() RETURNS boolean LANGUAGE sql AS $$
			SELECT commerce.set_credit_limit(the.firm, commerce.from_minor((5000 + random() * 10000)::bigint, 'GBP')) = the.line FROM the $$;));
	return;
}

# Passes where what each payment has of its line is what is still owed of it, what a line has the sum of its entries, its limit
# what was set, and the counters what the tables say.
sub accounts_are_right
{
	my ($node, $when) = @_;

	is($node->safe_psql('postgres', q(
		SELECT p.id, p.state, p.authorized, p.captured, p.refunded, e.spent, e.settled, e.refunded FROM commerce.payments p LEFT JOIN (SELECT payment_id,
			-sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'spent') AS spent,
			coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'settled'), 0) AS settled,
			coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'refunded'), 0) AS refunded
			FROM commerce.balance_entries GROUP BY 1) e ON e.payment_id = p.id
		WHERE p.provider = 'account' AND (e.settled, e.spent - e.settled - e.refunded) IS DISTINCT FROM (commerce.minor_units(p.captured),
			CASE WHEN p.state IN ('authorized', 'partially_captured') THEN commerce.minor_units(p.authorized) - commerce.minor_units(p.captured) ELSE 0 END))),
		'', "$when: what each payment has of its line is what is owed of it");
	is($node->safe_psql('postgres', q(
		SELECT c.used, c.credit_limit, a.open, l.set FROM commerce.credit_status c,
			LATERAL (SELECT coalesce(sum(commerce.minor_units(a.open)), 0) AS open FROM commerce.open_accounts a WHERE a.balance = c.balance) a,
			LATERAL (SELECT sum(commerce.minor_units(e.amount)) AS set FROM commerce.balance_entries e WHERE e.balance_id = c.balance AND e.kind = 'adjusted') l
		WHERE (commerce.minor_units(c.used), commerce.minor_units(c.credit_limit)) IS DISTINCT FROM (a.open, l.set)
			OR commerce.minor_units(commerce.balance_left(c.balance)) <> commerce.minor_units(c.left))), '', "$when: a line has used what is owed, and its limit is what was set");
	is($node->safe_psql('postgres', q(SELECT p.id FROM commerce.orders o JOIN commerce.payments p ON p.order_id = o.id AND p.provider = 'account'
		WHERE o.state = 'cancelled' AND p.state IN ('authorized', 'partially_captured'))), '', "$when: nothing is owed for cancelled orders");
	is($node->safe_psql('postgres', 'SELECT * FROM commerce.verify_balances()'), '', "$when: counters say what the tables say");
	return;
}

# 64 clients want one line; then they spend, pay and cancel, first with a limit that stays, then with one that changes.
sub many_want_one
{
	my ($node, $how) = @_;
	my %game = ("spend_$how\@3" => 'SELECT spend(1 + (random() * 99)::int)', "give_$how\@2" => 'SELECT give_back()');

	$node->pgbench('-n -c 64 -j 2 -t 3', 0, [qr/number of transactions actually processed: 192\/192/], [qr/^$/], "$how: 64 clients buy on one account",
		{ "rush_$how" => 'SELECT spend(100)' });
	is($node->safe_psql('postgres', q(SELECT c.used, c.left, c.payments FROM commerce.credit_status c)), '100.00 GBP|0.00 GBP|100', "$how: 100 times 1 of 100");
	is($node->safe_psql('postgres', q(SELECT count(*), count(DISTINCT order_id) FROM commerce.payments WHERE provider = 'account')), '100|100', "$how: by 100 orders");
	accounts_are_right($node, "$how, after the rush");
	$node->pgbench('-n -c 64 -j 2 -t 8', 0, [qr/number of transactions actually processed: 512\/512/], [qr/^$/], "$how: 64 clients buy, pay and cancel", \%game);
	is($node->safe_psql('postgres', q(SELECT bool_and(commerce.minor_units(c.used) BETWEEN 0 AND 10000 + (SELECT coalesce(sum(commerce.minor_units(e.amount)), 0)
		FROM commerce.payment_entries e WHERE e.kind = 'chargeback')) FROM commerce.credit_status c)), 't', "$how: never more than the limit, but for what was taken back");
	cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.balance_entries WHERE kind IN ('refunded', 'settled'))), '>', 50, "$how: much came back");
	accounts_are_right($node, "$how, after the game");
	my %changing = ("limits_$how\@1" => 'SELECT limits()', map { ("changing_$_" => $game{$_}) } keys %game);
	$node->pgbench('-n -c 64 -j 2 -t 4', 0, [qr/number of transactions actually processed: 256\/256/], [qr/^$/], "$how: and the limit changes meanwhile", \%changing);
	accounts_are_right($node, "$how, after the limit has changed");
	return;
}

# Runs scripts with 16 clients and kills a backend once so many rows are there, which ends them all.
sub kill_in_the_middle
{
	my ($node, $round, $table, $more, @scripts) = @_;
	my $before = $node->safe_psql('postgres', "SELECT count(*) FROM $table");
	my $output = '';
	my $pgbench = IPC::Run::start([ 'pgbench', '-n', '-c', '16', '-j', '2', '-T', '60', '-h', $node->host, '-p', $node->port, @scripts, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);

	$node->poll_query_until('postgres', "SELECT count(*) >= $before + $more FROM $table") or die 'nobody does anything';
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT (spend|give_back|limits|buy)' ORDER BY state = 'active' DESC, random() LIMIT 1");
	is(kill('KILL', $pid), 1, "$round: a backend is killed");
	$pgbench->finish;
	like($output, qr/terminat|closed the connection|aborted/, "$round: its end is the end of every session");
	$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM $table"), '>=', $before + $more, "$round: what was done is there after recovery");
	return;
}

# Writes a script for pgbench and returns how to call it.
sub script
{
	my ($node, $name, $text, $weight) = @_;

	append_to_file($node->basedir . "/$name.sql", "$text;\n");
	return ('-f', $node->basedir . "/$name.sql\@$weight");
}

my $node = new_shop_node('accounts', conf => $conf);
open_shop($node);
many_want_one($node, 'counted');

my @account = (script($node, 'spend', 'SELECT spend(1 + (random() * 99)::int)', 3), script($node, 'give', 'SELECT give_back()', 2), script($node, 'limits', 'SELECT limits()', 1));
for my $round (1 .. 3)
{
	kill_in_the_middle($node, "round $round", 'commerce.balance_entries', 60, @account);
	accounts_are_right($node, "round $round");
}

# 40 quotes, each wanted by all: ordered once each, whoever dies; what is held for those that were not is still theirs.
$node->safe_psql('postgres', q(
	CREATE TABLE offers AS SELECT n, commerce.create_quote('[{"sku": "B", "quantity": 5, "unit_price": "0.50"}]', valid_until => now() + interval '1 day') AS quote FROM generate_series(1, 400) n;
	SELECT commerce.offer_quote(quote, hold => true), commerce.accept_quote(quote, '2.50 GBP') FROM offers;
	CREATE FUNCTION buy() RETURNS uuid LANGUAGE sql AS $$SELECT commerce.order_quote(quote) FROM offers WHERE n = 1 + (random() * 399)::int$$;));
kill_in_the_middle($node, 'quotes', 'commerce.orders', 60, script($node, 'buy', 'SELECT buy()', 1));
my $quotes = q(SELECT count(*) FROM commerce.quotes q LEFT JOIN commerce.carts c ON c.id = q.cart_id LEFT JOIN commerce.orders o ON o.id = q.order_id
	WHERE (q.state, commerce.minor_units(o.total) = 250, c.order_id = o.id) IS DISTINCT FROM ('ordered', true, true));
is($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.quotes q LEFT JOIN commerce.orders o ON o.id = q.order_id
	LEFT JOIN commerce.reservations r ON r.sku = 'B' AND (r.order_id = o.id AND r.state = 'committed' OR r.holder = commerce.quote_holder(q.id) AND r.state = 'held')
	WHERE (q.state, o.id IS NOT NULL, r.quantity) IS DISTINCT FROM (CASE WHEN o.id IS NULL THEN 'accepted' ELSE 'ordered' END, q.state = 'ordered', 5))), '0',
	'each quote is ordered or not, and has its stock');
$node->pgbench('-n -c 16 -j 2 -t 40', 0, [qr/number of transactions actually processed: 640\/640/], [qr/^$/], 'many want each quote', { 'again' => 'SELECT buy()' });
$node->safe_psql('postgres', 'SELECT commerce.order_quote(quote) FROM offers');
is($node->safe_psql('postgres', $quotes), '0', 'in the end all are ordered, at their price');
is($node->safe_psql('postgres', q(SELECT count(*), count(DISTINCT c.attributes ->> 'quote') FROM commerce.carts c JOIN commerce.orders o ON o.id = c.order_id WHERE c.kind = 'quote')), '400|400', 'and each once');
is($node->safe_psql('postgres', q(SELECT sum(quantity) FILTER (WHERE state = 'committed'), sum(quantity) FILTER (WHERE state = 'held') FROM commerce.reservations WHERE sku = 'B')), '2000|', 'with its stock');
is($node->safe_psql('postgres', 'SELECT * FROM commerce.verify_stock()'), '', 'which is counted right');

# Over a restart.
$node->restart;
accounts_are_right($node, 'after a restart');
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocked');
$node->stop;

# Without counters the line's row is locked: the same numbers.
my $locking = new_shop_node('locking', preload => 0, conf => $conf);
open_shop($locking);
many_want_one($locking, 'locked');
unlike(slurp_file($locking->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocks where rows are locked');
$locking->stop;

# A worker ends quotes that have run out.
my $working = new_shop_node('working', workers => 1);
$working->safe_psql('postgres', q(INSERT INTO commerce.variants (sku) VALUES ('B');
	SELECT commerce.receive_stock('B', 5);
	CREATE TABLE the AS SELECT commerce.create_quote('[{"sku": "B", "quantity": 5, "unit_price": "0.50"}]', valid_until => now() + interval '1 hour') AS quote;
	SELECT commerce.offer_quote(quote, hold => true) FROM the;
	UPDATE commerce.quotes SET valid_until = clock_timestamp() + interval '1 second';
	SELECT commerce.chores_due(valid_until) FROM commerce.quotes));
wait_for($working, q(SELECT state || ' ' || commerce.available('B') FROM commerce.quotes), 'expired 5', 'a worker ends quotes that have run out, and frees what they hold');
# ... and returns of which nothing was sent in time, when they are due.
$working->safe_psql('postgres', q(CREATE TABLE sold AS SELECT commerce.checkout('[{"sku": "B", "quantity": 1, "unit_price": "1"}]') AS id;
	SELECT commerce.fulfil(id) FROM sold;
	SELECT commerce.request_return(id, '[{"line": 1, "quantity": 1}]', expires_at => clock_timestamp() + interval '1 second') FROM sold));
wait_for($working, 'SELECT state FROM commerce.returns', 'expired', 'a worker ends returns of which nothing was sent in time');

done_testing();
