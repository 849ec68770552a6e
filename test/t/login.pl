# Logging in on a whole server: through a connection pool, by many at once, by someone who guesses, and across a restart;
# and no password, token or secret on disk.
use strict;
use warnings;

use Commerce;
use File::Find;
use IPC::Run;
use MIME::Base64 ();
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('login', workers => 1, conf => "log_statement = none\nmax_connections = 150\nrestart_after_crash = on\n");
$node->start;
make_shop($node);
$node->safe_psql('postgres', q(
	CREATE ROLE web LOGIN IN ROLE commerce_customer, commerce_app;
	CREATE ROLE api LOGIN NOINHERIT IN ROLE commerce_authenticator;
	SELECT commerce.create_customer('customer' || n || '@example.com', password => 'password' || n) FROM generate_series(0, 63) n;));
my $jane = $node->safe_psql('postgres', "SELECT commerce.find_customer('customer1\@example.com')");

# A pool of one server connection that two clients share, transaction by transaction.
SKIP:
{
	my $pooler = (grep { -x $_ } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer')[0];
	skip 'no pgbouncer here', 1 unless $pooler;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $folder = $node->basedir;
	append_to_file("$folder/pgbouncer.ini", <<"INI");
[databases]
postgres = host=@{[$node->host]} port=@{[$node->port]} dbname=postgres user=web
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = @{[$node->host]}
auth_type = any
pool_mode = transaction
default_pool_size = 1
max_client_conn = 20
logfile = $folder/pgbouncer.log
pidfile = $folder/pgbouncer.pid
INI
	command_ok([ $pooler, '-q', '-d', "$folder/pgbouncer.ini" ], 'PgBouncer starts');
	my $pool = 'host=' . $node->host . " port=$port dbname=postgres user=web";
	my $psql = sub {
		my ($sql) = @_;
		my ($stdout, $stderr) = ('', '');
		IPC::Run::run([ 'psql', '-XAtq', '-d', $pool, '-f', '-' ], '<', \$sql, '>', \$stdout, '2>', \$stderr);
		chomp $stdout;
		return $stdout;
	};
	wait_until(sub { $psql->('SELECT 1') eq '1' }, 'and lets clients through');

	my $token = $psql->("SELECT commerce.login('customer1\@example.com', 'password1')");
	like($token, qr/^[\w-]{64}$/, 'logged in through the pool');
	my $whom = 'SELECT pg_backend_pid(), commerce.current_customer()';
	my $inside = $psql->("BEGIN; SELECT commerce.use_session('$token') \\gset\n$whom; COMMIT;");
	my ($pid) = $inside =~ /^(\d+)\|\Q$jane\E$/;
	ok($pid, 'the transaction acts for the customer');
	is($psql->($whom), "$pid|", 'the next transaction on the same server connection for nobody');
	$psql->("BEGIN; SELECT commerce.use_session('$token'); SELECT 1 / 0; COMMIT;");
	is($psql->($whom), "$pid|", 'nor after an error');
	$psql->("BEGIN; SELECT commerce.use_session('$token');");
	is($psql->($whom) =~ /\|(.*)$/ ? $1 : undef, '', 'nor after a client that went away in the middle');
	is($psql->("SELECT commerce.use_session('$token') \\gset\nSELECT commerce.current_customer() IS NULL"), 't',
		'a statement on its own is a transaction of its own');
	# Two clients in turn: A's transactions see A's rows, B's in between see nobody's.
	my $leaks = 0;
	for my $turn (1 .. 20)
	{
		$leaks++ if $psql->("BEGIN; SELECT commerce.use_session('$token') \\gset\nSELECT commerce.current_customer(); COMMIT;") ne $jane;
		$leaks++ if $psql->('SELECT count(*) FROM commerce.my_sessions') ne '0';
	}
	is($leaks, 0, 'forty transactions in turn: none sees the state of another');
	my $pidfile = slurp_file("$folder/pgbouncer.pid");
	kill('INT', $1) if $pidfile =~ /^(\d+)/;
	wait_until(sub { !-e "$folder/pgbouncer.pid" }, 'PgBouncer stops');
}

# As an API server does it: log in as its role, switch, tell the claims.
my $api = 'SET LOCAL ROLE commerce_customer; SELECT set_config(\'request.jwt.claims\', \'{"role": "commerce_customer", "sub": "' . $jane
  . '"}\', true) \gset' . "\nSELECT commerce.pre_request() \\gset\nSELECT commerce.current_customer();";
is($node->safe_psql('postgres', "BEGIN; $api COMMIT;\nSET ROLE commerce_customer; SELECT commerce.current_customer() IS NULL", extra_params => [ '-U', 'api' ]),
	"$jane\nt", 'a registered API server is believed, for one transaction');
my ($status, $stdout, $stderr) = $node->psql('postgres', "BEGIN; $api COMMIT;", extra_params => [ '-U', 'web' ]);
like($stderr, qr/the claims of this request are not believed/, 'another login is not');

# All at once: no more than so many passwords are hashed at a time, and everyone is served who finds a place to wait.
my $script = $node->basedir . '/login.pgbench';
append_to_file($script, "SELECT length(commerce.login('customer' || :client_id || '\@example.com', 'password' || :client_id));\n");
my $places = 'SELECT count(*) FILTER (WHERE granted) FROM pg_locks WHERE locktype = \'advisory\' AND database = 0 AND objsubid = 77';

# Runs 64 clients and returns the most places that were ever taken, and what the clients said.
sub storm
{
	my ($transactions) = @_;
	my ($out, $err) = ('', '');
	my $storm = IPC::Run::start([ 'pgbench', '-n', '-c', '64', '-j', '2', '-t', $transactions, '-f', $script, $node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
	my $most = 0;
	while ($storm->pumpable)
	{
		my $taken = $node->safe_psql('postgres', $places);
		$most = $taken if $taken > $most;
		$storm->pump_nb;
		usleep(20_000);    # poll
	}
	$storm->finish;
	return ($most, $out, $err);
}

my ($most, $out, $err) = storm(4);
like($out, qr{number of transactions actually processed: 256/256}, 'of 64 clients who log in at once each is served');
cmp_ok($most, '>', 0, 'they were seen hashing');
cmp_ok($most, '<=', 4, 'four at a time at most');
is($node->safe_psql('postgres', $places), '0', 'and every place is free again');
$node->append_conf('postgresql.conf', 'commerce.password_hashes = 1');
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('commerce.password_hashes') = '1'");
($most, $out, $err) = storm(4);
is($most, 1, 'one at a time where the setting says so');
like($err, qr/too many passwords are being checked at this moment/, 'and who finds no place to wait is told so at once');
unlike($err, qr/ERROR:  (?!too many passwords are being checked)/, 'nothing else went wrong');
# Who was turned away has not failed.
is($node->safe_psql('postgres',
		"SELECT count(commerce.login('customer' || n || '\@example.com', 'password' || n)) FROM generate_series(0, 63) n"),
	'64', 'who was turned away has not failed');
# Those who are cancelled, terminated or killed while they hash or wait leave their places.
for my $end ('pg_cancel_backend(pid)', 'pg_terminate_backend(pid)', 'kill -9')
{
	my ($seen, $gone) = ('', '');
	my $storm = IPC::Run::start([ 'pgbench', '-n', '-c', '64', '-j', '2', '-T', '60', '-f', $script, $node->connstr('postgres') ],
		'>', \$seen, '2>', \$gone);
	wait_for($node, "SELECT count(*) > 10 FROM pg_locks WHERE locktype = 'advisory' AND database = 0 AND objsubid = 78", 't',
		"$end: some hash and many wait");
	if ($end eq 'kill -9')
	{
		my $victim = $node->safe_psql('postgres',
			"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = 0 AND objsubid = 77 AND granted LIMIT 1");
		kill('KILL', $victim || $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' LIMIT 1"));
	}
	else
	{
		$node->safe_psql('postgres', "SELECT $end FROM pg_stat_activity WHERE application_name = 'pgbench'");
		$storm->kill_kill;
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgbench'");
	}
	$storm->finish;
	$node->poll_query_until('postgres', 'SELECT true') if $end eq 'kill -9';
	wait_for($node, "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND database = 0", 't', "$end: every place is free");
	like($node->safe_psql('postgres', "SELECT commerce.forgive_login('customer5\@example.com'); SELECT commerce.login('customer5\@example.com', 'password5')"),
		qr/[\w-]{64}$/, "$end: and the next is let in");
}
# An open transaction keeps none.
$node->append_conf('postgresql.conf', 'commerce.password_hashes = 4');
$node->reload;
my $guard = $node->background_psql('postgres');
$guard->query_safe("BEGIN; SELECT commerce.login('customer2\@example.com', 'password2')");
is($node->safe_psql('postgres', $places), '0', 'an open transaction keeps no place');
$guard->quit;

# Guesses are counted though all is rolled back; waiting helps, and nothing else.
my $guess = 'BEGIN; SAVEPOINT s; ' . "SELECT commerce.login('customer3\@example.com', 'guess'); ROLLBACK TO s; " x 10 . 'ROLLBACK;';
$node->psql('postgres', $guess, on_error_stop => 0);
my $right = "SELECT length(commerce.login('customer3\@example.com', 'password3'))";
my ($state, $message) = error_of($node, $right);
is($state, '53400', 'after ten guesses that were rolled back, the right password has to wait');
like($message, qr/DETAIL:  \{"retry_after": [1-5]\}/, 'for some seconds');
my $lowest = 6;
wait_until(
	sub {
		($state, $message) = error_of($node, $right);
		$lowest = $1 if $message =~ /"retry_after": (\d+)/ && $1 < $lowest;
		return $state eq '';
	},
	'after that it is good');
cmp_ok($lowest, '<', 5, 'asking meanwhile makes the wait no longer');
# Many at once on one account are counted before it is known whether they fail.
$script = $node->basedir . '/guess.pgbench';
append_to_file($script, "SELECT commerce.login('customer4\@example.com', 'guess' || :client_id);\n");
($most, $out, $err) = storm(1);
my $heard = () = $err =~ /ERROR:  e-mail address, password or code is wrong/g;
my $waits = () = $err =~ /ERROR:  too many failed attempts/g;
is("$heard $waits", '10 54', 'of 64 guesses at once ten are heard');

# Sessions are swept by the worker.
$node->safe_psql('postgres', "UPDATE commerce.sessions SET expires_at = now() - interval '1 day'");
$node->restart;
wait_for($node, 'SELECT count(*) = 0 FROM commerce.sessions', 't', 'the worker sweeps sessions that are over');

# Canaries: what is secret is nowhere on disk, neither what comes in nor what goes out.
my $canary = 'canarybird' . unpack('H*', pack('N', $$));
my $answers = $node->safe_psql('postgres', <<"SQL");
SELECT commerce.create_customer('canary\@example.com', password => '$canary') AS customer \\gset
SELECT commerce.create_jwt_key('HS256') ->> 'k';
SELECT commerce.create_totp(:'customer') ->> 'secret';
SELECT commerce.login('canary\@example.com', '$canary') AS token \\gset
SELECT :'token';
SELECT commerce.create_jwt(:'customer') AS jwt \\gset
SELECT :'jwt';
SELECT commerce.create_password_reset(:'customer') AS letter \\gset
SELECT :'letter';
SELECT commerce.use_session(:'token') IS NULL, commerce.verify_jwt(:'jwt') IS NULL;
SELECT commerce.change_password('$canary', '${canary}new', :'customer') IS NULL;
SQL
my @secrets = ($canary, grep { length $_ >= 32 } split /\n/, $answers);
is(scalar @secrets, 6, 'password, key, secret, token, signed token and letter');
# The bytes that some of them stand for.
push @secrets, map { my $t = $_; $t =~ tr{-_}{+/}; substr(MIME::Base64::decode_base64($t), 16) } grep { length $_ == 64 } @secrets;
# What goes wrong is logged, without what was given as a parameter.
$script = $node->basedir . '/canary.pgbench';
append_to_file($script, "SELECT commerce.login('canary\@example.com', :canary);\n");
$node->command_fails_like([ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-D', "canary=$canary", '-f', $script, 'postgres' ],
	qr/e-mail address, password or code is wrong/, 'a failed login');
my $control = 'controlbird';
$node->safe_psql('postgres', "CREATE TABLE control AS SELECT '$control'::text AS in_the_clear; ANALYZE; CHECKPOINT");
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dumped');
$node->stop;
my @found;
my $control_found = 0;
find(
	{
		no_chdir => 1,
		wanted => sub {
			return unless -f $_;
			my $content = slurp_file($_);
			$control_found++ if index($content, $control) >= 0;
			for my $secret (@secrets)
			{
				push @found, $_ if index($content, $secret) >= 0;
			}
		}
	},
	$node->data_dir,
	$node->logfile,
	$dump);
cmp_ok($control_found, '>=', 3, 'a text in the clear is found in table, WAL and dump');
like(slurp_file($node->logfile), qr/ERROR:  e-mail address, password or code is wrong/, 'and the failed login in the log');
is_deeply(\@found, [], 'no password, token or secret in data, WAL, log or dump');

done_testing();
