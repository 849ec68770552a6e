# 64 clients buy and pay while the worker and a client number, and backends are killed in the middle of it: every order that
# is due gets one invoice, numbers run from 1 without gap or double, and no checkout waits for a numberer.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('invoices', workers => 1, conf => join("\n", 'max_connections = 100', 'restart_after_crash = on',
	'log_statement = none', 'synchronous_commit = on', ''));

$node->safe_psql('postgres', q(
	INSERT INTO commerce.channels (code, order_format, invoice_on, invoice_format)
		VALUES ('web', 'WEB-{number}', 'paid', 'W-{number}'), ('shop', 'SHOP-{number}', 'confirmed', 'S-{number}');
	INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '10 GBP');
	CREATE FUNCTION buy() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		id uuid := commerce.checkout('[{"sku": "A", "quantity": 3}]', channel => CASE WHEN random() < 0.5 THEN 'web' ELSE 'shop' END);
		payment uuid;
	BEGIN
		IF random() < 0.3 THEN
			RETURN;
		END IF;
		payment := commerce.authorize_payment(id);
		PERFORM commerce.capture_payment(payment, CASE WHEN random() < 0.2 THEN '10 GBP'::commerce.amount END);
		IF random() < 0.5 THEN
			PERFORM commerce.order_event(id, 'confirm');
		END IF;
		IF random() < 0.3 THEN
			PERFORM commerce.refund_payment(payment, '1 GBP');
			PERFORM commerce.refund_payment(payment, '2 GBP');
		END IF;
	END $$;));

# What must hold whatever has been issued so far.
sub is_sound
{
	my ($when) = @_;

	is($node->safe_psql('postgres', q(
		SELECT s.series, count(i), max(i.number), s.last_number FROM commerce.invoice_series s LEFT JOIN commerce.invoices i USING (series)
		GROUP BY s.series HAVING count(i) <> s.last_number OR max(i.number) <> s.last_number OR min(i.number) <> 1)),
		'', "$when: numbers run from 1 without a gap");
	is($node->safe_psql('postgres', q(
		SELECT number FROM (SELECT number, issued_at, lag(issued_at) OVER (PARTITION BY series ORDER BY number) AS before FROM commerce.invoices) i
		WHERE issued_at < before)), '', "$when: and in the order in which they were issued");
	is($node->safe_psql('postgres', q(
		SELECT i.order_id FROM commerce.invoices i
		GROUP BY i.order_id HAVING commerce.minor_units(commerce.sum(i.total)) < 0 OR count(*) FILTER (WHERE i.kind = 'invoice') <> 1)),
		'', "$when: each order has one, and no more is taken back than there was");
	is($node->safe_psql('postgres', q(
		SELECT (SELECT count(*) FROM commerce.invoices) - (SELECT count(*) FROM commerce.outbox WHERE topic LIKE '%.issued'))),
		'0', "$when: each is told once");
	return;
}

# What must hold when nothing is left to issue.
sub is_complete
{
	my ($when) = @_;

	wait_for($node, 'SELECT count(*) = 0 FROM commerce.invoice_queue', 't', "$when: nothing is left in the queue");
	is_sound($when);
	is($node->safe_psql('postgres', q(
		SELECT o.number FROM commerce.orders o WHERE CASE o.channel WHEN 'web' THEN commerce.order_payment_status(o.id) = 'paid'
				OR EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = o.id AND commerce.minor_units(p.captured) = 3000)
			ELSE o.state = 'confirmed' END
			<> EXISTS (SELECT FROM commerce.invoices i WHERE i.order_id = o.id AND i.kind = 'invoice'))),
		'', "$when: who is due has one, and nobody else");
	is($node->safe_psql('postgres', q(
		SELECT count(*) FROM commerce.payment_entries e FULL JOIN (SELECT * FROM commerce.invoices WHERE kind = 'credit_note') i
			ON i.order_id = e.order_id AND i.cause_id = e.id
		WHERE e.kind = 'refund' AND EXISTS (SELECT FROM commerce.invoices x WHERE x.order_id = e.order_id)
			AND (i.total IS NULL OR commerce.minor_units(i.total) <> -commerce.minor_units(e.amount)))),
		'0', "$when: each refund has its credit note");
	is($node->safe_psql('postgres', 'SELECT count(*) - count(DISTINCT (channel, number)) FROM commerce.orders'), '0',
		"$when: order numbers are unique in their channel");
	return;
}

