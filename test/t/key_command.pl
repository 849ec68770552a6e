# Keys from a command: run by each backend when it needs them, ended when it hangs, and never heard of in the log; kept for
# a time and no longer, and out of swap where that is asked for.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $key_1 = '11' x 31 . 'a1';
my $key_2 = '22' x 31 . 'b2';
my $anna = "'00000000-0000-7000-8000-0000000000a1'";
my $node = new_node('command', key_file => '', conf => "log_min_messages = debug1\n");
my $script = $node->basedir . '/keys.sh';
my $calls = $node->basedir . '/calls';
$node->start;
make_shop($node);

# Writes what the command is to do; it counts its calls first.
sub command_is
{
	my ($text) = @_;

	open(my $file, '>', "$script.new") or die $!;
	print $file "echo x >> '$calls'\n$text\n";
	close($file);
	rename("$script.new", $script) or die $!;
	return;
}

# Sets a setting and waits until new sessions see it.
sub set
{
	my ($name, $value) = @_;

	$node->append_conf('postgresql.conf', "$name = '$value'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT setting = '$value' FROM pg_settings WHERE name = '$name'")
	  or die 'reload was not seen';
	return;
}

# Returns how often the command has been run.
sub count_calls
{
	return -e $calls ? scalar(() = slurp_file($calls) =~ /x/g) : 0;
}

my $seal = "SELECT commerce.seal('anna', 'notes', $anna)";

# Passes where the keys are refused with CM041 and this reason, which tells nothing of what the command said.
sub refused
{
	my ($reason, $name) = @_;
	my ($state, $message) = error_of($node, $seal);

	is($state, 'CM041', $name);
	like($message, $reason, "$name: the reason");
	unlike($message, qr/1111|2222|zzzz|whisper/, "$name: nothing of what the command said");
	return;
}

# A command that works.
command_is("echo '1 $key_1'");
set('commerce.key_command', "sh $script");
my $sealed = $node->safe_psql('postgres', $seal);
my $reveal = "SELECT commerce.reveal('$sealed', $anna, 'test')";
is($node->safe_psql('postgres', $reveal), 'anna', 'what is sealed by the keys of a command opens');
my $before = count_calls();
is($node->safe_psql('postgres', "$reveal; $reveal; $reveal"), "anna\nanna\nanna", 'three times in one session');
is(count_calls(), $before + 1, 'a session runs the command once');
$before = count_calls();
$node->safe_psql('postgres', 'SELECT commerce.uuidv7()');
is(count_calls(), $before, 'one that needs no key does not run it');
is((error_of($node, "SET commerce.key_command = 'id'"))[0], '55P02', 'nobody sets it for a session');
is((error_of($node, "SET ROLE commerce_app; SHOW commerce.key_command"))[0], '42501', 'and only superusers see it');

# Commands that do not.
command_is("echo 'whisper $key_1' >&2; echo '1 $key_1'; exit 3");
refused(qr/failed with exit status 3/, 'a command that fails');
command_is('kill -9 0');
refused(qr/was ended by signal 9/, 'a command that is killed');
command_is(':');
refused(qr/holds no key/, 'a command that writes nothing');
command_is("echo '1 $key_1'; echo 'zzzz'");
refused(qr/line 2 of the output of the key command/, 'a command that writes something else');
command_is('yes zzzz');
refused(qr/writes too much/, 'a command that does not stop writing');
command_is("exec 1>/dev/null; echo \$\$ > '$calls.pid'; tail -f /dev/null & wait");
refused(qr/longer than 10 seconds/, 'a command that does not end');
set('commerce.key_command', '/nonexistent/program');
refused(qr/failed with exit status 127/, 'a command that is not there');
set('commerce.key_command', "sh $script");

# A cancelled statement ends the command and all that it has started.
command_is("echo \$\$ > '$calls.pid'; tail -f /dev/null & wait");
my ($state) = error_of($node, "SET statement_timeout = '200ms'; $seal");
is($state, '57014', 'a statement that waits for the command can be cancelled');
chomp(my $pid = slurp_file("$calls.pid"));
wait_until(sub { !kill(0, -$pid) }, 'the command is gone, and what it started');

