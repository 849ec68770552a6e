# FakeServices: a carrier and a tax service on 127.0.0.1 that answer in JSON.
#
#     my $services = FakeServices->start;               # $services->url
#     $services->fail('label', 'drop');                 # what becomes of the next request of a kind
#     $services->log;                                   # what was asked: kind, key and body of each request
#
# Kinds: rates, label, find, track, tax. Failures: drop (does it and hangs up), reset (hangs up), 500, garbage. A label is made
# once for each key; whoever asks again with it gets the same one. One process serves one request at a time.
package FakeServices;

use strict;
use warnings;

use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;

my $json = JSON::PP->new->canonical->utf8;

sub start
{
	my ($class) = @_;
	my $self = bless { owner => $$ }, $class;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1) or die "no socket: $!";

	$self->{url} = 'http://127.0.0.1:' . $listener->sockport;
	$self->{pid} = fork() // die "no process: $!";
	if ($self->{pid} == 0)
	{
		$SIG{PIPE} = 'IGNORE';
		$self->{$_} = {} for qw(labels faults seen);
		$self->{log} = [];
		while (1)
		{
			my $client = $listener->accept or next;

			eval { $self->serve($client); 1 } or print STDERR "FakeServices: $@";
			$client->close;
		}
	}
	$listener->close;
	return $self;
}

sub DESTROY
{
	my ($self) = @_;
	my $status = $?;

	if ($self->{owner} == $$ && $self->{pid})
	{
		kill('KILL', $self->{pid});
		waitpid($self->{pid}, 0);
	}
	$? = $status;
	return;
}

sub url { return $_[0]->{url}; }

# What tests ask.
sub control
{
	my ($self, $path) = @_;
	my $answer = HTTP::Tiny->new->post("$self->{url}/control/$path", { content => '' });

	die "control/$path: $answer->{content}" unless $answer->{status} == 200;
	return $json->decode($answer->{content});
}

sub fail { my ($self, $kind, $how) = @_; return $self->control("fail/$kind/$how"); }
sub log { return @{ $_[0]->control('log') }; }

# Reads one request and answers it, or does not.
sub serve
{
	my ($self, $client) = @_;
	my ($method, $target) = (readline($client) // '') =~ m{^(\w+) (\S+) HTTP/1\.[01]\r\n} or return;
	my %header;
	my $body = '';
	my ($status, $answer);

	while (defined(my $line = readline($client)))
	{
		last if $line =~ /^\r?\n$/;
		$header{ lc $1 } = $2 if $line =~ /^([^:]+):\s*(.*?)\r?\n$/;
	}
	read($client, $body, $header{'content-length'}) if $header{'content-length'};
	if ($target =~ m{^/control/(.*)})
	{
		my ($what, @more) = split(m{/}, $1);

		push @{ $self->{faults}{ $more[0] } }, $more[1] if $what eq 'fail';
		($status, $answer) = (200, $what eq 'log' ? $self->{log} : []);
	}
	else
	{
		($status, $answer) = $self->answer($method, $target, \%header, $body);
	}
	return unless defined $status;
	my $text = ref $answer ? $json->encode($answer) : $answer;
	print $client "HTTP/1.1 $status Whatever\r\nContent-Type: application/json\r\nContent-Length: " . length($text) . "\r\nConnection: close\r\n\r\n$text";
	return;
}

# Does what is asked, and what goes wrong with it; returns status and answer, nothing to hang up.
sub answer
{
	my ($self, $method, $target, $header, $body) = @_;
	my ($kind, $key) = $target =~ m{^/(rates|label|tax)$} ? ($1, $header->{'idempotency-key'}) : $target =~ m{^/label/([0-9a-f-]+)$} ? ('find', $1)
		: $target =~ m{^/parcel/(\w+)$} ? ('track', $1) : ('unknown', '');
	my $fault = shift @{ $self->{faults}{$kind} // [] } // '';
	my $asked = $body ne '' ? $json->decode($body) : {};

	push @{ $self->{log} }, { kind => $kind, key => $key, body => $body };
	return (401, { code => 'key' }) unless ($header->{'x-api-key'} // '') eq 'k-acme';
	return if $fault eq 'reset';
	return (500, { code => 'busy' }) if $fault eq '500';
	my @answer =
	    $kind eq 'rates' ? (200, { rates => [ { service => 'parcel', price => '4.90 EUR', days => 3 }, { service => 'express', price => '11.90 EUR', days => 1 } ] })
	  : $kind eq 'label' ? (200, $self->{labels}{$key} //= { tracking => 'T' . (1 + keys %{ $self->{labels} }), url => 'https://acme.example/parcel' })
	  : $kind eq 'find'  ? ($self->{labels}{$key} ? (200, $self->{labels}{$key}) : (404, { code => 'none' }))
	  : $kind eq 'track' ? (200, { place => ++$self->{seen}{$key} > 1 ? 'delivered' : 'on its way' })
	  : $kind eq 'tax'   ? (200, { rate => $asked->{postal_code} =~ /^100/ ? '8.875' : '4', jurisdiction => $asked->{postal_code} =~ /^100/ ? 'New York City' : 'New York' })
	  :                    (404, { code => 'path' });
	return if $fault eq 'drop';
	return (200, 'no JSON') if $fault eq 'garbage';
	return @answer;
}

1;
