# 1,000 customers whose fields are known nowhere but here and, computed, inside a call of the server: afterwards not one of
# 5,000 plaintexts, nor the key, is found in the data directory, WAL, log at its loudest, statistics, or a dump.
use strict;
use warnings;

use Commerce;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $count = 1000;
my $node = new_shop_node('canaries', conf => join("\n", "shared_preload_libraries = 'commerce,pg_stat_statements,auto_explain'",
	'log_min_messages = debug5', 'log_statement = all', 'log_error_verbosity = verbose', 'log_min_duration_statement = 0',
	'auto_explain.log_min_duration = 0', 'auto_explain.log_analyze = on', 'auto_explain.log_verbose = on',
	'auto_explain.log_nested_statements = on', 'auto_explain.log_level = log', 'log_executor_stats = off', 'log_lock_waits = on',
	'log_temp_files = 0', 'track_activity_query_size = 16kB', 'pg_stat_statements.track = all', 'track_functions = all', ''));

# What is secret is computed on both sides, so that no text of a statement and no parameter holds it.
sub canary
{
	my ($field, $n) = @_;

	# Letters alone: digits might be a card's number.
	return 'z' . (substr(sha256_hex("canary:$field:$n"), 0, 24) =~ tr/0-9/g-p/r);
}
my %fields = map { $_ => 1 } qw(name address notes email label);
$node->safe_psql('postgres', q(
	CREATE EXTENSION pg_stat_statements;
	CREATE FUNCTION canary(field text, n int) RETURNS text LANGUAGE sql IMMUTABLE AS
		$$ SELECT 'z' || translate(left(encode(sha256(convert_to('canary:' || field || ':' || n, 'UTF8')), 'hex'), 24), '0123456789', 'ghijklmnop') $$;
	CREATE TABLE person (id uuid PRIMARY KEY, n int, notes commerce.sealed, label commerce.sealed, CHECK (n > 0));
	CREATE TABLE known (id uuid, n int);));
is($node->safe_psql('postgres', "SELECT canary('name', 7000)"), canary('name', 7000), 'both sides compute the same');

my $log = '';
# Runs statements with everything that a client can be told; what it is told is looked through as well.
sub told
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres', "SET client_min_messages = debug5; $sql", stdout => \$out, stderr => \$err, on_error_stop => 0);
	$log .= $err;
	return $out;
}

told(qq(
	WITH made AS MATERIALIZED (SELECT n, commerce.create_customer(canary('email', n) || '\@Example.com', name => canary('name', n),
			address => jsonb_build_object('street', canary('address', n)), password => CASE WHEN n <= 50 THEN canary('password', n) END) AS id FROM generate_series(1, $count) n)
		INSERT INTO known SELECT id, n FROM made;
	INSERT INTO person SELECT id, n, commerce.seal(canary('notes', n), 'notes', id), commerce.seal(canary('label', n), 'label', id) FROM known;
	UPDATE person SET notes = commerce.seal(canary('notes', n), 'notes', id);));
is($node->safe_psql('postgres', 'SELECT count(*) FROM person'), $count, 'customers and rows are made');

# Read in every way.
is($node->safe_psql('postgres', q(SELECT count(*) FROM known k WHERE commerce.find_customer(upper(canary('email', n)) || '@example.COM') = k.id)), $count,
	'they are found');
told(q(SELECT count(commerce.mask(notes, id)), count(DISTINCT commerce.blind(canary('email', n) || '@example.com', 'email')) FROM person;));
is($node->safe_psql('postgres', q(SET ROLE commerce_pii_reader; SELECT 1; RESET ROLE;
	SELECT count(*) FROM person p WHERE commerce.reveal(notes, id, 'test') = canary('notes', n) AND commerce.reveal(label, id, 'test') = canary('label', n)
		AND commerce.reveal_customer(id, 'test') ->> 'name' = canary('name', n))), "1\n$count", 'and opened');
# A cursor, a materialised view of nothing secret, statistics, maintenance.
told(q(ANALYZE; BEGIN; DECLARE c CURSOR FOR SELECT commerce.reveal(notes, id, 'test') FROM person; MOVE 500 IN c; COMMIT;
	VACUUM FULL person; REINDEX TABLE commerce.customers; CLUSTER person USING person_pkey;));
