# A shop comes back from a dump as it was, byte for byte, into a new cluster or another database, with all that its
# owner added to it; no trigger fires on the way, sealed fields open with the key and not without it, and it sells on.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $original = new_shop_node('original');
my $key_file = $original->safe_psql('postgres', 'SHOW commerce.key_file');

# A shop with a bit of everything, and an application around it.
$original->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
INSERT INTO commerce.products (handle, title, brand, category, tags, attributes)
    VALUES ('boots', 'Boots', 'Acme', 'clothing.shoes.boots', '{winter,sale}', '{"sole": "rubber"}');
INSERT INTO commerce.variants (sku, product_id, title, options, weight_grams, minimum_price)
    SELECT 'BOOT-' || size, id, 'Boots ' || size, jsonb_build_object('size', size), 900, '5 GBP'
    FROM commerce.products, generate_series(38, 44) AS size;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('ADVICE', false);
INSERT INTO commerce.price_lists (code, kind) VALUES ('summer', 'sale');
INSERT INTO commerce.customer_groups (code) VALUES ('trade');
INSERT INTO commerce.prices (sku, price) SELECT sku, '49.99 GBP' FROM commerce.variants;
INSERT INTO commerce.prices (sku, price, price_list, valid)
    VALUES ('BOOT-40', '39.99 GBP', 'summer', '[2020-01-01, 2020-06-01)');
INSERT INTO commerce.prices (sku, price, customer_group, min_quantity, per_quantity)
    VALUES ('BOOT-41', '400 GBP', 'trade', 10, 10);
INSERT INTO commerce.locations (code, priority) VALUES ('annex', 5);
INSERT INTO commerce.tax_zones (code, countries, is_default) VALUES ('uk', '{GB}', true);
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('uk', 'VAT', 20, true);
INSERT INTO commerce.shipping_methods (code) VALUES ('post');
INSERT INTO commerce.shipping_prices (method, price, min_subtotal) VALUES ('post', '4.95 GBP', NULL), ('post', '0 GBP', '80 GBP');
INSERT INTO commerce.promotions (name, condition, benefit)
    VALUES ('boots', 'subtotal >= 60 GBP', $$10% off lines where category <@ 'clothing.shoes'$$);
WITH coded AS (INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('friends', '5 GBP off order', true) RETURNING id)
    INSERT INTO commerce.promotion_codes (code, promotion, uses) SELECT 'FRIENDS', id, 4 FROM coded;
INSERT INTO commerce.budgets (promotion, spend) SELECT id, '60 GBP' FROM commerce.promotions WHERE name = 'friends';
DO $$
BEGIN
    PERFORM commerce.receive_stock(sku, 100), commerce.receive_stock(sku, 10, 'annex') FROM commerce.variants WHERE track_stock;
    PERFORM commerce.create_customer('jane' || n || '@example.com', name => 'Jane ' || n, phone => '+44 20 7946 0' || 100 + n,
        address => '{"street": "Main St 1"}', password => 'correct horse', attributes => '{"newsletter": true}')
        FROM generate_series(1, 5) AS n;
    PERFORM commerce.reserve('BOOT-38', 2, 'somebody', ttl => '1 hour');
    PERFORM commerce.release_holder('somebody');
    PERFORM commerce.reserve('BOOT-38', 3, 'somebody', ttl => '1 day');
END $$;

CREATE TABLE made AS SELECT n, commerce.checkout(
        jsonb_build_array(jsonb_build_object('sku', 'BOOT-' || 38 + n, 'quantity', n), jsonb_build_object('sku', 'ADVICE', 'quantity', 1)),
        codes => CASE WHEN n % 2 = 0 THEN '{friends}'::text[] END, customer => commerce.find_customer('jane' || n || '@example.com'),
        ship_to => '{"country": "GB", "postal_code": "N1", "street": "Main St 1"}', shipping_method => 'post',
        idempotency_key => 'key ' || n) AS id
    FROM generate_series(1, 5) AS n;
