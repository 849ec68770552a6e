# A streaming replica prices and tells what is available, refuses to sell, and sells on once it is promoted.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', init => { allows_streaming => 'logical' });
$primary->start;
make_shop($primary);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $one = q('[{"sku": "A", "quantity": 1}]');
my $quote = "SELECT commerce.quote($one) -> 'total' ->> 'amount'";
my $checkout = "SELECT commerce.checkout($one)";

# Returns what the standby answers once it has replayed all that the primary wrote.
sub on_standby
{
	my ($query) = @_;

	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return $standby->safe_psql('postgres', $query);
}

$primary->safe_psql('postgres', q(
	INSERT INTO commerce.variants (sku) VALUES ('A');
	INSERT INTO commerce.prices (sku, price) VALUES ('A', '10 GBP');
	SELECT commerce.receive_stock('A', 10);
	INSERT INTO commerce.promotions (name, benefit) VALUES ('sale', '10% off order');
	INSERT INTO commerce.budgets (promotion, uses) SELECT id, 3 FROM commerce.promotions;
	SELECT commerce.create_customer('jane@example.com', name => 'Jane');));
my $bought = $primary->safe_psql('postgres', $checkout);
my $cart = $primary->safe_psql('postgres', 'SELECT commerce.create_cart()');
$primary->safe_psql('postgres', "SELECT commerce.set_cart_line('$cart', 'A', 1)");

# Reading.
is(on_standby($quote), '9.00', 'a standby quotes');
is(on_standby("SELECT commerce.quote_cart('$cart') -> 'total' ->> 'amount'"), '9.00', 'of a cart, too');
is(on_standby("SELECT commerce.available('A')"), '9', 'a standby knows what is available');
is(on_standby("SELECT a.available FROM commerce.available(ARRAY['A']) a"), '9', 'of many skus, too');
is(on_standby("SELECT state FROM commerce.orders WHERE id = '$bought'"), 'placed', 'orders are there');
is(on_standby("SET commerce.audit_reveals = off; SELECT commerce.reveal_customer(commerce.find_customer('JANE\@example.com'), 'test') ->> 'name'"),
	'Jane', 'customers open with the key file, where it need not be noted');
is((error_of($standby, "SELECT commerce.reveal_customer(commerce.find_customer('JANE\@example.com'), 'test')"))[0], '25006',
	'and not where it must be, which a standby cannot');
is(on_standby('SELECT l.uses, commerce.budget_left(b.id) FROM commerce.budgets b, commerce.promotion_left(b.promotion) l'), '2|2',
	'what is left of budgets is known');
like(on_standby("SELECT commerce.state_machine_diagram('order')"), qr/placed --> confirmed : confirm/, 'machines are there');

# A session that stays connected sees a promotion of the primary change, inside a transaction or not.
my $session = $standby->background_psql('postgres');
is($session->query_safe($quote), '9.00', 'a session that stays connected quotes');
$primary->safe_psql('postgres', "UPDATE commerce.promotions SET benefit = '20% off order'");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($session->query_safe($quote), '8.00', 'and again, after the promotion has changed on the primary');
$session->query_safe('BEGIN');
is($session->query_safe($quote), '8.00', 'it quotes in a transaction');
$primary->safe_psql('postgres', "UPDATE commerce.promotions SET benefit = '30% off order'");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($session->query_safe($quote), '7.00', 'and sees the next change there');
$session->query_safe('COMMIT');

# Writing.
my @writers = (
	$checkout,
	"SELECT commerce.checkout($one, idempotency_key => 'k')",
	"SELECT commerce.reserve('A')",
	"SELECT commerce.try_reserve('A')",
	'SELECT commerce.release_holder(\'nobody\')',
	'SELECT commerce.expire_reservations()',
	"SELECT commerce.receive_stock('A', 1)",
	"SELECT commerce.order_event('$bought', 'confirm')",
	"SELECT commerce.authorize_payment('$bought')",
	"SELECT commerce.fulfil('$bought')",
	"SELECT commerce.create_customer('joe\@example.com')",
	"SELECT commerce.seal('text', 'notes', commerce.uuidv7())",
	'SELECT commerce.create_shop()');
for my $writer (@writers)
{
	my ($state, $message) = error_of($standby, $writer);
	my ($function) = $writer =~ /commerce\.(\w+)/;

	is($state, '25006', "$function() is refused") or diag($message);
}

