# Many clients want a code of which there are few uses, and a promotion of which there is little money, while orders are
# cancelled and backends are killed: each limit is used up and never exceeded, and what is given back is given once.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $promotion = '00000000-0000-0000-0000-00000000000a';
my $spending = '00000000-0000-0000-0000-00000000000b';
my $budget = '00000000-0000-0000-0000-0000000000bb';
my $conf = "max_connections = 100\nrestart_after_crash = on\nlog_statement = none\nmax_prepared_transactions = 5\n";

# Makes what is bought, and the function that tries to: refusals are part of the game.
sub open_shop
{
	my ($node) = @_;

	$node->safe_psql('postgres', qq(
		INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
		INSERT INTO commerce.prices (sku, price) VALUES ('A', '10 GBP');
		INSERT INTO commerce.promotions (id, name, benefit, needs_code) VALUES ('$promotion', 'code', '1 GBP off order', true);
		INSERT INTO commerce.promotion_codes (code, promotion, uses) VALUES ('SPRING', '$promotion', 100);
		CREATE FUNCTION buy(quantity bigint, codes text[] DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS \$\$
		BEGIN
			PERFORM commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'A', 'quantity', quantity)), codes);
			RETURN true;
		EXCEPTION WHEN SQLSTATE 'CM032' OR SQLSTATE 'CM033' THEN
			RETURN false;
		END \$\$;));
	return;
}

# Passes where orders, claims and budget_left() say the same about a promotion: so many uses, so much left.
sub budget_is_right
{
	my ($node, $when, $name, $key, $limit) = @_;
	my ($id) = $name eq 'code' ? $promotion : $budget;

	is($node->safe_psql('postgres', qq(
		SELECT c.order_id, d.order_id FROM (SELECT * FROM commerce.claims WHERE budget = '$id' AND state <> 'released') c
			FULL JOIN (SELECT d.order_id, sum(commerce.minor_units(d.amount)) AS minor FROM commerce.order_discounts d
				JOIN commerce.promotions p ON p.id = d.promotion AND p.name = '$name' JOIN commerce.orders o ON o.id = d.order_id AND o.state <> 'cancelled'
				GROUP BY 1) d USING (order_id)
		WHERE c.amount_taken IS DISTINCT FROM CASE '$name' WHEN 'code' THEN 1 ELSE d.minor END)), '', "$when: each order with the discount has its claim");
	is($node->safe_psql('postgres', qq(
		SELECT commerce.budget_left('$id', '$key') = $limit - coalesce(sum(amount_taken), 0) FROM commerce.claims
		WHERE budget = '$id' AND state <> 'released')), 't', "$when: what is left is what was not claimed");
	is($node->safe_psql('postgres', 'SELECT * FROM commerce.verify_budgets()'), '', "$when: counters say what the tables say");
	return;
}

# 64 clients want one code that may be used 100 times.
sub rush
{
	my ($node, $how) = @_;
	my $orders = q(SELECT count(*) FROM commerce.orders WHERE state = 'placed' AND commerce.minor_units(discount) > 0);

	$node->pgbench('-n -c 64 -j 2 -t 5', 0, [qr/number of transactions actually processed: 320\/320/], [qr/^$/],
		"$how: 64 clients use a code", { "rush_$how" => q(SELECT buy(1, '{spring}')) });
	is($node->safe_psql('postgres', $orders), '100', "$how: 100 of 320 attempts buy");
	budget_is_right($node, "$how, after the rush", 'code', 'code:SPRING', 100);

	my @ids = split /\n/, $node->safe_psql('postgres', q(SELECT id FROM commerce.orders WHERE state = 'placed' ORDER BY random() LIMIT 10));
	$node->safe_psql('postgres', "SELECT commerce.order_event('$_', 'cancel')") foreach @ids;
	is(join(' ', map { (error_of($node, "SELECT commerce.order_event('$_', 'cancel')"))[0] } @ids), join(' ', ('CM010') x 10),
		"$how: 10 orders are cancelled, once");
	is($node->safe_psql('postgres', "SELECT commerce.budget_left('$promotion', 'code:SPRING')"), '10', "$how: 10 uses are given back");
	$node->pgbench('-n -c 64 -j 2 -t 2', 0, [qr/number of transactions actually processed: 128\/128/], [qr/^$/],
		"$how: 64 clients use it again", { "again_$how" => q(SELECT buy(1, '{spring}')) });
	is($node->safe_psql('postgres', $orders), '100', "$how: 10 of 128 attempts buy");
	budget_is_right($node, "$how, after the second rush", 'code', 'code:SPRING', 100);
	return;
}

my $node = new_shop_node('codes', conf => $conf);
open_shop($node);
rush($node, 'counted');

# Money: discounts of 1.00, 2.00 and 3.00 GBP, of 100.00 in all, while some are cancelled. What is left in the end is less
# than any of them.
$node->safe_psql('postgres', qq(
	UPDATE commerce.promotions SET status = 'ended';
	INSERT INTO commerce.promotions (id, name, benefit) VALUES ('$spending', 'money', '10% off order');
	INSERT INTO commerce.budgets (id, promotion, spend) VALUES ('$budget', '$spending', '100 GBP');
	CREATE FUNCTION cancel() RETURNS boolean LANGUAGE plpgsql AS \$\$
	DECLARE
		bought uuid := (SELECT id FROM commerce.orders WHERE state = 'placed' AND codes = '{}' ORDER BY random() LIMIT 1);
	BEGIN
		PERFORM commerce.order_event(bought, 'cancel') WHERE bought IS NOT NULL;
		RETURN bought IS NOT NULL;
	EXCEPTION WHEN SQLSTATE 'CM010' THEN
		RETURN false;
	END \$\$;));
