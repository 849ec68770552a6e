# Sixteen clients at once do anything to orders that they share, with stock, codes, gift cards and credit lines of which there is
# little, while backends are killed: everything that is taken is given back exactly once.
use strict;
use warnings;

use Commerce;
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('order_random', currency => 'EUR', conf => join("\n", 'max_connections = 60', 'restart_after_crash = on',
	'log_statement = none', ''));
$node->safe_psql('postgres', slurp_file(dirname(__FILE__) . "/../walk/$_")) for ('walk.sql', 'must_hold.sql');
$node->safe_psql('postgres', q(
	INSERT INTO walk.stock SELECT sku, location, 'available', 30 FROM walk.stock WHERE delta > 0;
	SELECT commerce.receive_stock(sku, 30, location) FROM walk.stock WHERE delta = 30;
	UPDATE commerce.budgets SET uses = uses * 5 WHERE uses IS NOT NULL;));

# Under each isolation level; who is told to try again does something else.
my $scripts = $node->basedir . '/walk';
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	append_to_file("$scripts.$level", "BEGIN ISOLATION LEVEL $level;\nSELECT walk.step(24);\nCOMMIT;\n");
}

sub start_walk
{
	my ($output, @long) = @_;

	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', '16', '-j', '2', @long, '-h', $node->host, '-p', $node->port,
			'-f', "$scripts.READ COMMITTED\@6", '-f', "$scripts.REPEATABLE READ\@1", '-f', "$scripts.SERIALIZABLE\@1", 'postgres' ],
		'<', \undef, '>', $output, '2>', $output);
}

sub steps
{
	return $node->safe_psql('postgres', 'SELECT count(*) FROM walk.done');
}

# What must hold while nobody is at work.
sub is_sound
{
	my ($when) = @_;

	$node->safe_psql('postgres', 'SELECT commerce.issue_invoices(100000)') while $node->safe_psql('postgres', 'SELECT count(*) FROM commerce.invoice_queue') > 0;
	is($node->safe_psql('postgres', 'SELECT * FROM walk.faults'), '', "$when: nothing failed but what is to be refused");
	is($node->safe_psql('postgres', 'SELECT * FROM walk.wrong(ARRAY(SELECT id FROM walk.orders))'), '', "$when: all adds up")
	  or diag($node->safe_psql('postgres', q(SELECT w.about, s.* FROM walk.orders o JOIN walk.wrong(ARRAY(SELECT id FROM walk.orders)) w ON w.about LIKE o.id || '%',
		LATERAL walk.story(o.id) s)));
	counters_are_right($node, $when);
	return;
}

is_sound('before');
for my $round (1 .. 3)
{
	my $before = steps();
	my $output = '';
	my $pgbench = start_walk(\$output, $round < 3 ? ('-T', '120') : ('-t', '60'));

	if ($round < 3)
	{
		$node->poll_query_until('postgres', "SELECT count(*) > $before + 700 FROM walk.done") or die "nobody does anything: $output";
		my $pid = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE query LIKE '%walk.step%' AND pid <> pg_backend_pid() ORDER BY state <> 'active' LIMIT 1));

		is(kill('KILL', $pid), 1, "round $round: somebody is killed");
		$pgbench->finish;
		$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	}
	else
	{
		$pgbench->finish;
		like($output, qr/number of transactions actually processed/, "round $round: everybody comes to an end");
	}
	is_sound("round $round");
}
is($node->safe_psql('postgres', q(SELECT name FROM walk.actions WHERE NOT EXISTS (SELECT FROM walk.done WHERE action = name AND code = 'done'))),
	'', 'everything was done, not only refused');
note($node->safe_psql('postgres', q(SELECT code, count(*) FROM walk.done GROUP BY 1 ORDER BY 2 DESC)));

$node->safe_psql('postgres', q(
	SELECT count(walk.undo(id)) FROM walk.orders;
	SELECT commerce.expire_reservations();
	SELECT commerce.release_holder(holder) FROM (SELECT DISTINCT holder FROM commerce.reservations WHERE state = 'held') h;));
$node->safe_psql('postgres', 'SELECT commerce.issue_invoices(100000)') while $node->safe_psql('postgres', 'SELECT count(*) FROM commerce.invoice_queue') > 0;
is($node->safe_psql('postgres', 'SELECT * FROM walk.not_back()'), '', 'all that was taken is given back');
is($node->safe_psql('postgres', 'SELECT count(*) FILTER (WHERE NOT alive) > count(*) / 2 FROM walk.alive'), 't', 'most orders are undone');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'nothing breaks');

done_testing();
