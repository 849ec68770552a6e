# What receivers, networks and certificates do to a sender: each fault is known for what it is, is tried again or given up
# as it should be, and keeps nothing from the others.
use strict;
use warnings;

use Commerce;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $node = new_node('main', workers => 1, conf => "commerce.allow_private_endpoints = '127.0.0.1'\n");
my $folder = $node->basedir;
my $sink = Sink->start($folder);

# Certificates: an authority, one of its servers by address, one whose time is over, and one of nobody's.
sub openssl
{
	my (@arguments) = @_;
	my ($output, $errors) = ('', '');

	IPC::Run::run([ 'openssl', @arguments ], '<', \undef, '>', \$output, '2>', \$errors) or die "openssl @arguments: $errors";
	return;
}

my @request = ('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes');
openssl(@request, '-x509', '-days', '30', '-subj', '/CN=commerce test', '-keyout', "$folder/ca.key", '-out', "$folder/ca.crt");
append_to_file("$folder/san", "subjectAltName = IP:127.0.0.1\n");
append_to_file("$folder/other_san", "subjectAltName = DNS:shop.example\n");
for my $server ([ 'good', 'san', '-days', '30' ], [ 'expired', 'san', '-days', '-1' ], [ 'other', 'other_san', '-days', '30' ])
{
	my ($name, $extension, @days) = @$server;

	openssl(@request, '-subj', '/CN=127.0.0.1', '-keyout', "$folder/$name.key", '-out', "$folder/$name.csr");
	openssl('x509', '-req', '-in', "$folder/$name.csr", '-CA', "$folder/ca.crt", '-CAkey', "$folder/ca.key", '-CAcreateserial', @days,
		'-extfile', "$folder/$extension", '-out', "$folder/$name.crt");
}
openssl(@request, '-x509', '-days', '30', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName = IP:127.0.0.1', '-keyout', "$folder/unknown.key",
	'-out', "$folder/unknown.crt");

# Starts a server that answers 200 to whoever speaks TLS with it; returns it and its port.
my @servers;
END
{
	# However the test ends.
	local $? = $?;
	kill('KILL', -$_) for @servers;
}

sub tls_server
{
	my ($name) = @_;
	my $probe = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!;
	my $port = $probe->sockport;

	$probe->close;
	my $pid = fork() // die "no process: $!";
	if ($pid == 0)
	{
		setpgrp(0, 0);
		open(STDOUT, '>', "$folder/$name.log");
		open(STDERR, '>&', \*STDOUT);
		# Its input stays open: it writes that to whoever connects, and would end with it.
		exec('sh', '-c', "{ printf 'HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n'; tail -f /dev/null; } |"
			  . " openssl s_server -accept 127.0.0.1:$port -cert $folder/$name.crt -key $folder/$name.key");
	}
	push @servers, $pid;
	# Not by connecting: the first who does is who gets the answer.
	wait_until(sub { -e "$folder/$name.log" && slurp_file("$folder/$name.log") =~ /^ACCEPT/m }, "$name: a server that speaks TLS");
	return $port;
}

$node->append_conf('postgresql.conf', "commerce.ca_file = '$folder/ca.crt'");
$node->start;
make_shop($node);

# Makes an endpoint for one topic and returns its id.
sub endpoint
{
	my ($url, $topic, $arguments) = @_;
	my $made = $node->safe_psql('postgres',
		"SELECT commerce.create_endpoint('$url', ARRAY['$topic']" . ($arguments ? ", $arguments" : '') . ') ->> \'id\'');

	return $made;
}

# Writes an event.
sub event
{
	my ($aggregate, $topic, $payload) = @_;
	my $json = $payload // '{}';

	return $node->safe_psql('postgres',
		"INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('$aggregate', '$topic', '$json') RETURNING id");
}