# Reserving is refused in words that help, sold out or not, and looking at what is promised goes on.
$primary->safe_psql('postgres', "SELECT commerce.receive_stock(sku, 10) FROM commerce.variants;
	INSERT INTO commerce.variants (sku) VALUES ('GONE'); SELECT commerce.receive_stock('GONE', 1);
	SELECT commerce.reserve('GONE', 1, ttl => '1 hour')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
for my $writer ("SELECT commerce.reserve('A')", "SELECT commerce.try_reserve('A')", "SELECT commerce.reserve('GONE')", "SELECT commerce.try_reserve('GONE')")
{
	my ($state, $message) = error_of($standby, $writer);

	is($state, '25006', "$writer is refused");
	like($message, qr/recovery|read-only/, "$writer says why");
}
is(on_standby("SELECT a.sku, a.available FROM commerce.available(ARRAY['A', 'GONE']) a"), "A|19\nGONE|0", 'a standby still tells what is available');
is(on_standby('SELECT * FROM commerce.verify_stock()'), '', 'it has no counters that could be wrong');

# Promotion. What the primary had counted and not committed is gone with it.
my $in_flight = $primary->background_psql('postgres');
$in_flight->query_safe("BEGIN; SELECT commerce.reserve('A', 7); SELECT commerce.receive_stock('GONE', 5); SELECT commerce.try_reserve('A', 3)");
is($primary->safe_psql('postgres', "SELECT sku, taken FROM commerce.pending_stock WHERE taken > 0"), 'A|10', 'the primary has much in flight');
$primary->safe_psql('postgres', "SELECT commerce.reserve('A', 2, 'kept', ttl => '1 hour')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $before = $primary->safe_psql('postgres', 'SELECT max(number) FROM commerce.orders');
$primary->stop('immediate');
eval { $in_flight->quit };
$standby->promote;
is($standby->safe_psql('postgres', q(SELECT commerce.try_reserve('A', 17, 'first', ttl => '1 hour') IS NOT NULL, commerce.try_reserve('A') IS NULL,
	commerce.try_reserve('GONE') IS NULL)), 't|t|t', 'the first who writes finds what was committed, and no more');
counters_are_right($standby, 'after promotion');
is($standby->safe_psql('postgres', "SELECT commerce.release_holder('first'), commerce.release_holder('kept')"), '1|1', 'and gives it back');
my $sold = $standby->safe_psql('postgres', $checkout);
is($standby->safe_psql('postgres', "SELECT number > $before FROM commerce.orders WHERE id = '$sold'"),
	't', 'a promoted standby sells, and order numbers go on');
is($standby->safe_psql('postgres', "SELECT commerce.available('A')"), '18', 'from the stock there is');
is($standby->safe_psql('postgres', "SELECT commerce.order_event('$bought', 'confirm')"),
	'confirmed', 'an order from before moves on');
isnt($standby->safe_psql('postgres', "SELECT commerce.create_customer('joe\@example.com')"), '', 'customers register');
is($session->query_safe("SELECT commerce.checkout($one) IS NOT NULL"),
	't', 'the session from before promotion buys, too');
$session->quit;

# A replica's rows are counted: by a session that is one, and by logical replication.
$standby->safe_psql('postgres', q(SET session_replication_role = replica;
	INSERT INTO commerce.reservations (sku, location, quantity, expires_at) VALUES ('A', 'main', 2, now() + '1 hour');
	UPDATE commerce.stock SET on_hand = on_hand - 1 WHERE sku = 'A';
	SELECT commerce.reserve('A', 1, ttl => '1 hour')));
counters_are_right($standby, 'after a session as a replica');

my $subscriber = new_shop_node('subscriber');
my $tables = 'commerce.variants, commerce.stock, commerce.reservations';
$standby->safe_psql('postgres', "CREATE PUBLICATION goods FOR TABLE $tables");
$subscriber->safe_psql('postgres', q(INSERT INTO commerce.locations (code) VALUES ('here');
	INSERT INTO commerce.variants (sku) VALUES ('LOCAL');
	SELECT commerce.receive_stock('LOCAL', 5), commerce.try_reserve('LOCAL', 6);
	INSERT INTO commerce.reservations (sku, location, quantity, expires_at) VALUES ('A', 'main', 1, now() + '1 hour')));
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION goods CONNECTION '" . $standby->connstr . " dbname=postgres' PUBLICATION goods");
$subscriber->wait_for_subscription_sync($standby, 'goods');
counters_are_right($subscriber, 'after tables were copied by replication');
$standby->safe_psql('postgres', q(SELECT commerce.receive_stock('A', 5); SELECT commerce.reserve('A', 4, 'there', ttl => '1 hour');
	SELECT commerce.reserve('A', 1, ttl => '1 hour'); SELECT commerce.release_holder('there'); DELETE FROM commerce.stock WHERE sku = 'GONE'));
$standby->wait_for_catchup('goods');
is($subscriber->safe_psql('postgres', "SELECT commerce.available('A')"), $standby->safe_psql('postgres', "SELECT commerce.available('A') - 1"),
	'a subscriber knows what is available');
counters_are_right($subscriber, 'after changes came by replication');
$standby->safe_psql('postgres', 'TRUNCATE commerce.reservations');
$standby->wait_for_catchup('goods');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM commerce.reservations'), '0', 'TRUNCATE came by replication');
counters_are_right($subscriber, 'after TRUNCATE came by replication');

# Replication fires no statement triggers; sessions of the subscriber see the promotions and limits that come all the same.
$standby->safe_psql('postgres', 'CREATE PUBLICATION deals FOR TABLE commerce.promotions, commerce.budgets');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION deals CONNECTION '" . $standby->connstr . " dbname=postgres' PUBLICATION deals");
$subscriber->wait_for_subscription_sync($standby, 'deals');
$standby->safe_psql('postgres', "DELETE FROM commerce.budgets; UPDATE commerce.promotions SET benefit = '10% off order'");
$standby->wait_for_catchup('deals');
my $reader = $subscriber->background_psql('postgres');
my $given = q(SELECT commerce.quote('[{"sku": "ELSEWHERE", "quantity": 1, "unit_price": "10.00"}]') -> 'total' ->> 'amount');
is($reader->query_safe($given), '9.00', 'a session on the subscriber quotes');
$standby->safe_psql('postgres', "UPDATE commerce.promotions SET benefit = '40% off order'");
$standby->wait_for_catchup('deals');
is($reader->query_safe($given), '6.00', 'and again, after the promotion has changed by replication');
$standby->safe_psql('postgres', 'INSERT INTO commerce.budgets (promotion, uses) SELECT id, 0 FROM commerce.promotions');
$standby->wait_for_catchup('deals');
is($reader->query_safe($given), '10.00', 'and again, after a limit has come by replication');
$reader->quit;

done_testing();
