# Levels that cross a line are told by themselves, each crossing once: whoever crosses it, by counters that come and go,
# by lines that move, after a crash.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('alerts', workers => 1);

# The topics told about a sku, in order.
sub events
{
	my ($sku) = @_;

	return "(SELECT coalesce(string_agg(substr(topic, 7), ' ' ORDER BY id), '') FROM commerce.outbox
		WHERE payload ->> 'sku' = '$sku' AND topic LIKE 'stock.%')";
}

my $markers = 0;

# Passes when the events of a sku are these and no more come. Another sku is sold out after them: when that is told, so is
# all that went before.
sub told
{
	my ($sku, $expected, $what) = @_;
	my $marker = 'marker-' . ++$markers;

	$node->poll_query_until('postgres', 'SELECT ' . events($sku) . " = '$expected'") || diag 'the events never came';
	$node->safe_psql('postgres', "INSERT INTO commerce.variants (sku) VALUES ('$marker'); SELECT commerce.receive_stock('$marker', 1)");
	$node->safe_psql('postgres', "SELECT commerce.reserve('$marker', 1)");
	$node->poll_query_until('postgres', 'SELECT ' . events($marker) . " = 'out'") || diag 'the marker was never told';
	is($node->safe_psql('postgres', 'SELECT ' . events($sku)), $expected, $what);
	return;
}

$node->safe_psql('postgres', q(
	INSERT INTO commerce.variants (sku) SELECT unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'new']);
	SELECT commerce.receive_stock(sku, 10) FROM commerce.variants WHERE sku <> 'new' ORDER BY sku;
	INSERT INTO commerce.stock (sku, location) VALUES ('new', 'main');
	UPDATE commerce.stock SET low_stock = 3 WHERE sku IN ('a', 'b')));

$node->safe_psql('postgres', "SELECT commerce.reserve('a', 6); SELECT commerce.reserve('a', 1)");
told('a', 'low', 'at three left it is low');
$node->safe_psql('postgres', "SELECT commerce.reserve('a', 1)");
told('a', 'low', 'two left is no other level');
$node->safe_psql('postgres', "SELECT commerce.reserve('a', 2, 'last')");
told('a', 'low out', 'the last one is told');
$node->safe_psql('postgres', "SELECT commerce.release_holder('last')");
told('a', 'low out back', 'and that some are there again');

# What was not committed was not sold.
$node->safe_psql('postgres', "BEGIN; SELECT commerce.reserve('b', 10); ROLLBACK");
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe("SELECT commerce.reserve('b', 9)");
told('b', '', 'nothing is told of what may yet be undone');
$node->safe_psql('postgres', "SELECT commerce.reserve('b', 1)");
told('b', '', 'nor of one sold meanwhile, while nine are there for all we know');
$session->query_safe('COMMIT');
told('b', 'out', 'when the rest is sold, it is told');
$session->quit;

# Many at once: one of them sells the last.
$node->pgbench('--no-vacuum --client=8 --transactions=5', 0, [qr/processed: 40/], [qr/^$/], 'eight sell at once',
	{ 'sell' => "SELECT commerce.try_reserve('c')" });
told('c', 'out', 'sold out is told once');

# A counter that is loaded later finds what was told last; a line that moves is looked at.
$node->safe_psql('postgres', "SELECT commerce.invalidate_stock('c'); SELECT commerce.try_reserve('c')");
told('c', 'out', 'not again when its counter is loaded again');
$node->safe_psql('postgres', "UPDATE commerce.stock SET low_stock = 10 WHERE sku = 'd'");
told('d', 'low', 'a line that is drawn above the level');
$node->safe_psql('postgres', "UPDATE commerce.stock SET low_stock = 5, backorder_limit = 100 WHERE sku = 'd'; SELECT commerce.reserve('d', 10)");
told('d', 'low out', 'backorder is not stock');
told('new', '', 'what never had any is not out of it');

# A crash forgets the counters, not what was told, nor what was not.
$node->append_conf('postgresql.conf', 'commerce.workers = 0');
$node->reload;
$node->safe_psql('postgres', "SELECT commerce.reserve('e', 10)");
$node->stop('immediate');
$node->append_conf('postgresql.conf', 'commerce.workers = 1');
$node->start;
told('e', 'out', 'what was sold before the crash is told after it');
told('c', 'out', 'what was told is not told again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.verify_stock()'), '0', 'and all counters are right');

done_testing();
