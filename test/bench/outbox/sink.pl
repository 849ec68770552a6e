# sink.pl PORT: a web server that answers 200 to every request and does nothing else, in as many processes as there are
# connections, until it is killed.
use strict;
use warnings;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 1024, ReuseAddr => 1) or die "no socket: $!";
my $answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

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
				substr($buffer, 0, length($head) + $length) = '';
				syswrite($client, $answer);
			}
		}
		exit;
	}
	$client->close;
}