# Whole clients, the worker and another who numbers, nobody killed.
my $orders = 'SELECT count(*) FROM commerce.orders';
$node->pgbench('-n -c 64 -j 2 -t 15', 0, [qr/number of transactions actually processed: 960\/960/], [qr/^$/],
	'64 clients buy while two number', { 'buy@20' => 'SELECT buy()', 'issue@1' => 'SELECT commerce.issue_invoices(50)' });
is_complete('64 clients');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.invoices'), '>', 300, 'many are issued');
cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.invoices WHERE kind = 'credit_note')), '>', 20, 'and some taken back');

# Who numbers is killed while he does.
$node->append_conf('postgresql.conf', 'commerce.workers = 0');
$node->reload;
$node->safe_psql('postgres', q(
	CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
		$$BEGIN IF NEW.number % 20 = 0 THEN PERFORM FROM pg_catalog.pg_replication_origin; END IF; RETURN NULL; END$$;
	CREATE TRIGGER pause AFTER INSERT ON commerce.invoices FOR EACH ROW EXECUTE FUNCTION pause()));
for my $round (1 .. 3)
{
	my $before = $node->safe_psql('postgres', $orders);
	my ($output, $numbered) = ('', '');
	my $buy = $node->basedir . '/buy@20';
	my $pgbench = IPC::Run::start([ 'pgbench', '-n', '-c', '64', '-j', '2', '-T', '120', '-h', $node->host, '-p', $node->port, '-f', $buy, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);

	$node->poll_query_until('postgres', "SELECT count(*) > $before + 200 FROM commerce.orders") or die 'nobody buys';
	my $gate = $node->background_psql('postgres');
	$gate->query_safe('BEGIN');
	$gate->query_safe('LOCK TABLE pg_catalog.pg_replication_origin IN ACCESS EXCLUSIVE MODE');
	my $numberer = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT commerce.issue_invoices(100000)' ],
		'<', \undef, '>', \$numbered, '2>', \$numbered);
	my $stuck = q(query LIKE 'SELECT commerce.issue%' AND wait_event_type = 'Lock');
	wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE $stuck", 't', "round $round: someone numbers, and is in the middle of it");
	my $then = $node->safe_psql('postgres', $orders);
	wait_for($node, "SELECT count(*) > $then + 100 FROM commerce.orders", 't', "round $round: orders are placed and paid meanwhile");
	is($node->safe_psql('postgres', q(
		SELECT count(*) FROM pg_stat_activity a, pg_stat_activity n
		WHERE n.query LIKE 'SELECT commerce.issue%' AND n.backend_type = 'client backend' AND n.pid = ANY (pg_blocking_pids(a.pid)))), '0',
		"round $round: nobody waits for who numbers");
	is($node->safe_psql('postgres', q(
		SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE a.query = 'SELECT buy()' AND l.locktype = 'advisory' AND l.mode <> 'ShareLock' AND l.objid IN
			(SELECT objid FROM pg_locks x JOIN pg_stat_activity n USING (pid) WHERE x.locktype = 'advisory' AND n.query LIKE 'SELECT commerce.issue%'))),
		'0', "round $round: nor takes his lock");
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $stuck");
	is(kill('KILL', $pid), 1, "round $round: he is killed");
	$_->finish for ($numberer, $pgbench);
	$gate->{run}->finish;
	$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	is_sound("round $round");
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.invoice_queue'), '>', 0, "round $round: what he had begun is in the queue again");
	$node->safe_psql('postgres', 'SELECT commerce.issue_invoices(100000)');
	is_complete("round $round");
}
$node->safe_psql('postgres', 'DROP TRIGGER pause ON commerce.invoices');
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocks');