CREATE TABLE paid AS SELECT n, id AS order_id, commerce.authorize_payment(id, reference => 'auth ' || n, provider => 'bank') AS id FROM made;
DO $$
BEGIN
    PERFORM commerce.capture_payment(id, CASE n WHEN 1 THEN '10 GBP'::commerce.amount END, reference => 'capture ' || n)
        FROM paid WHERE n < 5;
    PERFORM commerce.fulfil(id, tracking => 'parcel ' || n) FROM made WHERE n IN (2, 3);
    PERFORM commerce.receive_return(commerce.request_return(id, '[{"line": 1, "quantity": 1}]', 'too small')) FROM made WHERE n = 3;
    PERFORM commerce.refund_payment(id, '5 GBP', reference => 'refund') FROM paid WHERE n = 3;
    PERFORM commerce.order_event(id, 'confirm', '{"by": "phone"}') FROM made WHERE n = 1;
    PERFORM commerce.order_event(id, 'cancel') FROM made WHERE n = 4;
    PERFORM commerce.issue_credit(commerce.find_customer('jane4@example.com'), '3 GBP', 'sorry');
    PERFORM commerce.issue_store_credit(commerce.find_customer('jane5@example.com'), '9 GBP', 'sorry', 'ticket 1');
    PERFORM commerce.void_payment(id) FROM paid WHERE n = 5;
    PERFORM commerce.pay_with_balance(id, '4 GBP') FROM made WHERE n = 5;
    PERFORM commerce.balance_event(balance, 'block') FROM commerce.issue_gift_card('20 GBP', '2100-01-01');
END $$;

