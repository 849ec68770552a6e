# What the makers of the formats publish for JavaScript, standardwebhooks and stripe, and the shop's own functions judge each
# other's signatures: both ways, and each refuses what the other refuses. Needs node, npm and, the first time, the network.
use strict;
use warnings;

use Commerce;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $json = JSON::PP->new->canonical->utf8;
my $node = new_shop_node('webhooks');

# Runs a program, and returns what it prints.
sub run_program
{
	my (@command) = @_;
	my ($stdout, $stderr) = ('', '');
	my $status = IPC::Run::run(\@command, '<', \undef, '>', \$stdout, '2>', \$stderr, IPC::Run::timeout(300));

	die "@command: $stderr$stdout" unless $status;
	chomp $stdout;
	return $stdout;
}

$ENV{HOME} = $folder;
$ENV{npm_config_cache} = "$folder/cache";
run_program('npm', 'install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', $folder, 'standardwebhooks@1.1.1', 'stripe@17.7.0');
append_to_file("$folder/both.js", <<'JS');
// Reads a JSON array of {"do", …} and prints the answers: a signature, true, or the error's name.
const { Webhook } = require('standardwebhooks');
const Stripe = require('stripe');
const crypto = require('crypto');
// A key of Ed25519 is 32 bytes behind these twelve, as RFC 8410 has it.
const ed25519 = key => crypto.createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key.slice(5), 'base64')]),
	format: 'der', type: 'spki' });
const stripe = new (Stripe.default || Stripe)('sk_test_x');
const tasks = JSON.parse(require('fs').readFileSync(process.argv[2], 'utf8'));
const answers = tasks.map(t => {
	try {
		switch (t.do) {
			case 'sign': return new Webhook(t.secret).sign(t.id, new Date(t.at * 1000), t.body);
			case 'verify': new Webhook(t.secret).verify(t.body, t.headers); return true;
			case 'verify_v1a': return t.headers['webhook-signature'].split(' ').some(s => s.startsWith('v1a,') &&
				crypto.verify(null, Buffer.from(`${t.headers['webhook-id']}.${t.headers['webhook-timestamp']}.${t.body}`), ed25519(t.key), Buffer.from(s.slice(4), 'base64')));
			case 'stripe_sign': return stripe.webhooks.generateTestHeaderString({ payload: t.body, secret: t.secret, timestamp: t.at });
			case 'stripe_verify': return stripe.webhooks.constructEvent(t.body, t.header, t.secret).id;
		}
	} catch (e) { return 'refused: ' + e.constructor.name; }
});
console.log(JSON.stringify(answers));
JS

sub ask_them
{
	my (@tasks) = @_;

	unlink("$folder/tasks");
	append_to_file("$folder/tasks", $json->encode(\@tasks));
	return @{ $json->decode(run_program('node', "$folder/both.js", "$folder/tasks")) };
}

# A text as SQL has it.
sub quoted
{
	my ($text) = @_;

	utf8::encode($text) if utf8::is_utf8($text);
	$text =~ s/'/''/g;
	return "'$text'";
}

sub ours { my ($query) = @_; return $node->safe_psql('postgres', "SELECT $query"); }

my $now = time();
my $secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $other = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
my @bodies = ('{"id":"evt_1","object":"event"}', '{ "id" : "evt_2",  "name": "Z\u00fcrich \"quoted\" it\'s" }', '{"id":"evt_3","text":"' . 'x' x 60000 . '"}',
	$json->encode({ id => 'evt_4', text => "Stra\x{df}e \x{1f6d2}" }));
utf8::decode($bodies[3]);

# Theirs, judged by ours.
my @theirs = ask_them((map { { do => 'sign', secret => $secret, id => 'msg_1', at => $now, body => $_ } } @bodies),
	(map { { do => 'stripe_sign', secret => 'whsec_stripe', at => $now, body => $_ } } @bodies));
