# Orders are changed by many at once while backends are killed: every order adds up to what was placed and each change of it, its
# units are sent, reserved or cancelled, never two of these, and its documents come to what it costs. And orders that nobody pays
# expire by themselves.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('orders', workers => 1, conf => join("\n", 'max_connections = 100', 'restart_after_crash = on',
	'log_statement = none', ''));

$node->safe_psql('postgres', q(
	INSERT INTO commerce.channels (code, invoice_on, unpaid_ttl) VALUES ('web', 'paid', NULL), ('brief', 'never', '1 second');
	INSERT INTO commerce.tax_zones (code, is_default) VALUES ('all', true);
	INSERT INTO commerce.tax_rates (zone, name, rate) VALUES ('all', 'State', 6.25), ('all', 'City', 3.1);
	INSERT INTO commerce.variants (sku) VALUES ('A'), ('B');
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '3.33 GBP'), ('B', '7.77 GBP');
	INSERT INTO commerce.promotions (name, benefit) VALUES ('all', '7% off order');
	SELECT commerce.receive_stock(sku, 3000) FROM commerce.variants;
	CREATE TABLE pool AS SELECT commerce.checkout('[{"sku": "A", "quantity": 9}, {"sku": "B", "quantity": 9}]', channel => 'web') AS id FROM generate_series(1, 40);
	-- One random change to one random order. What is refused is refused whole.
	CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		the uuid := (SELECT id FROM pool OFFSET floor(random() * 40) LIMIT 1);
		line integer := 1 + floor(random() * 2);
		units integer := 1 + floor(random() * 2);
	BEGIN
		CASE floor(random() * 10)
			WHEN 0, 1 THEN PERFORM commerce.cancel_lines(the, jsonb_build_array(jsonb_build_object('line', line, 'quantity', units)));
			WHEN 2, 3 THEN PERFORM commerce.confirm_edit(commerce.begin_edit(the, jsonb_build_array(jsonb_build_object('line', line, 'quantity', 3 + floor(random() * 9)))));
			WHEN 4 THEN PERFORM commerce.confirm_edit(commerce.begin_edit(the, '[{"sku": "A", "quantity": 1}, {"line": 1, "discount": "0.50", "reason": "late"}]'));
			WHEN 5 THEN PERFORM commerce.fulfil(the, jsonb_build_array(jsonb_build_object('line', line, 'quantity', 1)));
			WHEN 6 THEN PERFORM commerce.capture_payment(commerce.authorize_payment(the));
			WHEN 7 THEN
				-- What is paid too much, and stays so until it is refunded.
				PERFORM FROM commerce.orders WHERE id = the FOR NO KEY UPDATE;
				PERFORM commerce.refund_order(the, commerce.from_minor(-commerce.unpaid(the, total), 'GBP')) FROM commerce.orders WHERE id = the AND commerce.unpaid(the, total) < 0;
			WHEN 8 THEN PERFORM commerce.order_event(the, CASE WHEN random() < 0.5 THEN 'hold' ELSE 'release' END);
			ELSE PERFORM commerce.order_event(the, CASE WHEN random() < 0.2 THEN 'cancel' WHEN random() < 0.2 THEN 'expire' ELSE 'reopen' END);
		END CASE;
	EXCEPTION WHEN OTHERS THEN
		IF SQLSTATE !~ '^CM' AND SQLSTATE NOT IN ('22023', '40001') THEN
			RAISE;
		END IF;
	END $$;));

