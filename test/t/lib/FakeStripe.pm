# FakeStripe: a server that speaks Stripe's wire format as far as a shop hears it, and fails as servers do.
#
#     my $stripe = FakeStripe->start;                   # on 127.0.0.1; $stripe->url
#     $stripe->fail('capture', 'drop');                 # what becomes of the next request of a kind
#     $stripe->events;                                  # what it has to tell, each once; the body of each
#     $stripe->state;                                   # all it knows
#     $stripe->agrees($node, 'in the end');             # tests that a shop's ledger says the same
#
# Kinds of requests: authorize, capture, void, refund, ask. Failures: drop (does it and hangs up), reset (hangs up), 500,
# late500 (does it and answers 500), 409 (a request of this key is under way), 429, garbage and big (does it and answers
# what is no JSON, or too much), hang (does it and never answers), huge, half and trickle (does it and answers a body of 1 GB,
# one that stops halfway, and one that never ends), redirect, pending (of a refund), lost (a search that does not find yet). Payment methods: pm_card_visa; pm_card_declined; pm_card_3ds, which
# has the buyer confirm ($stripe->confirm). Keys are remembered: the same request is done once and answered the same, another
# request under the same key is refused. One process serves one request at a time, so that its state needs no lock.
package FakeStripe;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use Encode qw(decode);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Test::More import => [qw(is is_deeply)];
use Time::HiRes ();

our $secret = 'sk_test_4eC39HqLyjWDarjtT1zdp7dc';
our $webhook_secret = 'whsec_test_of_the_fake';
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
		$self->{$_} = {} for qw(intents refunds keys faults);
		$self->{$_} = [] for qw(events log held);
		$self->{serial} = 0;
		while (1)
		{
			my $client = $listener->accept or next;
			eval { $self->serve($client); 1 } or print STDERR "FakeStripe: $@";
			$client->close unless $self->{holds};
			# Whoever waits for an answer waits on.
			push @{ $self->{held} }, $client if delete $self->{holds};
		}
	}
	$listener->close;
	return $self;
}

sub DESTROY
{
	my ($self) = @_;

	# How the test ends is its own affair.
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

# What tests ask, beside the wire format.
sub control
{
	my ($self, $path) = @_;
	my $answer = HTTP::Tiny->new->post("$self->{url}/control/$path", { content => '' });

	die "control/$path: $answer->{content}" unless $answer->{status} == 200;
	return $json->decode($answer->{content});
}

sub fail { my ($self, $kind, $how) = @_; return $self->control("fail/$kind/$how"); }
sub confirm { my ($self, $intent) = @_; return $self->control("confirm/$intent"); }
sub dispute { my ($self, $intent, $minor, $status) = @_; return $self->control("dispute/$intent/$minor/$status"); }
sub settle { return $_[0]->control('settle'); }
sub state { return $_[0]->control('state'); }

# The bodies of the events that have not been fetched.
sub events
{
	my ($self) = @_;

	return map { $json->encode($_) } @{ $self->control('events') };
}

# The header that goes with a body.
sub sign
{
	my ($self, $body, $at) = @_;

	$at //= time();
	return "t=$at,v1=" . hmac_sha256_hex("$at.$body", $webhook_secret);
}

# Passes when the ledger of a shop and what the provider holds are the same to the cent.
sub agrees
{
	my ($self, $node, $when, $provider) = @_;

	$provider //= 'stripe';
	my $sql = sub { return $node->safe_psql('postgres', $_[0]); };
	my $state = $self->state;
	my %theirs = map {
		my $i = $_;
		my $open = $i->{status} eq 'requires_capture';
		# What it took and gave back again without the shop's books having known of it comes to nothing.
		($i->{id} => join(' ', $open ? $i->{amount} : 0, $i->{amount_received} - $i->{refunded} - $i->{disputed}))
	} values %{ $state->{intents} };
	my %ours = map { my ($id, $promised, $kept) = split /\|/; ($id => "$promised $kept") } split /\n/, $sql->(qq(
		SELECT r.reference, CASE WHEN p.state = 'authorized' THEN commerce.minor_units(p.authorized) ELSE 0 END,
			commerce.minor_units(p.captured) - commerce.minor_units(p.refunded) - commerce.minor_units(p.charged_back)
		FROM commerce.provider_payments r JOIN commerce.payments p ON p.order_id = r.order_id AND p.id = r.payment_id WHERE r.provider = '$provider'));
	my %known = map { $_ => $theirs{$_} } grep { exists $ours{$_} } keys %theirs;

	is_deeply(\%ours, \%known, "$when: of each payment the ledger and the provider hold the same");
	is_deeply([ grep { !exists $ours{$_} && $theirs{$_} ne '0 0' } keys %theirs ], [], "$when: and there is no payment that the shop does not know");
	is($sql->(q(SELECT count(*) FROM (SELECT provider, reference, kind FROM commerce.payment_references GROUP BY 1, 2, 3 HAVING count(*) > 1) x)), '0', "$when: nothing is booked twice");
	is($sql->(q(SELECT p.id FROM commerce.payments p JOIN commerce.payment_entries e ON e.order_id = p.order_id AND e.payment_id = p.id GROUP BY p.order_id, p.id, p.captured, p.refunded
		HAVING coalesce(sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'capture'), 0) <> commerce.minor_units(p.captured)
			OR coalesce(sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'refund'), 0) <> commerce.minor_units(p.refunded))), '', "$when: payments are what their entries say");
	my %bodies;
	$bodies{ $_->{key} }{ $_->{body} } = 1 for grep { $_->{key} } @{ $state->{log} };
	is_deeply([ grep { keys %{ $bodies{$_} } != 1 } keys %bodies ], [], "$when: under each key the same was sent, byte for byte");
	return;
}