# It finds no file of the server open, and its group is its own.
command_is("ls -l /proc/self/fd >&2; [ \$(ls /proc/self/fd | wc -l) -le 4 ] || exit 9; echo '1 $key_1'") if -d '/proc/self/fd';
is($node->safe_psql('postgres', $reveal), 'anna', 'a command has nothing open but its own');

# Two places are one too many.
my $file = $node->basedir . '/key_file';
append_to_file($file, "1 $key_1\n");
chmod(0400, $file) or die $!;
set('commerce.key_file', $file);
refused(qr/are both set/, 'a command and a file');
set('commerce.key_command', '');
is($node->safe_psql('postgres', $reveal), 'anna', 'the file alone');
set('commerce.key_file', '');
set('commerce.key_command', "sh $script");

# Keys are kept for their time: then the command is asked again, by a session that sat idle, too, and by one in whose
# transaction they were used meanwhile.
command_is("echo '1 $key_1'");
set('commerce.key_cache_ttl', '1');
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe("\\set VERBOSITY verbose");
is($session->query($reveal), 'anna', 'opened');
$before = count_calls();
wait_until(sub { $session->query_safe($reveal) eq 'anna' && count_calls() > $before }, 'the command is run again after a time');
command_is('exit 1');
wait_until(sub { $session->query($reveal) ne 'anna' }, 'keys that cannot be read again are not gone on with');
like($session->{stderr}, qr/CM041/, 'but refused');
$session->{stderr} = '';
command_is("echo '1 $key_1'");
$session->query_safe('BEGIN');
is($session->query($reveal), 'anna', 'opened in a transaction');
$before = count_calls();
wait_until(sub { $session->query_safe($reveal) eq 'anna' && count_calls() > $before }, 'and again in a long one');
$session->query_safe('COMMIT');
is($session->query($reveal), 'anna', 'and after it');

# One long statement outlives the time: what it has begun with it ends with.
is( $session->query(
		"SELECT count(*) FROM (SELECT commerce.reveal('$sealed', $anna, 'test') AS r FROM generate_series(1, 400000)) s WHERE r = 'anna'"),
	'400000', 'a long statement ends as it began');
$session->quit;
set('commerce.key_cache_ttl', '900');

# An epoch that a session does not know is asked for, but not for every value.
command_is("echo '1 $key_1'; echo '2 $key_2'");
my $newer = $node->safe_psql('postgres', "SELECT commerce.seal('bert', 'notes', '00000000-0000-7000-8000-0000000000b2')");
command_is("echo '1 $key_1'");
$session = $node->background_psql('postgres', on_error_stop => 0);
is($session->query($reveal), 'anna', 'a session that knows epoch 1');
$before = count_calls();
$session->query("SELECT commerce.reveal('$newer', '00000000-0000-7000-8000-0000000000b2', 'test')") for 1 .. 20;
cmp_ok(count_calls(), '<=', $before + 1, 'an epoch that is missing is not asked for at every turn');
$session->quit;

# Memory that cannot be locked: the log says so, or keys are refused. The limit is that of the postmaster's children.
SKIP:
{
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

	skip('no prlimit, or a server that no limit binds', 4)
	  if $> == 0 || system("prlimit --pid $postmaster --memlock=0:0 2>/dev/null") != 0;
	my $offset = -s $node->logfile;
	is($node->safe_psql('postgres', $reveal), 'anna', 'memory that cannot be locked is used');
	ok($node->log_contains(qr/memory for keys cannot be locked/, $offset), 'and the log says so');
	set('commerce.require_locked_memory', 'on');
	refused(qr/memory for keys cannot be locked/, 'unless locking is required');
	set('commerce.require_locked_memory', 'off');
	is($node->safe_psql('postgres', $reveal), 'anna', 'and again when it is not');
}

# Whatever the command said, and whatever it wrote, is not in the log.
$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/whisper/, 'what a command complains of is not in the log');
unlike($log, qr/$key_1|$key_2/, 'nor is what it writes');

done_testing();
