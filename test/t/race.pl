# Many clients want few units, in carts of many shapes, while orders are sent and cancelled and backends are killed: the
# last unit goes to one of them, nobody deadlocks, and whatever happens every order is whole.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('race', conf => "max_connections = 100\nrestart_after_crash = on\nlog_statement = none\n");

# Starts anew with so many units of each sku.
sub stock
{
	my ($units, @skus) = @_;

	$node->safe_psql('postgres', q(
		SET client_min_messages = warning;
		TRUNCATE commerce.orders, commerce.reservations, commerce.stock, commerce.stock_movements, commerce.outbox,
			commerce.state_history, commerce.idempotency_keys CASCADE;) . join('', map { qq(
		INSERT INTO commerce.variants (sku) VALUES ('$_') ON CONFLICT DO NOTHING;
		INSERT INTO commerce.prices (sku, price) SELECT '$_', '10 GBP'
			WHERE NOT EXISTS (SELECT FROM commerce.prices WHERE sku = '$_');
		SELECT commerce.receive_stock('$_', $units);) } @skus));
	return;
}

# Passes where nothing is oversold and every order is whole, with its lines, stock, history and event.
sub shop_is_sound
{
	my ($when) = @_;

	is($node->safe_psql('postgres', q(
		SELECT s.sku, s.on_hand FROM commerce.stock s WHERE s.on_hand < coalesce((SELECT sum(r.quantity)
			FROM commerce.reservations r WHERE r.sku = s.sku AND r.state IN ('held', 'committed')), 0))),
		'', "$when: nothing is oversold");
	is($node->safe_psql('postgres', q(
		SELECT s.sku, s.on_hand FROM commerce.stock s
		WHERE s.on_hand <> (SELECT sum(m.delta) FROM commerce.stock_movements m WHERE m.sku = s.sku))),
		'', "$when: movements explain every level");
	is($node->safe_psql('postgres', q(
		SELECT o.number, o.state FROM commerce.orders o
		WHERE NOT EXISTS (SELECT FROM commerce.order_lines l WHERE l.order_id = o.id)
			OR (SELECT sum(commerce.minor_units(l.total)) FROM commerce.order_lines l WHERE l.order_id = o.id)
				<> commerce.minor_units(o.total)
			OR (SELECT count(*) FROM commerce.state_history h WHERE h.subject = o.id::text AND h.relation = 'orders')
				<> CASE o.state WHEN 'placed' THEN 1 ELSE 2 END
			OR (SELECT count(*) FROM commerce.outbox e WHERE e.aggregate = o.id::text AND e.topic = 'order.placed') <> 1)),
		'', "$when: every order has its lines, history and event");
	is($node->safe_psql('postgres', q(
		SELECT l.order_id, l.line, r.order_id, r.line, l.quantity, r.quantity FROM commerce.order_lines l FULL JOIN
			(SELECT order_id, line, sku, sum(quantity) AS quantity, min(state) AS low, max(state) AS high
				FROM commerce.reservations WHERE order_id IS NOT NULL GROUP BY order_id, line, sku) r USING (order_id, line, sku)
			LEFT JOIN commerce.orders o ON o.id = order_id
		WHERE l.quantity IS DISTINCT FROM r.quantity OR r.low <> r.high
			OR (r.high = 'released') <> (o.state = 'cancelled')
			OR (r.high = 'fulfilled') <> EXISTS (SELECT FROM commerce.fulfilments f
				WHERE f.order_id = o.id AND f.state = 'shipped'))),
		'', "$when: orders and reservations are the same units");
	is($node->safe_psql('postgres', q(
		SELECT count(*) FROM commerce.idempotency_keys k FULL JOIN commerce.orders o ON o.id = k.order_id
		WHERE o.id IS NULL OR (k.key IS NULL AND EXISTS (SELECT FROM commerce.idempotency_keys)))),
		'0', "$when: every key has its order");
	return;
}

# 64 clients, one attempt each, 10 units.
stock(10, 'A');
$node->pgbench('-n -c 64 -j 2 -t 1', 2, [qr/number of transactions actually processed: 10\/64/],
	[qr/not enough stock of "A"/], '64 clients check out',
	{ 'checkout' => q(SELECT commerce.checkout('[{"sku": "A", "quantity": 1}]')) });