# Reads one request and answers it.
sub serve
{
	my ($self, $client) = @_;
	my ($method, $target) = (readline($client) // '') =~ m{^(\w+) (\S+) HTTP/1\.[01]\r\n} or return;
	my %header;
	my $body = '';

	while (defined(my $line = readline($client)))
	{
		last if $line =~ /^\r?\n$/;
		$header{ lc $1 } = $2 if $line =~ /^([^:]+):\s*(.*?)\r?\n$/;
	}
	read($client, $body, $header{'content-length'}) if $header{'content-length'};
	my ($status, $answer) = $target =~ m{^/control/(.*)} ? (200, $self->controlled(split m{/}, $1)) : $self->answer($method, $target, \%header, $body);
	return unless defined $status;
	return $self->stream($client, $status) if $status !~ /^\d+$/;
	my $text = ref $answer ? $json->encode($answer) : $answer;
	print $client "HTTP/1.1 $status Whatever\r\nContent-Type: application/json\r\n"
	  . ($status == 429 ? "Retry-After: 7\r\n" : '') . ($status == 302 ? "Location: $self->{url}/elsewhere\r\n" : '') . 'Content-Length: ' . length($text) . "\r\nConnection: close\r\n\r\n$text";
	return;
}

# Answers in ways that take their time, in a process of its own; or not at all.
sub stream
{
	my ($self, $client, $how) = @_;

	if ($how eq 'hang')
	{
		$self->{holds} = 1;
		return;
	}
	local $SIG{CHLD} = 'IGNORE';
	return if fork();
	my $head = "HTTP/1.1 200 Whatever\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n{\"id\": \"pi_1\", \"status\": \"";
	syswrite($client, $head);
	if ($how eq 'huge')
	{
		for (1 .. 1024) { syswrite($client, 'x' x 1_048_576) or last; }
	}
	elsif ($how eq 'trickle')
	{
		while (syswrite($client, 'x')) { select(undef, undef, undef, 0.1); }
	}
	POSIX::_exit(0);
}

sub controlled
{
	my ($self, $what, @more) = @_;

	if ($what eq 'fail')
	{
		push @{ $self->{faults}{ $more[0] } }, $more[1];
	}
	elsif ($what eq 'confirm')
	{
		my $intent = $self->{intents}{ $more[0] };

		$self->proceed($intent);
	}
	elsif ($what eq 'dispute')
	{
		my ($id, $minor, $status) = @more;
		my $intent = $self->{intents}{$id};
		my $event = $status eq 'needs_response' ? 'created' : 'closed';

		$intent->{disputed} += { needs_response => $minor, won => -$minor, lost => 0 }->{$status};
		$self->tell("charge.dispute.$event",
			{ id => "dp_$id", object => 'dispute', amount => $minor + 0, currency => $intent->{currency}, status => $status,
				payment_intent => $id, charge => $intent->{latest_charge} });
	}
	elsif ($what eq 'settle')
	{
		for my $refund (grep { $_->{status} eq 'pending' } values %{ $self->{refunds} })
		{
			$refund->{status} = 'succeeded';
			$self->tell('refund.updated', $refund);
		}
	}
	elsif ($what eq 'events')
	{
		my $events = $self->{events};

		$self->{events} = [];
		return $events;
	}
	elsif ($what eq 'state')
	{
		return { intents => $self->{intents}, refunds => $self->{refunds}, log => $self->{log}, left => $self->{faults} };
	}
	return {};
}

sub tell
{
	my ($self, $type, $object) = @_;

	push @{ $self->{events} }, { id => 'evt_' . ++$self->{serial}, object => 'event', type => $type, created => time(), livemode => JSON::PP::false,
		data => { object => $json->decode($json->encode($object)) } };
	return;
}

sub error
{
	my ($status, $type, $code, %more) = @_;

	return ($status, { error => { type => $type, code => $code, message => 'Says in words what went wrong with 4242 4242 4242 4242.', %more } });
}

# Where nothing is in the way, a PaymentIntent is authorized or captured.
sub proceed
{
	my ($self, $intent) = @_;

	delete $intent->{next_action};
	if ($intent->{capture_method} eq 'manual')
	{
		@$intent{qw(status amount_capturable)} = ('requires_capture', $intent->{amount});
		$self->tell('payment_intent.amount_capturable_updated', $intent);
	}
	else
	{
		@$intent{qw(status amount_received)} = ('succeeded', $intent->{amount});
		$self->tell('payment_intent.succeeded', $intent);
	}
	return;
}

# Answers a request as Stripe does, or fails as was asked for. Nothing: hang up.
sub answer
{
	my ($self, $method, $target, $header, $body) = @_;
	my ($path, $query) = split /\?/, $target, 2;
	my %field = map { my ($k, $v) = split /=/; s/\+/ /g, s/%([0-9A-Fa-f]{2})/chr hex $1/ge for $k, $v; ($k => $v) }
	  split /&/, $method eq 'GET' ? $query // '' : $body;
	my $kind = $method eq 'GET' ? 'ask' : $path =~ m{/capture$} ? 'capture' : $path =~ m{/cancel$} ? 'void' : $path =~ m{/refunds$} ? 'refund' : 'authorize';
	my $fault = shift @{ $self->{faults}{$kind} // [] } // '';
	my $key = $header->{'idempotency-key'};

	push @{ $self->{log} }, { kind => $kind, key => $key, body => $body, fault => $fault, at => Time::HiRes::time(), target => $target };
	# Beside Stripe's: says what came, and the characters whose numbers are in the path; or nothing.
	return ('hang', undef) if $path =~ m{^/echo/hang};
	return (200, { method => $method, target => $target, headers => $header, body => decode('UTF-8', $body), says => join('', map { chr hex } $path =~ /u([0-9a-f]+)/g) })
	  if $path =~ m{^/echo/};
	return if $fault eq 'reset';
	return error(500, 'api_error', undef) if $fault eq '500';
	return error(429, 'invalid_request_error', 'rate_limit') if $fault eq '429';
	return (302, {}) if $fault eq 'redirect';
	return error(409, 'idempotency_error', 'idempotency_key_in_use') if $fault eq '409';
	return error(401, 'invalid_request_error', undef) unless ($header->{authorization} // '') eq "Bearer $secret";
	return error(400, 'invalid_request_error', 'version') unless ($header->{'stripe-version'} // '') =~ /^\d{4}-\d\d-\d\d/;
	my @answer;
	if ($method eq 'GET')
	{
		@answer = $fault eq 'lost' ? (200, { object => 'search_result', data => [] }) : $self->look($path, \%field);
	}
	else
	{
		return error(400, 'invalid_request_error', 'no_key') unless $key;
		my $known = $self->{keys}{$key};

		return error(400, 'idempotency_error', undef) if $known && ($known->{target} ne $target || $known->{body} ne $body);
		@answer = $known ? @{ $known->{answer} } : $self->act($kind, $path, \%field, $fault);
		# As it is now, not as it may become.
		$answer[1] = $json->decode($json->encode($answer[1]));
		$self->{keys}{$key} = { target => $target, body => $body, answer => [@answer] };
	}
	return if $fault eq 'drop';
	return error(500, 'api_error', undef) if $fault eq 'late500';
	return (200, '<html>Bad gateway</html>') if $fault eq 'garbage';
	return (200, '{"id": "' . 'x' x 70000 . '"}') if $fault eq 'big';
	return ($fault, undef) if $fault =~ /^(hang|huge|half|trickle)$/;
	return @answer;
}

sub look
{
	my ($self, $path, $field) = @_;

	if ($path eq '/v1/payment_intents/search')
	{
		my ($call) = $field->{query} =~ /^metadata\["commerce_call"\]:"([0-9a-f-]+)"$/ or return error(400, 'invalid_request_error', 'query');
		return (200, { object => 'search_result', has_more => JSON::PP::false,
			data => [ grep { $_->{metadata}{commerce_call} eq $call } values %{ $self->{intents} } ] });
	}
	if ($path eq '/v1/refunds')
	{
		return (200, { object => 'list', has_more => JSON::PP::false,
			data => [ grep { $_->{payment_intent} eq $field->{payment_intent} } map { $self->{refunds}{$_} } sort keys %{ $self->{refunds} } ] });
	}
	my ($id) = $path =~ m{^/v1/payment_intents/(pi_\w+)$};
	return $id && $self->{intents}{$id} ? (200, $self->{intents}{$id}) : error(404, 'invalid_request_error', 'resource_missing');
}

sub act
{
	my ($self, $kind, $path, $field, $fault) = @_;
	my ($id) = $path =~ m{^/v1/payment_intents/(pi_\w+)/};
	my $intent = $self->{intents}{ $id // $field->{payment_intent} // '' };

	return $self->authorize($field) if $kind eq 'authorize';
	return error(404, 'invalid_request_error', 'resource_missing') unless $intent;
	if ($kind eq 'capture')
	{
		my $minor = $field->{amount_to_capture} // $intent->{amount};

		return error(400, 'invalid_request_error', 'payment_intent_unexpected_state') unless $intent->{status} eq 'requires_capture';
		return error(400, 'invalid_request_error', 'amount_too_large') if $minor > $intent->{amount};
		@$intent{qw(status amount_received amount_capturable)} = ('succeeded', $minor + 0, 0);
		$self->tell('payment_intent.succeeded', $intent);
		return (200, $intent);
	}
	if ($kind eq 'void')
	{
		return error(400, 'invalid_request_error', 'payment_intent_unexpected_state') if $intent->{status} =~ /^(succeeded|canceled)$/;
		@$intent{qw(status amount_capturable)} = ('canceled', 0);
		$self->tell('payment_intent.canceled', $intent);
		return (200, $intent);
	}
	my $left = $intent->{amount_received} - $intent->{refunded};
	my $minor = $field->{amount} // $left;
	return error(400, 'invalid_request_error', 'charge_already_refunded') if $left <= 0;
	return error(400, 'invalid_request_error', 'amount_too_large') if $minor > $left || $minor <= 0;
	my $refund = { id => 're_' . ++$self->{serial}, object => 'refund', amount => $minor + 0, currency => $intent->{currency}, payment_intent => $intent->{id},
		status => $fault eq 'pending' ? 'pending' : 'succeeded', metadata => metadata($field) };
	$intent->{refunded} += $minor;
	$self->{refunds}{ $refund->{id} } = $refund;
	$self->tell('charge.refunded', { id => $intent->{latest_charge}, object => 'charge', payment_intent => $intent->{id}, amount_refunded => $intent->{refunded},
		billing_details => { email => 'canary@example.com', name => 'Canary' } });
	return (200, $refund);
}

sub metadata
{
	my ($field) = @_;

	return { map { /^metadata\[(\w+)\]$/ ? ($1 => $field->{$_}) : () } keys %$field };
}

sub authorize
{
	my ($self, $field) = @_;
	my $id = 'pi_' . ++$self->{serial};
	my $intent = { id => $id, object => 'payment_intent', amount => $field->{amount} + 0, currency => $field->{currency}, amount_received => 0, amount_capturable => 0,
		capture_method => $field->{capture_method}, status => 'requires_payment_method', metadata => metadata($field), client_secret => "${id}_secret_canary",
		latest_charge => "ch_$id", refunded => 0, disputed => 0 };

	return error(400, 'invalid_request_error', 'parameter_missing', param => 'amount') unless $field->{amount} =~ /^[1-9]\d*$/ && $field->{currency} =~ /^[a-z]{3}$/;
	$self->{intents}{$id} = $intent;
	if ($field->{payment_method} eq 'pm_card_declined')
	{
		$intent->{last_payment_error} = { code => 'card_declined', decline_code => 'insufficient_funds' };
		$self->tell('payment_intent.payment_failed', $intent);
		return error(402, 'card_error', 'card_declined', decline_code => 'insufficient_funds', payment_intent => $intent);
	}
	if ($field->{payment_method} eq 'pm_card_3ds')
	{
		@$intent{qw(status next_action)} = ('requires_action', { type => 'redirect_to_url', redirect_to_url => { url => "https://hooks.stripe.example/$id" } });
		$self->tell('payment_intent.requires_action', $intent);
		return (200, $intent);
	}
	$self->proceed($intent);
	return (200, $intent);
}

1;
