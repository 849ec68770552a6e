# A carrier and a tax service, spoken to by adapters that a shop wrote in SQL: rates, a label that is bought once whatever becomes
# of the answer, tracking until the parcel is there; a rate of tax for a place, by which quotes go from then on.
use strict;
use warnings;

use Commerce;
use FakeServices;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $services = FakeServices->start;
my $node = new_shop_node('services', currency => 'EUR', workers => 1, conf => "commerce.allow_private_endpoints = '127.0.0.1'\n");

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

# The adapters: what is asked, and what is understood.
sql(q(
	CREATE SCHEMA acme;
	GRANT USAGE ON SCHEMA acme TO commerce_owner;
	CREATE FUNCTION acme.post(path text, call jsonb, body jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_build_object('method', 'POST', 'path', path, 'body', body::text,
			'headers', jsonb_build_object('X-Api-Key', '{secret}', 'Idempotency-Key', call ->> 'id')) $$;
	CREATE FUNCTION acme.get(path text) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_build_object('method', 'GET', 'path', path, 'headers', '{"X-Api-Key": "{secret}"}'::jsonb) $$;
	CREATE FUNCTION acme.rates(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT acme.post('/rates', call, call -> 'arguments')$$;
	CREATE FUNCTION acme.label(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT acme.post('/label', call, call -> 'arguments')$$;
	CREATE FUNCTION acme.find(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT acme.get('/label/' || (call ->> 'id'))$$;
	CREATE FUNCTION acme.track(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT acme.get('/parcel/' || (call #>> '{arguments,tracking}'))$$;
	CREATE FUNCTION acme.tax(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT acme.post('/tax', call, call -> 'arguments')$$;
	-- What only asks may be asked again, so whatever is wrong with the answer, it is.
	CREATE FUNCTION acme.told(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT CASE WHEN status = 200 AND jsonb_typeof(answer) = 'object' THEN jsonb_build_object('state', 'told', 'keep', answer)
			WHEN status BETWEEN 400 AND 499 THEN jsonb_build_object('state', 'failed', 'error', answer -> 'code') ELSE '{"state": "retry"}' END $$;
	CREATE FUNCTION acme.labelled(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT CASE WHEN status = 200 AND answer ? 'tracking' THEN jsonb_build_object('state', 'labelled', 'tracking', answer -> 'tracking', 'carrier', 'acme', 'url', answer -> 'url')
			WHEN status = 404 THEN '{"state": "absent"}' ELSE '{"state": "unknown"}' END $$;
	CREATE FUNCTION acme.seen(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT CASE WHEN status = 200 THEN jsonb_build_object('state', CASE answer ->> 'place' WHEN 'delivered' THEN 'delivered' ELSE 'seen' END, 'keep', answer) ELSE '{"state": "retry"}' END $$;
	SELECT commerce.register_adapter('acme', 'rates', 'acme.rates', 'acme.told'), commerce.register_adapter('acme', 'tax', 'acme.tax', 'acme.told'),
		commerce.register_adapter('acme', 'label', 'acme.label', 'acme.labelled', 'acme.find', 'acme.labelled'), commerce.register_adapter('acme', 'track', 'acme.track', 'acme.seen');
	INSERT INTO commerce.variants (sku) VALUES ('A');
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '10 EUR');
	SELECT commerce.receive_stock('A', 1000);
	CREATE FUNCTION buy() RETURNS uuid LANGUAGE sql AS $$SELECT commerce.checkout('[{"sku": "A", "quantity": 2}]')$$));
for my $made ([ 'acme', 'shipping' ], [ 'taxes', 'tax' ])
{
	sql("SELECT commerce.create_provider('$made->[0]', '$made->[1]', 'acme', '" . $services->url . "', secret => 'k-acme')");
}

# Has something asked for and returns the call.
sub call
{
	my ($subject, $provider, $operation, $arguments, $parcel) = @_;

	return sql("SELECT commerce.request_provider_call('$subject', '$provider', '$operation', '$arguments'" . ($parcel ? ", '$parcel'" : '') . ')');
}

# Passes when a call has come to an end, what waits being hurried.
sub ends
{
	my ($call, $expected, $what) = @_;
	my $state;

	return wait_until(sub {
			sql(q(UPDATE commerce.provider_calls SET next_at = now() WHERE state IN ('pending', 'unknown') AND next_at > now(); SELECT commerce.wake_sender()));
			$state = sql("SELECT state FROM commerce.provider_calls WHERE id = '$call'");
			return $state eq $expected;
		}, "$what: $expected") || diag("it is $state");
}

# Rates: the answer is kept, and one is chosen from it.
my $order = sql('SELECT buy()');
for my $fault ('', '500', 'drop', 'reset', 'garbage')
{
	$services->fail('rates', $fault) if $fault;
	my $call = call($order, 'acme', 'rates', '{"grams": 1200, "country": "DE"}');

	ends($call, 'succeeded', 'rates' . ($fault ? ", first $fault" : ''));
	is(sql("SELECT string_agg(concat_ws(' ', r ->> 'service', (r ->> 'price')::commerce.amount), ', ') FROM commerce.provider_calls c, jsonb_array_elements(c.response -> 'rates') r WHERE c.id = '$call'"),
		'parcel 4.90 EUR, express 11.90 EUR', 'and what came is kept');
}

# Labels: one for each parcel, though the answer is lost.
for my $fault ('', 'drop', 'reset', 'garbage', '500')
{
	my $id = sql('SELECT buy()');
	my $parcel = sql("SELECT commerce.plan_fulfilment('$id', '[{\"sku\": \"A\", \"quantity\": 2}]')");
	$services->fail('label', $fault) if $fault;
	my $call = call($id, 'acme', 'label', '{"service": "parcel"}', $parcel);

	ends($call, 'succeeded', 'a label' . ($fault ? ", $fault" : ''));
	my $tracking = sql("SELECT tracking FROM commerce.fulfilments WHERE id = '$parcel' AND carrier = 'acme' AND tracking_url = 'https://acme.example/parcel'");
	like($tracking, qr/^T\d+$/, 'the parcel has its number');
	sql("SELECT commerce.fulfilment_event('$parcel', 'ship')");
	ends(call($id, 'acme', 'track', "{\"tracking\": \"$tracking\"}", $parcel), 'succeeded', 'where is it');
	is(sql("SELECT state FROM commerce.fulfilments WHERE id = '$parcel'"), 'shipped', 'on its way');
	ends(call($id, 'acme', 'track', "{\"tracking\": \"$tracking\"}", $parcel), 'succeeded', 'and now');
	is(sql("SELECT state FROM commerce.fulfilments WHERE id = '$parcel'"), 'delivered', 'it has arrived');
}
my %labels;
$labels{ $_->{key} }{ $_->{body} } = 1 for grep { $_->{kind} eq 'label' } $services->log;
is(scalar(keys %labels), 5, 'five labels were asked for, each with a key of its own');
is(sql(q(SELECT count(DISTINCT tracking) FROM commerce.fulfilments)), '5', 'and five bought');

# Taxes: a place's rate becomes one of the shop's own, by which each quote there goes, fast and without the network.
my $tax = q(SELECT q -> 'tax' ->> 'amount' FROM commerce.quote('[{"sku": "A", "quantity": 3}]', ship_to => '{"country": "US", "region": "NY", "postal_code": "10001"}') q);
is(sql($tax), '0.00', 'nothing is known of taxes in New York');
$services->fail('tax', '500');
my $call = call($order, 'taxes', 'tax', '{"country": "US", "postal_code": "10001"}');
ends($call, 'succeeded', 'a tax service is asked, which is busy first');
sql("INSERT INTO commerce.tax_zones (code, countries, postal_codes, is_default) VALUES ('us-100', '{US}', '{100}', false);
	INSERT INTO commerce.tax_rates (zone, name, rate, included) SELECT 'us-100', response ->> 'jurisdiction', (response ->> 'rate')::numeric, false FROM commerce.provider_calls WHERE id = '$call'");
is(sql($tax), '2.66', 'what it says is what quotes go by: 30.00 at 8.875 %');
my $taxed = sql(q(SELECT commerce.checkout('[{"sku": "A", "quantity": 3}]', ship_to => '{"country": "US", "region": "NY", "postal_code": "10001"}')));
is(sql("SELECT commerce.minor_units(tax), commerce.minor_units(total) FROM commerce.orders WHERE id = '$taxed'"), '266|3266', 'and orders');
unlike(slurp_file($node->logfile), qr/TRAP|PANIC/, 'without a crash');
$node->stop;

done_testing();