# Sorted where it does not fit: it lies in a temporary file as long as that query runs, and nowhere afterwards.
told(q(SET work_mem = '64kB'; SELECT count(*) FROM (SELECT commerce.reveal(notes, id, 'test') AS x FROM person, generate_series(1, 5) ORDER BY 1 OFFSET 0) s;));

# Errors of all kinds, about rows that hold them.
told(qq($_;)) for (
	q(UPDATE person SET n = -n WHERE n = 1), q(INSERT INTO person SELECT id, n, notes, label FROM person WHERE n = 1),
	q(SELECT commerce.create_customer(canary('email', 1) || '@example.com')), q(SELECT commerce.create_customer(canary('email', 1))),
	q(SELECT commerce.create_customer(canary('email', 5000) || '@example.com', name => canary('name', 1) || ' 4111 1111 1111 1111')),
	q(SELECT commerce.reveal(a.notes, b.id, 'test') FROM person a, person b WHERE a.n = 1 AND b.n = 2),
	q(SELECT commerce.reveal(notes, id, '') FROM person), q(SELECT commerce.seal(canary('notes', 1), '', id) FROM person WHERE n = 1),
	q(SELECT canary('notes', n)::commerce.sealed FROM person), q(SELECT commerce.reveal(notes, id, 'test')::int FROM person WHERE false),
	q(SET ROLE commerce_app; SELECT commerce.reveal(notes, id, 'test') FROM person), q(SET ROLE commerce_reader; SELECT * FROM commerce.customers),
	q(SELECT commerce.create_customer(email => canary('email', n) || '@example.com', name => repeat(canary('name', n), 1000000)) FROM known WHERE n = 1),
	q(BEGIN; SELECT commerce.seal(canary('notes', n), 'notes', id) FROM person; ROLLBACK),
	q(SELECT commerce.blind('', 'email')), q(COPY person TO PROGRAM 'cat > /dev/null'));

# Orders with addresses, sealed as well.
told(qq(INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false); INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 GBP');
	SELECT count(commerce.checkout('[{"sku": "A", "quantity": 1}]', customer => id, ship_to => jsonb_build_object('country', 'GB', 'street', canary('address', n)))) FROM known;
	SELECT count(commerce.checkout('[{"sku": "A", "quantity": 1}]', ship_to => jsonb_build_object('country', 'GB', 'street', canary('address', n),
		'email', canary('guest', n) || '\@Example.com'))) FROM known;));
is($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.orders WHERE ship_address IS NOT NULL'), 2 * $count, 'orders have sealed addresses');

# Guests are found, told and forgotten by their addresses of e-mail; who logs in is noted by no more than an id, whoever fails ten times, too.
is($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.guests)), $count, 'guests gave addresses');
is($node->safe_psql('postgres', q(SELECT count(*) FROM generate_series(1, 100) n WHERE cardinality(commerce.guest_orders(NULL, upper(canary('guest', n)) || '@example.com')) = 1)),
	100, 'and are found');
