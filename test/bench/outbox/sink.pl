# sink.pl PORT FILE: a web server that answers 200 to every request and does nothing else, in as many processes as there are
# connections, until it is killed. It never answers what is sent to /hang; of what is sent to /timed it writes down how
# many milliseconds after having been written it came.
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(time);

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 1024, ReuseAddr => 1) or die "no socket: $!";
my $answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

# Whoever kills the group kills all of it.
setpgrp(0, 0);
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
while (1)
{
	my $client = $listener->accept or next;

	if ((fork() // 1) == 0)
	{
		my $buffer = '';

		while (sysread($client, $buffer, 65536, length $buffer))
		{
			while ($buffer =~ /^(.*?\r\n\r\n)/s)
			{
				my $head = $1;
				my $length = $head =~ /^content-length: *(\d+)/mi ? $1 : 0;

				last if length $buffer < length($head) + $length;
				if ($head =~ m{^POST /timed })
				{
					open(my $file, '>>', $ARGV[1]) or die "$ARGV[1]: $!";
					syswrite($file, sprintf("%.3f\n", 1000 * (time() - $1))) if $buffer =~ /"written": ?([0-9.]+)/;
					close($file);
				}
				sleep if $head =~ m{^POST /hang };
				substr($buffer, 0, length($head) + $length) = '';
				syswrite($client, $answer);
			}
		}
		exit;
	}
	$client->close;
}