-- What the shop's owner added to it.
ALTER TABLE commerce.orders ADD COLUMN erp_number text, ADD CONSTRAINT erp_number_is_short CHECK (length(erp_number) < 20);
CREATE UNIQUE INDEX orders_erp_number ON commerce.orders (erp_number);
UPDATE commerce.orders SET erp_number = 'ERP ' || number;
GRANT SELECT (erp_number) ON commerce.orders TO commerce_reader;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO commerce_owner;
CREATE FUNCTION app.may_close("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql
    RETURN "row" ->> 'answer' IS NOT NULL;
SELECT commerce.create_state_machine('ticket', '{"initial": "open", "states": ["open", "closed"], "transitions":
    [{"event": "close", "from": "open", "to": "closed", "guard": "app.may_close", "topic": "ticket.closed"}]}');
CREATE TYPE app.ticket_state AS ENUM ('open', 'closed');
CREATE TABLE app.tickets (id int PRIMARY KEY, order_id uuid REFERENCES commerce.orders, state app.ticket_state NOT NULL,
    answer text, notes commerce.sealed, worth commerce.amount);
INSERT INTO app.tickets SELECT n, id, 'open', 'yes', commerce.seal('note ' || n, 'notes', id), '1.50 GBP' FROM made;
SELECT commerce.attach_state_machine('app.tickets', 'state', 'ticket');
UPDATE app.tickets SET state = 'closed' WHERE id < 4;
CREATE VIEW app.revenue AS SELECT commerce.sum(total) FROM commerce.orders WHERE state <> 'cancelled';
SQL

# Returns the plain dump of a database. pg_dump's guard against hostile dumps has a random key in each.
sub dump_of
{
	my ($node, $database) = @_;
	my $path = $node->basedir . "/$database.sql";

	$node->command_ok([ 'pg_dump', '-f', $path, $node->connstr($database) ], "dump of $database of " . $node->name);
	my $dump = slurp_file($path);
	$dump =~ s/^\\(?:un)?restrict \w+$//mg;
	return $dump;
}

my $state = q(SELECT
	(SELECT count(*) FROM commerce.state_history), (SELECT count(*) FROM commerce.outbox),
	(SELECT count(*) FROM commerce.stock_movements), (SELECT count(*) FROM commerce.reservations),
	(SELECT count(*) FROM commerce.price_history), (SELECT count(*) FROM commerce.price_list_history),
	(SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM commerce.customers c),
	(SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM app.tickets t),
	(SELECT md5(string_agg(commerce.sealed_send(ship_address)::text, ',' ORDER BY id)) FROM commerce.orders));
my $lines = q('[{"sku": "BOOT-40", "quantity": 2}]');

# Passes where a restored shop is the original and works.
sub is_the_shop
{
	my ($node, $database, $what, $dump) = @_;

	# Equal without sorting: rows are dumped in the order in which they lie, and restored into that order.
	ok(dump_of($node, $database) eq $dump, "$what: its dump is the dump it came from");
	is($node->safe_psql($database, $state), $original->safe_psql('postgres', $state),
		"$what: no trigger has fired, no sealed byte changed");
	is($node->safe_psql($database, "SELECT indisunique FROM pg_index WHERE indexrelid = 'commerce.orders_erp_number'::regclass"),
		't', "$what: the owner's index is there");
	is($node->safe_psql($database, q(SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
		WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind = 'r' AND r.rolname <> 'commerce_owner')),
		'0', "$what: tables belong to the shop's owner");
	is($node->safe_psql($database, q(SELECT string_agg(commerce.reveal_customer(id, 'test') ->> 'name', ', ' ORDER BY id) FROM commerce.customers)),
		'Jane 1, Jane 2, Jane 3, Jane 4, Jane 5', "$what: customers open with the same key file");
	is($node->safe_psql($database, q(SELECT commerce.reveal(ship_address, customer_id, 'test')::jsonb ->> 'street'
		FROM commerce.orders WHERE number = 1)), 'Main St 1', "$what: so do addresses");
	is($node->safe_psql($database, q(SELECT commerce.reveal(notes, order_id, 'test') FROM app.tickets WHERE id = 1)),
		'note 1', "$what: and the application's own fields");
	is($node->safe_psql($database, q(SELECT b.kind, b.state, s.left, commerce.balance_left(b.id) FROM commerce.balances b
		JOIN commerce.balance_status s ON s.balance = b.id ORDER BY b.kind)),
		"gift_card|blocked|20.00 GBP|0.00 GBP\nstore_credit|active|5.00 GBP|5.00 GBP", "$what: balances have what they had");

	# State machines.
	is((error_of($node, "UPDATE commerce.orders SET state = 'confirmed' WHERE number = 4", $database))[0],
		'CM010', "$what: orders are under their machine");
	is((error_of($node, "UPDATE app.tickets SET state = 'open' WHERE id = 1", $database))[0],
		'CM010', "$what: so is the application's table");
	is((error_of($node, "UPDATE app.tickets SET answer = NULL, state = 'closed' WHERE id = 4", $database))[0],
		'CM011', "$what: with its guard");

	# Selling on.
	my $order = $node->safe_psql($database, "SELECT commerce.checkout($lines, codes => '{friends}', shipping_method => 'post')");
	is($node->safe_psql($database, "SELECT number, subtotal, discount, total FROM commerce.orders WHERE id = '$order'"),
		'6|99.98 GBP|15.00 GBP|84.98 GBP', "$what: it sells on, by the same promotions, and numbers go on");
	is($node->safe_psql($database, q(SELECT l.uses, l.spend FROM commerce.promotions p, commerce.promotion_left(p.id, 'friends') l
			WHERE p.name = 'friends')), '2|5000', "$what: what was claimed before the dump counts, and what was given back does not");
	is($node->safe_psql($database, "SELECT commerce.available('BOOT-40')"), '106', "$what: from the same stock");
	is($node->safe_psql($database, q(SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'BOOT-39', 'quantity', 1),
			jsonb_build_object('sku', 'ADVICE', 'quantity', 1)), customer => commerce.find_customer('jane1@example.com'),
			ship_to => '{"country": "GB", "postal_code": "N1", "street": "Main St 1"}', shipping_method => 'post',
			idempotency_key => 'key 1') = (SELECT id FROM commerce.orders WHERE number = 1))),
		't', "$what: a request from before the dump is not carried out again");
	is($node->safe_psql($database, q(SELECT commerce.capture_payment(p.id, NULL, 'capture 2') FROM paid p WHERE n = 2)),
		'captured', "$what: nor is a capture");
	is($node->safe_psql($database, 'SELECT commerce.create_shop()'),
		$original->safe_psql('postgres', 'SELECT max(version) FROM commerce.schema_version'), "$what: create_shop() finds its shop");
	is((error_of($node, 'DROP EXTENSION commerce', $database))[0], '2BP01', "$what: the tables depend on the extension");
	counters_are_right($node, $what, $database);
	return;
}