# Passes when the one delivery of an endpoint is as expected: state, status and what its error begins with.
sub ends
{
	my ($endpoint, $expected, $what) = @_;

	return wait_for($node, "SELECT concat_ws('|', state, attempt, coalesce(last_status::text, '-'), last_error) FROM commerce.deliveries
		WHERE endpoint = '$endpoint' AND attempt > 0 AND state <> 'leased'", $expected, $what);
}

# Each fault, at an endpoint of its own; one that hangs is among them from the beginning.
my $hanging = endpoint($sink->url('hang'), 'hang', 'max_in_flight => 4');
event("h$_", 'hang') for 1 .. 10;
wait_until(sub { scalar($sink->requests('hang')) == 4 }, 'an endpoint hangs with as many requests as it may have');

my @faults = (
	[ 'reset', 'pending|1|-|Failure when receiving data from the peer', 'a connection that is reset after the request was taken' ],
	[ 'garbage', 'pending|1|-|Unsupported protocol', 'an answer that is no HTTP' ],
	[ 'redirect', 'pending|1|302|it answered 302, and redirects are not followed', 'a redirect' ],
	[ 'status/404', 'pending|1|404|it answered 404', 'an answer 404' ],
	[ 'status/503', 'pending|1|503|it answered 503', 'an answer 503' ],
	[ 'big', 'delivered|1|200', 'a yes with a body of 1 GB' ],
	[ 'big500', 'pending|1|500|the answer is longer than 64 KiB', 'a no with a body of 1 GB' ],
	[ 'headers', 'delivered|1|200', 'a yes with headers that never end' ],
);
my %endpoint;
for my $fault (@faults)
{
	my ($path) = @$fault;

	(my $topic = "fault.$path") =~ tr{/}{_};
	$endpoint{$path} = endpoint($sink->url($path), $topic);
	event($path, $topic);
}
my $slow = endpoint($sink->url('slow'), 'slow');
event('s', 'slow');
for my $fault (@faults)
{
	my ($path, $expected, $what) = @$fault;

	ends($endpoint{$path}, $expected, $what);
}
is($node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE state = 'leased'), count(*) FILTER (WHERE last_error IS NOT NULL)
	FROM commerce.deliveries WHERE endpoint = '$hanging'"), '4|0', 'all that while the one that hangs has hung, and held up nobody');
my ($told) = grep { $_->{path} eq '/sent' } $sink->requests;
wait_until(sub { ($told) = grep { $_->{path} eq '/sent' } $sink->requests; $told }, 'the receiver could not send all of its 1 GB');
cmp_ok($told->{body}, '<', 64 * 1024 * 1024, 'but what the network holds');
is(scalar($sink->requests('ok')), 0, 'nobody has followed the redirect');

# Retry-After, and the schedule.
my $late = endpoint($sink->url('status/429/3000'), 'late');
event('l', 'late');
ends($late, 'pending|1|429|it answered 429', 'an answer 429');
is($node->safe_psql('postgres', "SELECT next_at BETWEEN now() + interval '2900 s' AND now() + interval '3000 s' FROM commerce.deliveries WHERE endpoint = '$late'"),
	't', 'is tried again when it asks to be');
is($node->safe_psql('postgres', "SELECT bool_and(next_at < now() + interval '7 s') FROM commerce.deliveries WHERE endpoint = '$endpoint{'status/404'}'"),
	't', 'others after some five seconds');
wait_for($node, "SELECT attempt > 1 AND next_at > now() + interval '200 s' FROM commerce.deliveries WHERE endpoint = '$endpoint{'status/404'}'",
	't', 'and then after some five minutes');

# The last attempt, order after it, and another try.
for my $mode ('strict', 'skip')
{
	my $dying = endpoint($sink->url('status/500'), "dying.$mode", "order_mode => '$mode'");

	event("d$mode", "dying.$mode", "{\"n\": $_}") for 1 .. 2;
	event("e$mode", "dying.$mode");
	wait_for($node, "SELECT count(*) = 2 FROM commerce.deliveries WHERE endpoint = '$dying' AND state = 'pending' AND attempt = 1", 't', "$mode: the first of each aggregate has failed");
	$node->safe_psql('postgres', "UPDATE commerce.deliveries SET attempt = 9, next_at = now() WHERE endpoint = '$dying' AND attempt = 1 AND aggregate = 'd$mode';
		SELECT commerce.wake_sender()");
	wait_for($node, "SELECT string_agg(state || attempt, ' ' ORDER BY event) FROM commerce.deliveries WHERE endpoint = '$dying' AND aggregate = 'd$mode'",
		$mode eq 'strict' ? 'dead10 pending0' : 'dead10 pending1', "$mode: after ten attempts it is given up");
	is($node->safe_psql('postgres', "SELECT given_up, waiting, failing, last_error FROM commerce.outbox_status() WHERE endpoint = '$dying'"),
		$mode eq 'strict' ? '1|2|1|it answered 500' : '1|2|2|it answered 500', "$mode: which outbox_status() says");
	$node->safe_psql('postgres', "SELECT commerce.update_endpoint('$dying', url => '" . $sink->url("ok/$mode") . "')");
	is($node->safe_psql('postgres', "SELECT commerce.replay_events('$dying', events => ARRAY(SELECT event FROM commerce.deliveries WHERE endpoint = '$dying' AND state = 'dead'))"),
		'1', "$mode: and sent again on request") if $mode eq 'strict';
	is($node->safe_psql('postgres', "SELECT commerce.skip_events('$dying')"), '1', "$mode: or let be") if $mode eq 'skip';
	$node->safe_psql('postgres', "UPDATE commerce.deliveries SET next_at = now() WHERE endpoint = '$dying' AND state = 'pending' AND next_at < 'infinity'; SELECT commerce.wake_sender()");
	wait_for($node, "SELECT string_agg(state, ' ' ORDER BY event) FROM commerce.deliveries WHERE endpoint = '$dying'",
		$mode eq 'strict' ? 'delivered delivered delivered' : 'skipped delivered delivered', "$mode: and all is done");
	is(join(' ', map { decode_json($_->{body})->{data}{n} // '-' } grep { $_->{body} =~ /"n"/ } $sink->requests("ok/$mode")),
		$mode eq 'strict' ? '1 2' : '2', "$mode: in order");
}

# 410.
my $gone = endpoint($sink->url('status/410'), 'gone');
event('g', 'gone');
ends($gone, 'dead|1|410|it answered 410', 'an answer 410 is the end of the event');
is($node->safe_psql('postgres', "SELECT enabled, last_error FROM commerce.outbox_status() WHERE endpoint = '$gone'"),
	'f|it answered 410 Gone', 'and of the endpoint');

# A receiver that answers, but never to the end, and one that does not: both run out of time.
wait_for($node, "SELECT state, last_status, last_error FROM commerce.deliveries WHERE endpoint = '$slow' AND attempt = 1 AND state = 'pending'",
	'pending|200|Timeout was reached', 'an answer that trickles in is given fifteen seconds');
wait_for($node, "SELECT count(*) >= 4 FROM commerce.deliveries WHERE endpoint = '$hanging' AND last_error = 'Timeout was reached' AND last_status IS NULL",
	't', 'and so is none');
wait_for($node, "SELECT count(*) = 1 FROM commerce.deliveries WHERE endpoint = '$hanging' AND state = 'leased'", 't',
	'after that it is asked one thing at a time');

# TLS.
my %tls = map { $_ => endpoint('https://127.0.0.1:' . tls_server($_) . '/hook', "tls.$_") } ('good', 'expired', 'other', 'unknown');
for my $name (sort keys %tls)
{
	event("t$name", "tls.$name");
}
my $unverified = 'pending|1|-|SSL peer certificate or SSH remote key was not OK';
ends($tls{good}, 'delivered|1|200', 'a server whose certificate is right');
ends($tls{expired}, $unverified, 'one whose time is over');
ends($tls{other}, $unverified, 'one of another name');
ends($tls{unknown}, $unverified, 'one of an unknown authority');
my $plain = endpoint("https://127.0.0.1:$sink->{port}/ok", 'tls.plain');
event('tp', 'tls.plain');
ends($plain, 'pending|1|-|Timeout was reached', 'one that speaks no TLS');
is(scalar($sink->requests('ok')), 0, 'is told nothing');

# A key that is gone.
$node->safe_psql('postgres', "DELETE FROM commerce.data_keys WHERE subject = '$late'");
$node->safe_psql('postgres', "UPDATE commerce.deliveries SET next_at = now() WHERE endpoint = '$late'; SELECT commerce.wake_sender()");
ends($late, q(pending|2|-|the endpoint's secret cannot be opened), 'what cannot be signed is not sent');
is(scalar($sink->requests('status/429/3000')), 1, 'in no way');

# Nothing of what was sent or answered is in the log, or in what is known of deliveries.
my $log = slurp_file($node->logfile);
unlike($log, qr/whsec_[A-Za-z0-9+\/]{20}|TRAP|PANIC|server process .* was terminated/, 'the log holds no secret, and no crash');

$node->stop;
done_testing();