for my $n (0 .. $#bodies)
{
	my $body = quoted($bodies[$n]);
	my $headers = quoted($json->encode({ 'Webhook-Id' => 'msg_1', 'webhook-timestamp' => "$now", 'WEBHOOK-SIGNATURE' => $theirs[$n] }));
	my $stripe = quoted($theirs[ @bodies + $n ]);

	is(ours("commerce.verify_webhook($body, $headers, '{$secret}')"), 't', "body $n: signed by standardwebhooks");
	is(ours("commerce.verify_webhook($body, $headers, '{$other,$secret}')"), 't', "body $n: one of two secrets will do");
	is(ours("commerce.judge_webhook($body, $headers, '{$other}')"), 'forged', "body $n: another secret will not");
	is(ours("commerce.judge_webhook($body || ' ', $headers, '{$secret}')"), 'forged', "body $n: nor will another body");
	is(ours("commerce.judge_webhook($body, $headers, '{$secret}', now() + interval '400 seconds')"), 'too_old', "body $n: nor an old one");
	is(ours("commerce.judge_webhook($body, $headers, '{$secret}', now() - interval '400 seconds')"), 'too_new', "body $n: nor one of the future");
	is(ours("commerce.verify_stripe_signature($body, $stripe, 'whsec_stripe')"), 't', "body $n: signed by stripe");
	is(ours("commerce.judge_stripe_signature($body, $stripe, 'whsec_other')"), 'forged', "body $n: another secret will not do");
	is(ours("commerce.judge_stripe_signature($body || ' ', $stripe, 'whsec_stripe')"), 'forged', "body $n: nor will another body");
	is(ours("commerce.judge_stripe_signature($body, $stripe, 'whsec_stripe', now() + interval '400 seconds')"), 'too_old', "body $n: nor an old one");
}

# Made by the book, here in SQL: judged the same by theirs and ours.
my $hmac = q(CREATE FUNCTION hmac(key bytea, message bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT sha256(o.pad || sha256(i.pad || message)) FROM (SELECT decode(string_agg(lpad(to_hex(coalesce(CASE WHEN n < length(key) THEN get_byte(key, n) END, 0) # 54), 2, '0'), '' ORDER BY n), 'hex') AS pad
		FROM generate_series(0, 63) n) i, (SELECT decode(string_agg(lpad(to_hex(coalesce(CASE WHEN n < length(key) THEN get_byte(key, n) END, 0) # 92), 2, '0'), '' ORDER BY n), 'hex') AS pad
		FROM generate_series(0, 63) n) o $$);
$node->safe_psql('postgres', $hmac);
my @tasks;
for my $body (@bodies)
{
	my ($key) = $secret =~ /^whsec_(.*)/;
	my $v1 = $node->safe_psql('postgres', "SELECT 'v1,' || encode(hmac(decode('$key', 'base64'), convert_to('msg_2.$now.' || " . quoted($body) . ", 'UTF8')), 'base64')");
	my $hex = $node->safe_psql('postgres', "SELECT encode(hmac('whsec_stripe', convert_to('$now.' || " . quoted($body) . ", 'UTF8')), 'hex')");
	my $headers = { 'webhook-id' => 'msg_2', 'webhook-timestamp' => "$now", 'webhook-signature' => "v1,AAAA $v1" };
	my $header = "t=$now,v0=00,v1=" . '0' x 64 . ",v1=$hex";

	is(ours('commerce.verify_webhook(' . quoted($body) . ', ' . quoted($json->encode($headers)) . ", '{$secret}')"), 't', 'signed by the book, among others');
	is(ours('commerce.verify_stripe_signature(' . quoted($body) . ", '$header', 'whsec_stripe')"), 't', 'the same for Stripe');
	push @tasks, { do => 'verify', secret => $secret, body => $body, headers => $headers }, { do => 'verify', secret => $other, body => $body, headers => $headers },
	  { do => 'stripe_verify', secret => 'whsec_stripe', body => $body, header => $header }, { do => 'stripe_verify', secret => 'whsec_other', body => $body, header => $header };
}
is_deeply([ ask_them(@tasks) ], [ map { (JSON::PP::true, 'refused: WebhookVerificationError', "evt_$_", 'refused: StripeSignatureVerificationError') } 1 .. @bodies ],
	'standardwebhooks and stripe think the same');

# What is sent, judged by theirs, while secrets change: for a day what is sent carries both signatures.
my $sink = Sink->start($folder);
$node->append_conf('postgresql.conf', "commerce.allow_private_endpoints = '127.0.0.1'");
$node->reload;
for my $signature ('v1', 'v1a')
{
	my $made = decode_json(ours("commerce.create_endpoint('" . $sink->url($signature) . "', '{order.*}', signature => '$signature')"));
	my $endpoint = $made->{id};
	my $later;

	for my $secrets ('one secret', 'two secrets', 'the new secret')
	{
		$later = decode_json(ours("commerce.rotate_endpoint_secret('$endpoint', signature => '$signature')")) if $secrets eq 'two secrets';
		$node->safe_psql('postgres', "UPDATE commerce.endpoints SET previous_until = now() WHERE id = '$endpoint'") if $secrets eq 'the new secret';
		$node->safe_psql('postgres', "INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ('$secrets', 'order.placed', '" . '{"text": "Straße 🛒", "more": "' . "x" x 5000 . "\"}')");
		$node->safe_psql('postgres', 'CALL commerce.deliver_pending(60)');
		my ($sent) = reverse $sink->requests($signature);
		my $body = $sent->{body};
		utf8::decode($body);
		my %task = (body => $body, headers => { map { ("webhook-$_" => $sent->{$_}) } qw(id timestamp signature) });
		my @keys = map { ($signature eq 'v1' ? $_->{secret} : $_->{public_key}) } $made, $later // ();
		my @answers = ask_them(map { $signature eq 'v1' ? { do => 'verify', secret => $_, %task } : { do => 'verify_v1a', key => $_, %task } } @keys);
		my @right = map { $_ eq JSON::PP::true ? 1 : 0 } @answers;

		is("@right", { 'one secret' => '1', 'two secrets' => '1 1', 'the new secret' => '0 1' }->{$secrets}, "$signature: what is sent is signed with $secrets");
		$task{body} .= ' ';
		is(scalar(grep { $_ eq JSON::PP::true } ask_them(map { $signature eq 'v1' ? { do => 'verify', secret => $_, %task } : { do => 'verify_v1a', key => $_, %task } } @keys)), 0,
			"$signature: and nothing else is");
	}
}
$node->stop;
done_testing();
