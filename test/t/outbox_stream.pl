# Who would rather have a stream: events through logical decoding. What comes is what was committed, in the order of its
# commits, through a crash and a restart; nothing else comes, and nothing twice for whoever says what he has got.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', init => { allows_streaming => 'logical' });
$node->start;
make_shop($node);
$node->safe_psql('postgres', q(
	CREATE PUBLICATION events FOR TABLE commerce.outbox WITH (publish = 'insert');
	SELECT pg_create_logical_replication_slot('by_hand', 'test_decoding')));

# Another database takes events from the publication into a table of its own. A slot of the same server is made first.
$node->safe_psql('postgres', 'CREATE DATABASE warehouse');
$node->safe_psql('warehouse', q(CREATE SCHEMA commerce; CREATE TABLE commerce.outbox (aggregate text, id uuid, topic text, payload jsonb, created_at timestamptz,
	dispatched_at timestamptz, arrived bigserial)));
$node->safe_psql('postgres', q(SELECT pg_create_logical_replication_slot('warehouse', 'pgoutput')));
$node->safe_psql('warehouse', "CREATE SUBSCRIPTION warehouse CONNECTION \$\$" . $node->connstr('postgres')
	  . "\$\$ PUBLICATION events WITH (create_slot = false, slot_name = 'warehouse', copy_data = false)");

# Writes an event in a transaction that ends as it is told.
sub event
{
	my ($aggregate, $end) = @_;

	return $node->safe_psql('postgres', "BEGIN; INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('$aggregate', 'stream.one', '{}'); $end");
}

sub arrived { return $node->safe_psql('warehouse', q(SELECT string_agg(aggregate, ' ' ORDER BY arrived) FROM commerce.outbox)); }

my $late = $node->background_psql('postgres');
$late->query_safe(q(BEGIN; INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('late', 'stream.one', '{}')));
event('a', 'COMMIT');
event('b', 'ROLLBACK');
event('c', 'SAVEPOINT s; INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (\'d\', \'stream.one\', \'{}\'); ROLLBACK TO s; COMMIT');
$late->query_safe('COMMIT');
$late->quit;
wait_until(sub { arrived() eq 'a c late' }, 'committed events come, in the order of their commits');
# The table is changed when an event is sent, or removed: that is nobody's news.
$node->safe_psql('postgres', q(UPDATE commerce.outbox SET dispatched_at = now(); SELECT commerce.prune_outbox(now())));
my $got = $node->safe_psql('postgres', q(SELECT data FROM pg_logical_slot_get_changes('by_hand', NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1') WHERE data LIKE '%outbox: INSERT%'));
is(join(' ', $got =~ /aggregate\[text\]:'(\w+)'/g), 'a c late', 'and by hand');
event('e', 'COMMIT');
my $open = $node->background_psql('postgres');
$open->query_safe(q(BEGIN; INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('never', 'stream.one', '{}')));
kill_server($node, 'a crash', killed => sub { eval { $open->quit } });
event('f', 'COMMIT');
wait_until(sub { arrived() eq 'a c late e f' }, 'none is lost by a crash, and none comes twice');
$got = $node->safe_psql('postgres', q(SELECT data FROM pg_logical_slot_get_changes('by_hand', NULL, NULL, 'include-xids', '0') WHERE data LIKE '%outbox: INSERT%'));
is(join(' ', $got =~ /aggregate\[text\]:'(\w+)'/g), 'e f', 'nor by hand');
$node->safe_psql('warehouse', 'DROP SUBSCRIPTION warehouse');
$node->stop;

done_testing();
