# A shop is there, unchanged, after a crash, after a restart without the library preloaded, and for a dump's reader.
use strict;
use warnings;

use Commerce;
use Test::More;

my $node = new_shop_node('main');
my $facts = 'SELECT currency, installation, (SELECT max(version) FROM commerce.schema_version) FROM commerce.shop';
my $before = $node->safe_psql('postgres', $facts);

like($before, qr/^GBP\|/, 'the shop quotes in the currency it was created with');

$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $facts), $before, 'a crash changes nothing');

$node->safe_psql('postgres', q(SELECT commerce.create_shop('EUR')));
is($node->safe_psql('postgres', $facts), $before, 'creating it again changes nothing');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
is($node->safe_psql('postgres', $facts), $before, 'it works without the library preloaded');

my $dump = $node->basedir . '/shop.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'it can be dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $dump ], 'and restored');
is($node->safe_psql('restored', $facts), $before, 'the restored shop is the same');

$node->safe_psql('postgres', 'CREATE DATABASE empty');
$node->safe_psql('empty', 'CREATE EXTENSION commerce');
my ($sqlstate) = error_of($node, 'SELECT commerce.upgrade_shop()', 'empty');
is($sqlstate, 'CM099', 'without a shop the answer is CM099');

done_testing();
