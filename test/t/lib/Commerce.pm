# Commerce: what the TAP tests share. Servers with a shop in them, and waiting for conditions instead of for time.
#
#     use Commerce;
#     my $node = new_shop_node('main');                 # a running server, database "postgres" has a shop
#     is($node->safe_psql('postgres', 'SELECT ...'), ...);
#     wait_for($node, 'SELECT ... ', 't', 'the worker is gone');
#
# Run by test/lib/run, which says through the environment where the extension and PostgreSQL's own test modules are.
package Commerce;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(new_shop_node new_node make_key_file write_keys make_shop wait_for wait_until kill_server error_of counters_are_right);

# Writes a fresh key-encryption key below the node's base folder, readable by its owner alone, and returns the path.
sub make_key_file
{
	my ($node) = @_;
	my $path = $node->basedir . '/commerce.key';

	open(my $random, '<:raw', '/dev/urandom') or die "/dev/urandom: $!";
	read($random, my $key, 32) == 32 or die 'no randomness';
	close($random);
	open(my $file, '>', $path) or die "$path: $!";
	print $file '1 ' . unpack('H*', $key) . "\n";
	close($file);
	chmod(0400, $path) or die "$path: $!";
	return $path;
}

# Replaces a key file in one step, as an administrator should: by one with these epochs, whose keys are told from one
# another by their first bytes.
sub write_keys
{
	my ($path, @epochs) = @_;

	open(my $file, '>', "$path.new") or die "$path.new: $!";
	print $file map { "$_ " . sprintf('%02d', $_) x 31 . "a1\n" } @epochs;
	close($file);
	chmod(0400, "$path.new") or die "$path.new: $!";
	rename("$path.new", $path) or die "$path: $!";
	return;
}

# Returns an initialised node that is not started. Options: preload (default 1) loads the library into the
# postmaster; workers (default 0: nothing happens behind the test's back) is commerce.workers; key_file (default: a
# fresh one, '' for none); init, arguments of PostgreSQL::Test::Cluster::init; conf, more lines for postgresql.conf.
sub new_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	# A peer-checked login map cannot be relied on in containers; the socket's folder is private.
	$node->init(extra => [ '-A', 'trust', '--locale=C.UTF-8', '-E', 'UTF8' ], %{ $options{init} // {} });
	$options{key_file} //= make_key_file($node);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'commerce'\n")
	  if $options{preload} // 1;
	$node->append_conf('postgresql.conf', 'commerce.workers = ' . ($options{workers} // 0) . "\n");
	$node->append_conf('postgresql.conf', "commerce.key_file = '$options{key_file}'\n")
	  if $options{key_file} ne '';
	$node->append_conf('postgresql.conf', $options{conf}) if defined $options{conf};
	return $node;
}

# Creates the extension and a shop in a database of the node.
sub make_shop
{
	my ($node, $database, $currency) = @_;

	$database //= 'postgres';
	$currency //= 'GBP';
	$node->safe_psql($database, "CREATE EXTENSION commerce; SELECT commerce.create_shop('$currency')");
	return;
}

# Returns a started node whose database "postgres" has the extension and a shop that quotes in pounds.
sub new_shop_node
{
	my ($name, %options) = @_;
	my $node = new_node($name, %options);

	$node->start;
	make_shop($node, 'postgres', $options{currency});
	return $node;
}

# Passes as soon as the query answers $expected (default 't') in database "postgres"; fails after the time-out.
sub wait_for
{
	my ($node, $query, $expected, $what) = @_;

	return ok($node->poll_query_until('postgres', $query, $expected // 't'), $what // $query);
}

# Passes as soon as the code returns true; fails after the time-out of PostgreSQL's own tests.
sub wait_until
{
	my ($code, $what) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;

	until ($code->())
	{
		return fail("timed out: $what") if time() > $deadline;
		usleep(50_000);    # poll
	}
	return pass($what);
}

# Kills the server without warning, by its postmaster or by one process of it, waits until every process of before is gone,
# and has it back. Options: pid, of the process; killed, code that is run as soon as it has happened.
sub kill_server
{
	my ($node, $what, %options) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @pids = split(/\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()'));

	if (defined $options{pid})
	{
		kill('KILL', $options{pid}) == 1 or BAIL_OUT("$what: there is no process $options{pid}");
	}
	else
	{
		$node->kill9;
		push @pids, $postmaster;
	}
	$options{killed}->() if $options{killed};
	# Until the last of its children has noticed, their memory is in use.
	wait_until(sub { kill(0, @pids) == 0 }, "$what: all processes go") or BAIL_OUT('processes stay');
	$node->start unless defined $options{pid};
	$node->poll_query_until('postgres', 'SELECT true') or BAIL_OUT("$what: the server does not come back");
	return;
}

# Passes where, once all is quiet, the counters of stock say what the tables say, loaded before or now; and where exactly
# what is available at each location can be had. Nothing is kept.
sub counters_are_right
{
	my ($node, $when, $database) = @_;
	my $differences = 'SELECT * FROM commerce.verify_stock()';

	$database //= 'postgres';
	is($node->safe_psql($database, $differences), '', "$when: counters say what the tables say");
	is($node->safe_psql($database, q(
		CREATE FUNCTION pg_temp.exhaust() RETURNS SETOF text LANGUAGE plpgsql AS $$
		DECLARE
			level record;
		BEGIN
			FOR level IN SELECT s.sku, s.location, commerce.available(s.sku, s.location) + s.backorder_limit AS units
				FROM commerce.stock s WHERE s.backorder_limit IS NOT NULL ORDER BY s.sku, s.location LOOP
				IF level.units > 0 AND commerce.try_reserve(level.sku, level.units, location => level.location) IS NULL THEN
					RETURN NEXT format('%s at %s: %s available, but not to be had', level.sku, level.location, level.units);
				ELSIF commerce.try_reserve(level.sku, 1, location => level.location) IS NOT NULL THEN
					RETURN NEXT format('%s at %s: %s available, and one more is promised', level.sku, level.location, level.units);
				END IF;
			END LOOP;
		END $$;
		BEGIN;
		SELECT pg_temp.exhaust();
		ROLLBACK;)), '', "$when: what is available is to be had, and no more");
	is($node->safe_psql($database, $differences), '', "$when: and again, with every counter there");
	is($node->safe_psql($database, 'SELECT * FROM commerce.pending_stock'), '', "$when: nothing is in flight");
	is($node->safe_psql($database, 'SELECT * FROM commerce.verify_budgets()'), '', "$when: so do those of budgets");
	return;
}

# Runs a statement that must fail and returns its SQLSTATE and its whole message; ('', output) where it succeeds.
sub error_of
{
	my ($node, $statement, $database) = @_;
	my ($stdout, $stderr);
	my $status = $node->psql(
		$database // 'postgres', "\\set VERBOSITY verbose\n$statement",
		stdout => \$stdout,
		stderr => \$stderr,
		on_error_stop => 1);

	return ('', $stdout) if $status == 0;
	return ($stderr =~ /(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): /s ? $1 : 'none', $stderr);
}

1;