# What must hold of every order.
sub is_sound
{
	my ($when) = @_;

	is($node->safe_psql('postgres', q(
		SELECT o.id FROM commerce.orders o, LATERAL (SELECT sum(commerce.minor_units(subtotal)) AS subtotal, sum(commerce.minor_units(discount)) AS discount,
				sum(commerce.minor_units(tax)) AS tax FROM commerce.order_lines l WHERE l.order_id = o.id) l
			WHERE (l.subtotal, l.discount, l.tax) <> (commerce.minor_units(o.subtotal), commerce.minor_units(o.discount), commerce.minor_units(o.tax))
		UNION ALL SELECT l.order_id FROM commerce.order_lines l
			WHERE commerce.minor_units(l.tax) <> (SELECT coalesce(sum(commerce.minor_units(t.amount)), 0) FROM commerce.order_taxes t WHERE t.order_id = l.order_id AND t.line = l.line)
				OR commerce.minor_units(l.discount) <> (SELECT coalesce(sum(commerce.minor_units(d.amount)), 0) FROM commerce.order_discounts d WHERE d.order_id = l.order_id AND d.line = l.line))),
		'', "$when: parts add up");
	is($node->safe_psql('postgres', q(
		SELECT o.id FROM commerce.orders o JOIN commerce.order_versions v ON v.order_id = o.id
		GROUP BY o.id HAVING o.version <> count(*) + 1 OR commerce.minor_units(o.total) <> sum(commerce.minor_units(v.difference))
			+ (array_agg((v.document -> 'total' ->> 'minor')::bigint ORDER BY v.version)) [1])),
		'', "$when: an order is what was placed and each change of it");
	is($node->safe_psql('postgres', q(
		SELECT l.order_id, l.line FROM commerce.order_lines l JOIN commerce.orders o ON o.id = l.order_id,
			LATERAL (SELECT coalesce(sum(quantity), 0) AS sent FROM commerce.fulfilment_lines f WHERE f.order_id = l.order_id AND f.line = l.line) f,
			LATERAL (SELECT coalesce(sum(quantity), 0) AS reserved FROM commerce.reservations r WHERE r.order_id = l.order_id AND r.line = l.line AND r.state = 'committed') r
		WHERE f.sent > l.quantity OR r.reserved <> CASE WHEN o.state IN ('cancelled', 'expired') THEN 0 ELSE l.quantity - f.sent END)),
		'', "$when: each unit is sent or reserved");
	counters_are_right($node, $when);
	is($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.order_edits WHERE state = $$open$$'), '0', "$when: no edit is half done");
	$node->safe_psql('postgres', 'SELECT commerce.issue_invoices(100000)') while $node->safe_psql('postgres', 'SELECT count(*) FROM commerce.invoice_queue') > 0;
	is($node->safe_psql('postgres', q(
		SELECT o.id, o.state, o.total, commerce.sum(i.total) FROM commerce.orders o JOIN commerce.invoices i ON i.order_id = o.id
		GROUP BY o.id HAVING commerce.minor_units(commerce.sum(i.total)) <> CASE WHEN o.state IN ('cancelled', 'expired') THEN 0 ELSE commerce.minor_units(o.total) END
			OR commerce.minor_units(commerce.sum(i.tax)) <> CASE WHEN o.state IN ('cancelled', 'expired') THEN 0 ELSE commerce.minor_units(o.tax) END)),
		'', "$when: documents come to what an order costs");
	return;
}

is_sound('before');
$node->pgbench('-n -c 32 -j 2 -t 60', 0, [qr/number of transactions actually processed: 1920\/1920/], [qr/^$/], '32 clients change 40 orders', { 'change' => 'SELECT change()' });
is_sound('32 clients');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.order_versions'), '>', 100, 'much has changed');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.invoices'), '>', 10, 'and much was billed');

for my $round (1 .. 3)
{
	my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM commerce.order_versions');
	my $output = '';
	my $change = $node->basedir . '/change';
	my $pgbench = IPC::Run::start([ 'pgbench', '-n', '-c', '32', '-j', '2', '-T', '120', '-h', $node->host, '-p', $node->port, '-f', $change, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);

	$node->poll_query_until('postgres', "SELECT count(*) > $before + 20 FROM commerce.order_versions") or die 'nobody changes anything';
	my $pid = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE query = 'SELECT change()' AND state = 'active' LIMIT 1));
	is(kill('KILL', $pid), 1, "round $round: somebody is killed");
	$pgbench->finish;
	$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	is_sound("round $round");
}
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocks');

# By itself, and only what nobody pays.
my $paid = $node->safe_psql('postgres', q(
	CREATE TABLE brief AS SELECT commerce.checkout('[{"sku": "A", "quantity": 1}]', channel => 'brief') AS id FROM generate_series(1, 3);
	SELECT count(commerce.capture_payment(commerce.authorize_payment(id))) FROM (SELECT id FROM brief LIMIT 1) b));
is($paid, '1', 'one of three is paid');
ok($node->poll_query_until('postgres', q(SELECT count(*) = 2 FROM brief JOIN commerce.orders o USING (id) WHERE o.state = 'expired')), 'the others expire by themselves');
ok($node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM brief JOIN commerce.orders o USING (id) WHERE o.state = 'placed' AND o.expires_at IS NULL)), 'which it never does');
counters_are_right($node, 'at last');

done_testing();
