# Columns of type sealed travel without a key: by dump and restore, by logical replication, text and binary. Data keys are
# found also where their table is not as it was made.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $anna = "'00000000-0000-7000-8000-0000000000a1'";
my $node = new_node('publisher', init => { allows_streaming => 'logical' });
my $table = "CREATE TABLE people (id int PRIMARY KEY, email commerce.sealed('email'), own commerce.sealed('My own field'), any_field commerce.sealed)";
$node->start;
make_shop($node);
$node->safe_psql('postgres', "$table; INSERT INTO people SELECT n, commerce.seal('e' || n, 'email', $anna), commerce.seal('o' || n, 'My own field', $anna), commerce.seal(repeat('a', 5000), 'any', $anna, $anna) FROM generate_series(1, 20) n");
my $digest = "SELECT md5(string_agg(commerce.sealed_send(email)::text || commerce.sealed_send(own)::text || commerce.sealed_send(any_field)::text, ',' ORDER BY id)) FROM people";
my $types = "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 1";
my $wanted = $node->safe_psql('postgres', $digest);
my $wanted_types = $node->safe_psql('postgres', $types);
like($wanted_types, qr/^email commerce\.sealed\('email'\), own commerce\.sealed\('#[0-9a-f]{8}'\), any_field commerce\.sealed$/, 'columns print their fields');

# A server without any key.
my $other = new_node('subscriber', key_file => '');
$other->start;
make_shop($other);
my $dump = $node->basedir . '/people.sql';
$node->command_ok([ 'pg_dump', '-t', 'people', '-f', $dump, $node->connstr('postgres') ], 'dumped');
$other->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $other->connstr('postgres') ], 'restored without a key');
is($other->safe_psql('postgres', $digest), $wanted, 'byte for byte');
is($other->safe_psql('postgres', $types), $wanted_types, 'into columns of the same fields');
is((error_of($other, 'UPDATE people SET email = own'))[0], '42804', 'which take no other fields there either');
is((error_of($other, "SELECT commerce.reveal(email, $anna, 'test') FROM people"))[0], 'CM041', 'and do not open');

for my $binary ('false', 'true')
{
	$other->safe_psql('postgres', 'TRUNCATE people');
	$node->safe_psql('postgres', 'CREATE PUBLICATION people FOR TABLE people');
	$other->safe_psql('postgres', "CREATE SUBSCRIPTION people CONNECTION 'host=" . $node->host . ' port=' . $node->port . " dbname=postgres' PUBLICATION people WITH (binary = $binary)");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'people' AND state = 'streaming'") or die 'no replication';
	$node->safe_psql('postgres', "UPDATE people SET email = commerce.seal('new' || id, 'email', $anna)");
	$wanted = $node->safe_psql('postgres', $digest);
	ok($other->poll_query_until('postgres', "SELECT ($digest) = '$wanted'"), "replicated byte for byte, binary $binary");
	$other->safe_psql('postgres', 'DROP SUBSCRIPTION people');
	$node->safe_psql('postgres', 'DROP PUBLICATION people');
}

# Where the table of data keys is not plain, a statement reads it: with policies, with an index of another order, in parts.
my $opens = "SELECT commerce.reveal(commerce.seal('secret', 'notes', $anna), $anna, 'test'), commerce.reveal(email, $anna, 'test') FROM people WHERE id = 7";
is($node->safe_psql('postgres', $opens), 'secret|new7', 'opens as it was made');
for my $change (
	[ 'a policy', 'ALTER TABLE commerce.data_keys ENABLE ROW LEVEL SECURITY' ],
	[ 'another primary key', 'ALTER TABLE commerce.data_keys DISABLE ROW LEVEL SECURITY, DROP CONSTRAINT data_keys_pkey, ADD PRIMARY KEY (id, subject)' ],
	[ 'no primary key', 'ALTER TABLE commerce.data_keys DROP CONSTRAINT data_keys_pkey' ],
	[ 'partitions', 'CREATE TABLE commerce.parts (LIKE commerce.data_keys INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (subject, id)) PARTITION BY HASH (subject);
		CREATE TABLE commerce.part_0 PARTITION OF commerce.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE commerce.part_1 PARTITION OF commerce.parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
		INSERT INTO commerce.parts SELECT * FROM commerce.data_keys; ALTER TABLE commerce.parts OWNER TO commerce_owner;
		ALTER TABLE commerce.data_keys RENAME TO old_data_keys; ALTER TABLE commerce.parts RENAME TO data_keys' ])
{
	$node->safe_psql('postgres', $change->[1]);
	# The second statement of a session is the one that would read the table itself.
	is($node->safe_psql('postgres', "$opens; $opens"), "secret|new7\nsecret|new7", "opens with $change->[0]");
	is((error_of($node, "$opens; BEGIN; DELETE FROM commerce.data_keys WHERE subject = $anna; SELECT commerce.reveal(email, $anna, 'test') FROM people WHERE id = 7"))[0],
		'CM040', "a key that is gone is gone with $change->[0]");
}

done_testing();