my $dump = dump_of($original, 'postgres');
unlike($dump, qr/Jane|Main St/, 'a dump has no customer in the clear');

# Custom format, into another database of the same cluster.
my $custom = $original->basedir . '/shop.dump';
$original->command_ok([ 'pg_dump', '-Fc', '-f', $custom, $original->connstr('postgres') ], 'custom format');
$original->safe_psql('postgres', 'CREATE DATABASE copy');
$original->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $original->connstr('copy'), $custom ],
	'restored into another database by two jobs');
counters_are_right($original, 'two jobs', 'copy');
is($original->safe_psql('copy', $state), $original->safe_psql('postgres', $state), 'two jobs: nothing fired');
$original->safe_psql('postgres', 'CREATE DATABASE another');
$original->command_ok([ 'pg_restore', '--exit-on-error', '--single-transaction', '-d', $original->connstr('another'), $custom ],
	'restored in one transaction');
is_the_shop($original, 'another', 'another database', $dump);

# The rows alone, into a shop that is open already and has counted what it was asked for: they are counted one by one.
$original->safe_psql('postgres', 'CREATE DATABASE open_shop');
make_shop($original, 'open_shop');
$original->safe_psql('open_shop', q(
	INSERT INTO commerce.variants (sku) SELECT 'BOOT-' || size FROM generate_series(38, 44) AS size;
	INSERT INTO commerce.reservations (sku, location, quantity, expires_at) SELECT sku, 'main', 1, now() + '1 hour' FROM commerce.variants;
	SELECT count(commerce.try_reserve(sku)) FROM commerce.variants;
	DELETE FROM commerce.variants;));
$original->command_ok([ 'pg_restore', '--exit-on-error', '--data-only', '--single-transaction', '-n', 'commerce', '-t', 'stock', '-t', 'reservations',
		'-t', 'locations', '-t', 'products', '-t', 'variants', '-d', $original->connstr('open_shop'), $custom ], 'rows restored into a shop that is open')
  if $original->safe_psql('open_shop', 'DELETE FROM commerce.locations; SELECT true') eq 't';
counters_are_right($original, 'rows restored into an open shop', 'open_shop');

# Plain, into a new cluster, where nobody has heard of the extension or its roles.
my $restored = new_node('restored', key_file => $key_file);
$restored->start;
$restored->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $original->basedir . '/postgres.sql', $restored->connstr('postgres') ],
	'restored into a new cluster');
is($restored->safe_psql('postgres', q(SELECT count(*) FROM pg_roles WHERE rolname LIKE 'commerce\_%')),
	$original->safe_psql('postgres', q(SELECT count(*) FROM pg_roles WHERE rolname LIKE 'commerce\_%')), 'the roles were made');
is_the_shop($restored, 'postgres', 'new cluster', $dump);

# Another key, then the right one again.
my $reveal = q(SELECT commerce.reveal_customer(id, 'test') FROM commerce.customers LIMIT 1);
my $other_key = make_key_file($restored);
$restored->append_conf('postgresql.conf', "commerce.key_file = '$other_key'");
$restored->reload;
wait_for($restored, "SELECT current_setting('commerce.key_file') = '$other_key'", 't', 'another key is set');
is((error_of($restored, $reveal))[0], 'CM040', 'it opens nothing');
is($restored->safe_psql('postgres', "SELECT commerce.checkout($lines) IS NOT NULL"), 't', 'but the shop works');
$restored->append_conf('postgresql.conf', "commerce.key_file = '$key_file'");
$restored->reload;
wait_for($restored, "SELECT current_setting('commerce.key_file') = '$key_file'", 't', 'the key is back');
like($restored->safe_psql('postgres', $reveal), qr/Jane/, 'and all opens');

done_testing();
