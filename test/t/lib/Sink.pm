# Sink: a web server that events are sent to, and that does to senders what web servers do.
#
#     my $sink = Sink->start($folder);                  # on 127.0.0.1, or the address that is given besides
#     $sink->url('ok');                                 # http://127.0.0.1:port/ok
#     my @requests = $sink->requests;                   # what has come so far, as hashes
#
# What it does stands in the first part of the path:
#     ok              answers 200
#     status/N        answers N; status/N/S with "Retry-After: S"
#     flaky/N         answers 500 to the first N requests for an event, then 200
#     redirect        answers 302 and leads to /ok
#     hang            takes the request and never answers
#     held/FILE       answers 200 when there is a file of that name in the folder
#     reset           takes the request and resets the connection
#     slow            answers 200, one byte of a long body at a time, for ever
#     big, big500     answers 200 or 500 with a body of 1 GB
#     garbage         answers what is no HTTP
#     headers         answers with headers that never end
#     storm/N         of a hundred requests, N go wrong in one of the ways above or without being read; others are answered
#                     200. What went wrong stands behind the path of the request: /storm/N/reset
# Every connection has a process of its own. Each request is written down before it is answered.
package Sink;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(usleep time);

sub start
{
	my ($class, $folder, $address) = @_;
	my $self = bless { log => "$folder/requests", folder => $folder, owner => $$ }, $class;
	my $listener = IO::Socket::INET->new(LocalAddr => $address // '127.0.0.1', Listen => 512, ReuseAddr => 1) or die "no socket: $!";

	open(my $log, '>', $self->{log}) or die "$self->{log}: $!";
	close($log);
	$self->{port} = $listener->sockport;
	$self->{pid} = fork() // die "no process: $!";
	if ($self->{pid} == 0)
	{
		setpgrp(0, 0);
		$SIG{CHLD} = 'IGNORE';
		$SIG{PIPE} = 'IGNORE';
		while (1)
		{
			my $client = $listener->accept or next;

			if (fork() == 0)
			{
				srand();
				$listener->close;
				$self->serve($client);
				POSIX::_exit(0);
			}
			$client->close;
		}
	}
	$listener->close;
	return $self;
}

sub stop
{
	my ($self) = @_;

	return unless $self->{pid};
	kill('KILL', -$self->{pid}, $self->{pid});
	waitpid($self->{pid}, 0);
	$self->{pid} = 0;
	return;
}

sub DESTROY
{
	my ($self) = @_;

	my $status = $?;

	# Not in the processes that serve. How the test ends is its own affair; at the very end local() would not give it back.
	$self->stop if $self->{owner} == $$;
	$? = $status;
	return;
}

sub url
{
	my ($self, $path) = @_;

	return "http://127.0.0.1:$self->{port}/$path";
}

# Returns what has come: path, id, timestamp, signature, type, agent, authorization, body.
sub requests
{
	my ($self, $path) = @_;
	my @requests;

	open(my $log, '<', $self->{log}) or die "$self->{log}: $!";
	while (my $line = <$log>)
	{
		my %request;

		chomp $line;
		@request{qw(at path id timestamp signature type agent authorization body)} = split(/\t/, $line, 9);
		push @requests, \%request if !defined $path || $request{path} eq "/$path";
	}
	close($log);
	return @requests;
}

# Serves one connection.
sub serve
{
	my ($self, $client) = @_;
	my $buffer = '';

	while (1)
	{
		until ($buffer =~ /\r\n\r\n/)
		{
			sysread($client, $buffer, 65536, length $buffer) or return;
		}
		my ($head, $rest) = split(/\r\n\r\n/, $buffer, 2);
		my ($path) = $head =~ m{^POST (\S+) HTTP/1\.1\r\n};
		my %headers = map { /^([^:]+): *(.*)$/ ? (lc $1 => $2) : () } split(/\r\n/, $head);
		my $length = $headers{'content-length'} // 0;

		while (length $rest < $length)
		{
			sysread($client, $rest, $length - length $rest, length $rest) or return;
		}
		$buffer = substr($rest, $length);
		$path = storm($path) if defined $path && $path =~ m{^/storm/\d+$};
		$self->note(sprintf('%.6f', time()), $path // $head,
			(map { $headers{$_} // '' } qw(webhook-id webhook-timestamp webhook-signature content-type user-agent authorization)),
			substr($rest, 0, $length));
		$self->answer($client, $path // '/status/400', $headers{'webhook-id'} // '') or return;
	}
}

# Returns the path of a request to /storm/N with what is to go wrong behind it.
sub storm
{
	my ($path) = @_;
	my @faults = ('500', '503', '302', 'reset', 'garbage', 'silent');
	my ($percent) = $path =~ /(\d+)$/;

	return rand(100) < $percent ? "$path/$faults[int(rand(@faults))]" : $path;
}

# Writes down a request, whole, whoever else writes.
sub note
{
	my ($self, @fields) = @_;

	open(my $log, '>>', $self->{log}) or die "$self->{log}: $!";
	syswrite($log, join("\t", @fields) . "\n");
	close($log);
	return;
}

# Answers; returns whether the connection goes on.
sub answer
{
	my ($self, $client, $path, $id) = @_;
	my (undef, $what, @more) = split(m{/}, $path);
	my $status = 200;
	my $extra = '';

	if ($what eq 'storm')
	{
		$what = $more[1] // 'ok';
		$status = $what if $what =~ /^\d+$/;
		return 0 if $what eq 'silent';
	}
	if ($what eq 'status')
	{
		$status = $more[0];
		$extra = "retry-after: $more[1]\r\n" if defined $more[1];
	}
	elsif ($what eq 'flaky')
	{
		my $before = grep { $_->{id} eq $id } $self->requests(substr($path, 1));

		$status = 500 if $before <= $more[0];
	}
	elsif ($what eq 'redirect')
	{
		$status = 302;
		$extra = 'location: ' . $self->url('ok') . "\r\n";
	}
	elsif ($what eq 'hang')
	{
		sysread($client, my $nothing, 1);
		return 0;
	}
	elsif ($what eq 'held')
	{
		until (-e "$self->{folder}/$more[0]")
		{
			usleep(20_000);    # poll
		}
	}
	elsif ($what eq 'reset')
	{
		setsockopt($client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
		close($client);
		return 0;
	}
	elsif ($what eq 'garbage')
	{
		syswrite($client, "\x00\xff\x16\x03 this is not HTTP\r\n\r\n" x 20);
		return 0;
	}
	elsif ($what eq 'slow')
	{
		syswrite($client, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
		while (syswrite($client, 'x'))
		{
			select(undef, undef, undef, 0.1);
		}
		return 0;
	}
	elsif ($what eq 'headers')
	{
		syswrite($client, "HTTP/1.1 200 OK\r\n");
		for my $n (1 .. 1_000_000)
		{
			syswrite($client, "x-$n: " . ('y' x 1000) . "\r\n") or last;
		}
		return 0;
	}
	elsif ($what =~ /^big(\d*)$/)
	{
		my $chunk = 'x' x 1_048_576;

		syswrite($client, 'HTTP/1.1 ' . ($1 || 200) . " Big\r\ncontent-length: 1073741824\r\n\r\n");
		for (1 .. 1024)
		{
			my $sent = syswrite($client, $chunk);
			last unless $sent;
			$self->{sent} += $sent;
		}
		$self->note(time(), '/sent', $id, '', '', '', '', '', $self->{sent} // 0);
		return 0;
	}
	return syswrite($client, "HTTP/1.1 $status Status\r\ncontent-length: 2\r\n$extra\r\nok");
}

1;