is($node->safe_psql('postgres', q(
	SELECT count(*), (SELECT sum(quantity) FROM commerce.reservations WHERE state = 'committed'), commerce.available('A')
	FROM commerce.orders)), '10|10|0', '10 of them buy');
shop_is_sound('after a run on the last units');

stock(10, 'A');
$node->safe_psql('postgres', 'CREATE TABLE won (id uuid)');
$node->pgbench('-n -c 64 -j 2 -t 5', 0, [qr/number of transactions actually processed: 320\/320/],
	[qr/^$/], '64 clients try to reserve',
	{ 'reserve' => q(INSERT INTO won SELECT commerce.try_reserve('A', ttl => '1 hour')) });
is($node->safe_psql('postgres', q(
	SELECT (SELECT count(*) FROM won WHERE id IS NOT NULL), (SELECT count(*) FROM won WHERE id IS NULL),
		(SELECT count(*) FROM commerce.reservations r JOIN won USING (id) WHERE r.state = 'held'), commerce.available('A'))),
	'10|310|10|0', '10 of 320 attempts reserve');

# 16 clients buy several of 5 skus in any order, and send and cancel what was bought. Being refused is part of the
# game; a deadlock is not, and ends the client.
$node->safe_psql('postgres', q(
	CREATE FUNCTION buy() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM commerce.checkout((SELECT jsonb_agg(jsonb_build_object('sku', sku, 'quantity', 1 + (random() * 2)::int) ORDER BY random())
				FROM (SELECT sku FROM unnest('{A,B,C,D,E,A}'::text[]) sku ORDER BY random() LIMIT 4) cart),
			idempotency_key => gen_random_uuid()::text);
		RETURN true;
	EXCEPTION WHEN SQLSTATE 'CM001' THEN
		RETURN false;
	END $$;
	CREATE FUNCTION serve() RETURNS boolean LANGUAGE plpgsql AS $$
	DECLARE
		bought uuid := (SELECT id FROM commerce.orders WHERE state = 'placed' AND NOT EXISTS
			(SELECT FROM commerce.fulfilments WHERE order_id = orders.id) ORDER BY random() LIMIT 1);
	BEGIN
		IF bought IS NULL THEN
			RETURN false;
		ELSIF random() < 0.5 THEN
			PERFORM commerce.fulfil(bought);
		ELSE
			PERFORM commerce.order_event(bought, 'cancel');
		END IF;
		RETURN true;
	EXCEPTION WHEN SQLSTATE 'CM010' OR SQLSTATE 'CM011' OR invalid_parameter_value THEN
		RETURN false;
	END $$;));
stock(300, qw(A B C D E));
my %game = ('buy@3' => 'SELECT buy()', 'serve@2' => 'SELECT serve()');
$node->pgbench('-n -c 16 -j 2 -t 40', 0, [qr/number of transactions actually processed: 640\/640/],
	[qr/^$/], '16 clients buy, send and cancel', \%game);
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.orders'), '>', 100, 'many buy');
cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.orders WHERE state = 'cancelled')), '>', 20, 'some cancel');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.fulfilments'), '>', 20, 'some are served');
shop_is_sound('after many carts');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'nobody deadlocks');

# The same while backends are killed: the server recovers, and what was half done is gone.
stock(100000, qw(A B C D E));
for my $round (1 .. 3)
{
	my $orders = $node->safe_psql('postgres', 'SELECT count(*) FROM commerce.orders');
	my $output = '';
	my @scripts = map { ('-f', $node->basedir . "/$_") } sort keys %game;
	my $pgbench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '16', '-j', '2', '-T', '120', '-h', $node->host, '-p', $node->port, @scripts, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);

	$node->poll_query_until('postgres', "SELECT count(*) >= $orders + 100 FROM commerce.orders")
	  or die 'nobody buys';
	my $pid = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT (buy|serve)' ORDER BY state = 'active' DESC, random() LIMIT 1");
	is(kill('KILL', $pid), 1, "round $round: a backend is killed");
	$pgbench->finish;
	like($output, qr/terminat|closed the connection|aborted/, "round $round: its end is the end of every session");
	$node->poll_query_until('postgres', "SELECT true") or die 'no recovery';
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.orders'), '>=', $orders + 100,
		"round $round: what was bought is there after recovery");
	shop_is_sound("round $round");
}
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocked before being killed');
isnt($node->safe_psql('postgres', 'SELECT buy()'), '', 'the shop sells on');

done_testing();