is($node->safe_psql('postgres', q(SELECT count(*) FROM generate_series(1, 20) n WHERE commerce.export_guest(email => canary('guest', n) || '@example.com') #>> '{orders,0,email}' = canary('guest', n) || '@Example.com')),
	20, 'and told');
is($node->safe_psql('postgres', q(SELECT count(*) FROM known WHERE n <= 20 AND commerce.export_customer(id) #>> '{customer,name}' = canary('name', n)
	AND commerce.export_customer(id) #>> '{orders,0,ship_address,street}' = canary('address', n))), 20, 'so are customers');
told(q(SELECT count(commerce.erase_guest(email => canary('guest', n) || '@example.com')) FROM generate_series(1, 20) n;));
told(q(SELECT count(commerce.login(canary('email', n) || '@example.com', canary('password', n))) FROM generate_series(1, 5) n;));
told(q(SELECT commerce.login(canary('email', n) || '@example.com', canary('name', n)) FROM generate_series(6, 6) n;)) for (1 .. 11);
told(q(SELECT commerce.change_password(canary('password', n), canary('notes', n), id) FROM known WHERE n < 2;));
told(q(SELECT count(commerce.erase_customer(id)) FROM known WHERE n <= 20;));
is($node->safe_psql('postgres', q(SELECT string_agg(k, ', ' ORDER BY k) FROM (SELECT DISTINCT kind AS k FROM commerce.audit_log WHERE relation IN ('commerce.customers', 'commerce.guests')) x)),
	'erase, insert, lockout, login, password changed, update', 'it is all noted');

# What a backup, a monitor and a dump see.
my $kept = $node->basedir . '/kept';
mkdir $kept or die;
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', "$kept/dump.sql", 'postgres' ], 'it is dumped');
append_to_file("$kept/statistics", $node->safe_psql('postgres', $_))
  for ('SELECT * FROM pg_stat_statements', 'SELECT * FROM pg_stat_activity', 'SELECT * FROM pg_stats', 'SELECT * FROM pg_statistic_ext_data',
	'SELECT * FROM commerce.outbox', 'SELECT * FROM commerce.audit_log', 'SELECT * FROM commerce.state_history');
append_to_file("$kept/client", $log);
cmp_ok(length($log), '>', 1000, 'the client was told much');
$node->safe_psql('postgres', 'CHECKPOINT; SELECT pg_switch_wal()');
$node->stop;

# The needles: all plaintexts in lower and upper case as they were given, and the key as text and as bytes.
my $key_text = slurp_file($node->basedir . '/commerce.key');
my ($hex) = $key_text =~ /([0-9a-f]{64})/;
my %needles = (lc($hex) => 'the key in hexadecimal', uc($hex) => 'the key in hexadecimal', pack('H*', $hex) => 'the key');
for my $field (qw(email name address password notes label guest))
{
	$needles{ canary($field, $_) } = "a $field" for 1 .. $count;
	$needles{ uc(canary($field, $_)) } = "a $field in upper case" for 1 .. $count;
}

my @keys = grep { $needles{$_} =~ /^the key/ } keys %needles;
# Looks for the keys, which are bytes of all kinds, in a file or all files of a folder.
sub keys_in
{
	my ($path) = @_;
	my @found;

	if (-d $path)
	{
		opendir(my $folder, $path) or die "$path: $!";
		return map { keys_in("$path/$_") } grep { !/^\.\.?$/ } readdir($folder);
	}
	return () unless -f $path && open(my $in, '<:raw', $path);
	my ($window, $piece) = ('', '');
	while (read($in, $piece, 1 << 24))
	{
		# What lies across two pieces is in the second window.
		$window = (length($window) > 100 ? substr($window, -100) : $window) . $piece;
		push(@found, map { "$path: $needles{$_}" } grep { index($window, $_) >= 0 } @keys);
	}
	close($in);
	return @found;
}

# Looks for needles in files and folders; each plaintext is a z and 24 letters, so that all are looked for at once.
sub found_in
{
	my @found;
	open(my $matches, '-|', 'env', 'LC_ALL=C', 'grep', '-raoHE', '[zZ][a-pA-P]{24}', @_) or die "grep: $!";
	while (my $line = <$matches>)
	{
		chomp $line;
		my ($path, $match) = $line =~ /^(.*):(.{25})$/s or next;
		push(@found, "$path: $needles{$match}") if exists $needles{$match};
	}
	close($matches);
	push(@found, keys_in($_)) for @_;
	return @found;
}

# The search itself finds what is there.
my $proof = $node->basedir . '/proof';
append_to_file($proof, 'xx' . canary('name', 17) . 'yy' . pack('H*', $hex) . "\n$hex\n" . uc(canary('notes', 1000)));
is(join(', ', sort map { s/.*: //r } found_in($proof)), 'a name, a notes in upper case, the key, the key in hexadecimal', 'the search finds what is there');
is(join("\n", found_in($node->data_dir, $kept, $node->logfile)), '', 'nothing secret is found');
cmp_ok(scalar(split(/\n/, `find '@{[$node->data_dir]}' -type f`)), '>', 1000, 'many files were looked through');
cmp_ok((-s $node->logfile), '>', 1_000_000, 'the log was loud');
done_testing();
