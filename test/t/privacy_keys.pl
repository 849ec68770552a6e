# Keys come, change and go while the server runs; plaintext and keys are nowhere on disk.
use strict;
use warnings;

use Commerce;
use File::Find;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $key_1 = '11' x 31 . 'a1';
my $key_2 = '22' x 31 . 'b2';
my $key_x = '33' x 31 . 'c3';
my $anna = "'00000000-0000-7000-8000-0000000000a1'";
my $bert = "'00000000-0000-7000-8000-0000000000b2'";
my $carl = "'00000000-0000-7000-8000-0000000000c3'";
my $dora = "'00000000-0000-7000-8000-0000000000d4'";

my $node = new_node('privacy', key_file => '');
my $keys = $node->basedir . '/keys';
$node->start;
make_shop($node);

# Replaces the key file in one step, as an administrator should.
sub write_keys
{
	my ($text, $mode) = @_;

	open(my $file, '>', "$keys.new") or die $!;
	print $file $text;
	close($file);
	chmod($mode // 0400, "$keys.new") or die $!;
	rename("$keys.new", $keys) or die $!;
	return;
}

# Points commerce.key_file elsewhere and waits until new sessions see it.
sub set_key_file
{
	my ($path) = @_;

	$node->append_conf('postgresql.conf', "commerce.key_file = '$path'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('commerce.key_file') = '$path'")
	  or die 'reload was not seen';
	return;
}

# Returns the value sealed for a subject.
sub seal
{
	my ($plaintext, $subject) = @_;
	return $node->safe_psql('postgres', "SELECT commerce.seal('$plaintext', 'notes', $subject)");
}

# Returns the statement that reveals a value.
sub reveal
{
	my ($sealed, $subject) = @_;
	return "SELECT commerce.reveal('$sealed', $subject, 'test')";
}

# Passes where the key file is refused with CM041 and this reason, and the refusal tells nothing of the file.
sub refused
{
	my ($reason, $name) = @_;
	my ($state, $message) = error_of($node, "SELECT commerce.seal('plaintext', 'notes', $anna)");

	is($state, 'CM041', $name);
	like($message, $reason, "$name: the reason");
	unlike($message, qr/1111|2222|zzzz/, "$name: nothing of the file's content");
	return;
}

# Without a key.
refused(qr/neither commerce\.key_file nor commerce\.key_command is set/, 'no key file');
my ($state, $message) = error_of($node, "SELECT commerce.create_customer('jane\@example.com')");
is($state, 'CM041', 'no customer without a key');
like($message, qr/HINT:.*openssl rand/, 'the hint says how to make a key');
is($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.customers'), '0', 'nothing is stored');
like($node->safe_psql('postgres', 'SELECT commerce.uuidv7()'), qr/^[0-9a-f-]{36}$/, 'the rest of the shop works');

# Files that are refused.
set_key_file($keys);
refused(qr/does not exist/, 'a missing file');
(undef, $message) = error_of($node, "SELECT commerce.create_customer('jane\@example.com')");
like($message, qr/HINT:.*Put the file back/, 'the hint says to put it back');
unlike($message, qr/openssl/, 'and not how to make another, which opens nothing');
for my $mode (0444, 0440, 0404, 0420, 0402, 0410, 0401)
{
	write_keys("1 $key_1\n", $mode);
	refused(qr/accessible to others/, sprintf('mode %04o', $mode));
}
write_keys('');
refused(qr/holds no key/, 'an empty file');
write_keys("# only a comment\n");
refused(qr/holds no key/, 'a file of comments');
write_keys("1 $key_1\n2 zzzz$key_2\n");
refused(qr/line 2 of the key file/, 'a malformed line');
write_keys("# keys\n\n$key_1\n");
refused(qr/line 3 of the key file/, 'a line without an epoch');
write_keys("1 $key_1\n1 $key_2\n");
refused(qr/line 2 of the key file/, 'an epoch twice');
write_keys('#' x 9000 . "\n1 $key_1\n");
refused(qr/too large/, 'a file too large');
unlink($keys);
mkdir($keys);
refused(qr/not a regular file|cannot be opened/, 'a folder');
rmdir($keys);
system('mkfifo', $keys);
chmod(0600, $keys);
refused(qr/not a regular file/, 'a pipe');
unlink($keys);

# A good file, by either mode.
write_keys("# keys\n1 $key_1\n", 0600);
my $annas = seal('anna', $anna);
is($node->safe_psql('postgres', reveal($annas, $anna)), 'anna', 'mode 0600 will do');
chmod(0400, $keys);
is($node->safe_psql('postgres', reveal($annas, $anna)), 'anna', 'mode 0400 will do');

# A session with a warm cache sees every change of the file with its next statement.
my $warm = $node->background_psql('postgres', on_error_stop => 0);
$warm->query_safe("\\set VERBOSITY verbose\n" . reveal($annas, $anna));
chmod(0444, $keys);
$warm->query(reveal($annas, $anna));
like($warm->{stderr}, qr/CM041/, 'a warm session refuses a file that has become readable');
$warm->{stderr} = '';
chmod(0400, $keys);
is($warm->query(reveal($annas, $anna)), 'anna', 'and goes on when it is put right');

# Another key under the same epoch.
write_keys("1 $key_x\n");
$warm->query(reveal($annas, $anna));
like($warm->{stderr}, qr/CM040: this sealed value cannot be opened/, 'a warm session does not open with another key');
$warm->{stderr} = '';
is((error_of($node, reveal($annas, $anna)))[0], 'CM040', 'another key does not open');
is((error_of($node, "SELECT commerce.seal('x', 'notes', $anna)"))[0],
	'CM041', 'nor does it seal for a subject that has a data key');

# A new epoch: new data keys are wrapped by it, old values open.
write_keys("1 $key_1\n2 $key_2\n");
is($warm->query(reveal($annas, $anna)), 'anna', 'values of the old epoch open beside a new one');
my $berts = $warm->query("SELECT commerce.seal('bert', 'notes', $bert)");
is($node->safe_psql('postgres', "SELECT epoch FROM commerce.data_keys WHERE subject = $bert"),
	'2', 'new data keys are wrapped by the newest epoch, without a reload');
my $blind = $node->safe_psql('postgres', "SELECT commerce.blind('x', 'notes')");
write_keys("1 $key_1\n");
is((error_of($node, reveal($berts, $bert)))[0], 'CM040', 'an epoch that is missing does not open');
is($node->safe_psql('postgres', "SELECT commerce.blind('x', 'notes')"), $blind, 'a new epoch changes no blind value');
write_keys("2 $key_2\n1 $key_1\n");
is($node->safe_psql('postgres', reveal($berts, $bert)), 'bert', 'lines may come in any order');

# Another path, by reload; then a restart.
rename($keys, "$keys.moved") or die $!;
set_key_file("$keys.moved");
is($node->safe_psql('postgres', reveal($annas, $anna)), 'anna', 'a reload leads to another file');
$warm->quit;
$node->restart;
is($node->safe_psql('postgres', reveal($annas, $anna)), 'anna', 'values open after a restart');
rename("$keys.moved", $keys) or die $!;
set_key_file($keys);

# Two sessions seal the first value of one subject at once.
my $first = $node->background_psql('postgres');
my $second = $node->background_psql('postgres');
$first->query_safe('BEGIN');
$second->query_safe('BEGIN');
my $one = $first->query_safe("SELECT commerce.seal('one', 'notes', $carl)");
my $two = $second->query_safe("SELECT commerce.seal('two', 'notes', $carl)");
$first->query_safe('COMMIT');
$second->query_safe('COMMIT');
is($second->query_safe(reveal($one, $carl)), 'one', 'the value of the first of two racing sessions opens');
is($first->query_safe(reveal($two, $carl)), 'two', 'and that of the second');
$first->quit;
$second->quit;

# An erased subject is gone for a warm session with an old snapshot.
my $doras = seal('dora', $dora);
my $old = $node->background_psql('postgres', on_error_stop => 0);
$old->query_safe("\\set VERBOSITY verbose\nBEGIN ISOLATION LEVEL REPEATABLE READ");
is($old->query(reveal($doras, $dora)), 'dora', 'opened before');
$node->safe_psql('postgres', "DELETE FROM commerce.data_keys WHERE subject = $dora");
$old->query(reveal($doras, $dora));
like($old->{stderr}, qr/CM040/, 'erased means erased, also for an old snapshot');
$old->quit;

# A dump needs no key, and what is restored opens.
$node->safe_psql('postgres', "CREATE TABLE kept AS SELECT '$annas'::commerce.sealed AS v");
set_key_file('');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump needs no key');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ],
	'nor does a restore');
set_key_file($keys);
is($node->safe_psql('restored', "SELECT commerce.reveal(v, $anna, 'test') FROM kept"), 'anna', 'what is restored opens');

# Canaries: sealed through parameters, plaintexts are nowhere below the data directory, in the log or in a dump. The
# test servers log every statement; here, as by default, none. A duplicate and a refusal leave an error in the log.
my $canary = 'canarybird' . unpack('H*', pack('N', $$));
my $script = $node->basedir . '/canary.pgbench';
append_to_file($script, <<'SQL');
SELECT commerce.create_customer(:canary || n || '@example.com', name => :canary || n, phone => :canary || n, address => jsonb_build_object('street', :canary || n)) FROM generate_series(1, 200) AS n;
SELECT commerce.create_customer(:canary || 'pw@example.com', password => :canary);
SELECT commerce.find_customer(:canary || '1@example.com'), commerce.blind(:canary, 'name');
SELECT commerce.reveal_customer(commerce.find_customer(:canary || '1@example.com'), 'test');
SQL
my $refused = $node->basedir . '/refused.pgbench';
append_to_file($refused, "SELECT commerce.create_customer(:canary || '1\@example.com', name => :canary);\n");
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_messages = debug1\n");
$node->restart;
my @pgbench = ('pgbench', '-n', '-t', '1', '-M', 'extended', '-D', "canary=$canary", '-f');
$node->command_ok([ @pgbench, $script, 'postgres' ], 'customers are created through parameters');
$node->command_fails_like([ @pgbench, $refused, 'postgres' ],
	qr/there is a customer with this e-mail address already/, 'a duplicate is refused');
is($node->safe_psql('postgres', 'SELECT count(*) FROM commerce.customers'), '201', 'there they are');
my $control = 'controlbird';
$node->safe_psql('postgres',
	"CREATE TABLE control AS SELECT '$control'::text AS in_the_clear; ANALYZE; CHECKPOINT");
$node->command_ok([ 'pg_dump', '-f', "$dump.2", $node->connstr('postgres') ], 'dumped');
$node->stop;

my @found;
my $files = 0;
my $control_found = 0;
find(
	{
		no_chdir => 1,
		wanted => sub {
			return unless -f $_;
			my $content = slurp_file($_);
			$files++;
			$control_found++ if index($content, $control) >= 0;
			for my $secret ($canary, $key_1, $key_2, pack('H*', $key_1), pack('H*', $key_2))
			{
				push @found, $_ if index($content, $secret) >= 0;
			}
		}
	},
	$node->data_dir,
	$node->logfile,
	"$dump.2");
cmp_ok($files, '>', 100, 'files were searched');
cmp_ok($control_found, '>=', 3, 'a text in the clear is found in table, WAL and dump');
is_deeply(\@found, [], 'no plaintext and no key in data, WAL, log or dump');

done_testing();