# A checkout alone: what it locks.
is($node->safe_psql('postgres', q(
	BEGIN;
	SELECT FROM commerce.checkout('[{"sku": "A", "quantity": 1}]', channel => 'web');
	SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND (locktype = 'advisory' OR relation::regclass::text LIKE 'commerce.invoice%');
	ROLLBACK;)), '0', 'a checkout locks no invoice and no queue');

# In the background again, after a restart, and across a dump: numbers of both kinds go on.
$node->safe_psql('postgres', 'SELECT buy() FROM generate_series(1, 50)');
$node->append_conf('postgresql.conf', 'commerce.workers = 1');
$node->restart;
is_complete('after a restart');

# What cannot be issued stops nobody else, is told once, by its code, and is tried again by itself.
$node->safe_psql('postgres', q(
	CREATE TABLE bad (id uuid);
	GRANT SELECT ON bad TO PUBLIC;
	CREATE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS
		$$BEGIN IF EXISTS (SELECT FROM bad WHERE id = NEW.order_id) THEN RAISE EXCEPTION 'Ada Lovelace' USING ERRCODE = 'P0009'; END IF; RETURN NEW; END$$;
	CREATE TRIGGER refuse_bad BEFORE INSERT ON commerce.invoices FOR EACH ROW EXECUTE FUNCTION refuse_bad()));
my $log = -s $node->logfile;
my $paid = q(SELECT commerce.capture_payment(commerce.authorize_payment(id)) FROM o);
my $bad = $node->safe_psql('postgres', q(
	BEGIN;
	CREATE TEMPORARY TABLE o AS SELECT commerce.checkout('[{"sku": "A", "quantity": 1}]', channel => 'web') AS id;
	INSERT INTO bad SELECT id FROM o;
	SELECT id FROM o;) . "\n$paid; COMMIT;");
$bad =~ s/\n.*//s;
wait_for($node, "SELECT count(*) FROM commerce.invoice_status WHERE last_error = 'P0009' AND order_id = '$bad' AND next_at > now()", '1', 'what fails is put off');
$node->safe_psql('postgres', 'SELECT buy() FROM generate_series(1, 50)');
wait_for($node, "SELECT count(*) FROM commerce.invoice_queue WHERE order_id <> '$bad'", '0', 'and all others go on');
$node->safe_psql('postgres', 'UPDATE commerce.invoice_queue SET next_at = now(); SELECT commerce.chores_due(now())');
wait_for($node, 'SELECT attempts > 1 AND next_at > now() FROM commerce.invoice_status', 't', 'it is tried again');
my $told = substr(slurp_file($node->logfile), $log);
is(scalar(() = $told =~ /no document could be issued for order \Q$bad\E: SQLSTATE P0009/g), 1, 'it is told once');
unlike($told, qr/Ada Lovelace/, 'without what went wrong in words');
$node->safe_psql('postgres', 'TRUNCATE bad; UPDATE commerce.invoice_queue SET next_at = now(); SELECT commerce.chores_due(now())');
is_complete('once mended');
my $dump = $node->basedir . '/shop.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'is restored');
is($node->safe_psql('copy', 'SELECT md5(string_agg(i::text, chr(10) ORDER BY series, number)) FROM commerce.invoices i'),
	$node->safe_psql('postgres', 'SELECT md5(string_agg(i::text, chr(10) ORDER BY series, number)) FROM commerce.invoices i'), 'with every invoice');
my $expected = $node->safe_psql('copy', 'SELECT last_value + 1 FROM commerce.order_numbers_web');
$node->safe_psql('copy', q(SELECT commerce.checkout('[{"sku": "A", "quantity": 1}]', channel => 'web')));
is($node->safe_psql('copy', q(SELECT max(number) FROM commerce.orders WHERE channel = 'web')), $expected, 'and orders are numbered on');
is($node->safe_psql('copy', q(SELECT 'WEB-' || max(number) = commerce.order_number((array_agg(id ORDER BY number DESC))[1]) FROM commerce.orders WHERE channel = 'web')),
	't', 'as the channel prints it');
is((error_of($node, 'DELETE FROM commerce.invoices', 'copy'))[0], 'CM042', 'what was issued stays there, too');

done_testing();
