# What the network and the environment would have a sender do: names that lead somewhere else the second time, proxies that
# the server's environment names. What it dials is looked at when it dials, and nobody stands between.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $node = new_node('main', workers => 1, conf => "commerce.allow_private_endpoints = '127.0.0.2'\n");
my $folder = $node->basedir;
my $sink = Sink->start($folder, '0.0.0.0');
my $proxy_folder = PostgreSQL::Test::Utils::tempdir();
my $proxy = Sink->start($proxy_folder, '0.0.0.0');
my $hosts = "$folder/hosts";
my ($wrapper) = grep { -e } glob('/usr/lib/*/libnss_wrapper.so');

# Says where names lead.
sub names_lead
{
	my (%addresses) = @_;
	my $lines = join('', map { "$addresses{$_} $_\n" } sort keys %addresses);

	# Whole at any time.
	append_to_file("$hosts.new", $lines);
	rename("$hosts.new", $hosts) or die "$hosts: $!";
	return;
}

# Returns what is known of the one delivery of an endpoint.
sub delivery
{
	my ($endpoint) = @_;

	return "SELECT concat_ws('|', state, attempt, last_status, last_error) FROM commerce.deliveries WHERE endpoint = '$endpoint' AND aggregate = (SELECT max(aggregate) FROM commerce.deliveries)";
}

BAIL_OUT('no libnss_wrapper.so') unless $wrapper;
names_lead('receiver.example' => '127.0.0.2', 'inside.example' => '127.0.0.1', 'mapped.example' => '::ffff:127.0.0.1', 'proxy.example' => '127.0.0.2');
{
	my $through = "http://127.0.0.2:$proxy->{port}";

	# Nothing but the server is to go by these.
	local %ENV = (%ENV, LD_PRELOAD => $wrapper, NSS_WRAPPER_HOSTS => $hosts, map { $_ => $through } qw(http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY));
	$node->start;
}
make_shop($node);
my $n = 0;

# Makes an endpoint, writes an event for it and returns the endpoint's id and topic. In the clear names are not taken, so the
# name is written by hand: who dials has to know by himself.
sub endpoint_with_event
{
	my ($host, $path) = @_;
	my $topic = 'net' . ++$n;
	my $endpoint = $node->safe_psql('postgres', "SELECT commerce.create_endpoint('http://127.0.0.2:$sink->{port}/', '{$topic.*}') ->> 'id'");

	$node->safe_psql('postgres', "UPDATE commerce.endpoints SET url = 'http://$host:$sink->{port}/$path' WHERE id = '$endpoint'");
	$node->safe_psql('postgres', "INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('a$n', '$topic.done', '{}')");
	return ($endpoint, $topic);
}

my ($receiver, $topic) = endpoint_with_event('receiver.example', 'ok/receiver');
wait_for($node, delivery($receiver), 'delivered|1|200', 'a name that leads to an address that is allowed is sent to');
is(scalar($proxy->requests), 0, 'and not through the proxy of the environment');
for my $inside ('inside.example', 'mapped.example')
{
	my ($endpoint) = endpoint_with_event($inside, "ok/$inside");

	wait_for($node, delivery($endpoint), 'pending|1|its address is not allowed', "$inside leads inside: it is not sent to");
	is(scalar($sink->requests("ok/$inside")), 0, 'in no way');
	$node->safe_psql('postgres', "SELECT commerce.delete_endpoint('$endpoint')");
}

# The name leads somewhere else now. What it led to is forgotten with the connections, when the settings are read anew.
names_lead('receiver.example' => '127.0.0.1');
$node->reload;
$node->safe_psql('postgres', "INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('b', '$topic.done', '{}')");
wait_for($node, "SELECT concat_ws('|', state, attempt, last_error) FROM commerce.deliveries WHERE endpoint = '$receiver' AND aggregate = 'b'",
	'pending|1|its address is not allowed', 'a name that led outside, and leads inside now, is not sent to any more');
is(scalar($sink->requests('ok/receiver')), 1, 'in no way');
names_lead('receiver.example' => '127.0.0.2');
$node->reload;
$node->safe_psql('postgres', "UPDATE commerce.deliveries SET next_at = now() WHERE aggregate = 'b'; SELECT commerce.wake_sender()");
wait_for($node, "SELECT state FROM commerce.deliveries WHERE endpoint = '$receiver' AND aggregate = 'b'", 'delivered', 'until it leads outside again');
is(scalar($proxy->requests), 0, 'nobody has asked the proxy for anything');
$node->stop;

done_testing();