my %game = ('spend@9' => q(SELECT buy(1 + (random() * 2)::int)), 'cancel@1' => 'SELECT cancel()');
$node->pgbench('-n -c 64 -j 2 -t 10 --max-tries 100', 0, [qr/number of transactions actually processed: 640\/640/], [qr/^$/],
	'64 clients spend a budget', \%game);
budget_is_right($node, 'after spending', 'money', '', 10000);
cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.orders WHERE state = 'cancelled')), '>', 10, 'some were cancelled');
$node->pgbench('-n -c 64 -j 2 -t 3 --max-tries 100', 0, [qr/number of transactions actually processed: 192\/192/], [qr/^$/],
	'and what was given back', { 'rest' => q(SELECT buy(1)) });
is($node->safe_psql('postgres', "SELECT commerce.budget_left('$budget')"), '0', 'all of it is spent');
budget_is_right($node, 'after spending all', 'money', '', 10000);

# The same while backends are killed: the server recovers, and what was half done is gone.
for my $round (1 .. 3)
{
	my $limit = 1000000 * $round;
	$node->safe_psql('postgres', "UPDATE commerce.budgets SET spend = commerce.from_minor($limit, 'GBP')");
	my $claims = $node->safe_psql('postgres', 'SELECT count(*) FROM commerce.claims');
	my $output = '';
	my @scripts = map { ('-f', $node->basedir . "/$_") } sort keys %game;
	my $pgbench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '16', '-j', '2', '-T', '120', '-h', $node->host, '-p', $node->port, @scripts, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);

	$node->poll_query_until('postgres', "SELECT count(*) >= $claims + 100 FROM commerce.claims") or die 'nobody buys';
	my $pid = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT (buy|cancel)' ORDER BY state = 'active' DESC, random() LIMIT 1");
	is(kill('KILL', $pid), 1, "round $round: a backend is killed");
	$pgbench->finish;
	like($output, qr/terminat|closed the connection|aborted/, "round $round: its end is the end of every session");
	$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.claims'), '>=', $claims + 100,
		"round $round: what was claimed is there after recovery");
	budget_is_right($node, "round $round, by the tables", 'money', '', $limit);
	is($node->safe_psql('postgres', 'SELECT buy(1)'), 't', "round $round: the shop sells on");
	budget_is_right($node, "round $round, by the counter", 'money', '', $limit);
}

# Clients that disconnect or are terminated in the middle give back what they took.
my $left = $node->safe_psql('postgres', "SELECT commerce.budget_left('$budget')");
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; SELECT buy(3)');
is($node->safe_psql('postgres', "SELECT commerce.budget_left('$budget')"), $left - 300, 'what is claimed counts before it is committed');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for($node, "SELECT commerce.budget_left('$budget')", $left, 'and no more once its session is terminated');
$session->{run}->kill_kill;
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocked');
is((error_of($node, "BEGIN; SELECT buy(1); PREPARE TRANSACTION 'bought'"))[0], '0A000', 'what is claimed cannot be prepared');
is($node->safe_psql('postgres', "SELECT commerce.budget_left('$budget')"), $left, 'and is given back');

# Behind the counters' backs.
my $verify = 'SELECT key, tables - counter, in_flight, repaired FROM commerce.verify_budgets(repair => true)';
$node->safe_psql('postgres', qq(ALTER TABLE commerce.claims DISABLE TRIGGER USER;
	DELETE FROM commerce.claims WHERE budget = '$budget' AND amount_taken = 100 AND ctid IN (SELECT max(ctid) FROM commerce.claims
		WHERE budget = '$budget' AND amount_taken = 100 AND state = 'used');
	ALTER TABLE commerce.claims ENABLE ALWAYS TRIGGER claim_changed;));
is($node->safe_psql('postgres', $verify), '|-100|0|t', 'a claim deleted with triggers disabled is found');
is($node->safe_psql('postgres', "SELECT commerce.budget_left('$budget')"), $left + 100, 'and given back');
is($node->safe_psql('postgres', $verify), '', 'there is nothing more to repair');
$node->safe_psql('postgres', 'ALTER TABLE commerce.claims ENABLE TRIGGER claim_changed');
$session = $node->background_psql('postgres');
$session->query_safe('BEGIN; SELECT buy(1)');
$node->safe_psql('postgres', qq(SET session_replication_role = replica;
	INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken) VALUES (gen_random_uuid(), '$budget', '', '$spending', 500)));
is($node->safe_psql('postgres', $verify), '|500|100|t', 'a claim written behind its back counts at once, whoever is under way');
is($node->safe_psql('postgres', "SELECT commerce.budget_left('$budget')"), $left + 100 - 500 - 100, 'with what that one has');
$session->query_safe('ROLLBACK');
$session->quit;
is($node->safe_psql('postgres', "SELECT commerce.budget_left('$budget')"), $left + 100 - 500, 'and gives back');
$node->safe_psql('postgres', 'ALTER TABLE commerce.claims ENABLE ALWAYS TRIGGER claim_changed');
$node->stop;

# Without counters the code's row is locked: the same numbers.
my $locking = new_shop_node('locking', preload => 0, conf => $conf);
open_shop($locking);
rush($locking, 'locked');
$locking->safe_psql('postgres', q(UPDATE commerce.promotion_codes SET uses = 101));
is($locking->safe_psql('postgres', q(BEGIN; SELECT buy(1, '{spring}'); PREPARE TRANSACTION 'bought'; COMMIT PREPARED 'bought';
	SELECT buy(1, '{spring}'))), "t\nf", 'but it can where rows are locked, and counts');
unlike(slurp_file($locking->logfile), qr/deadlock detected|PANIC/, 'nobody deadlocks where rows are locked');

done_testing();
