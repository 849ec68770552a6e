# A streaming replica prices and tells what is available, refuses to sell, and sells on once it is promoted.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', init => { allows_streaming => 1 });
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
	SELECT commerce.create_customer('jane@example.com', name => 'Jane');));
my $bought = $primary->safe_psql('postgres', $checkout);

# Reading.
is(on_standby($quote), '9.00', 'a standby quotes');
is(on_standby("SELECT commerce.available('A')"), '9', 'a standby knows what is available');
is(on_standby("SELECT a.available FROM commerce.available(ARRAY['A']) a"), '9', 'of many skus, too');
is(on_standby("SELECT state FROM commerce.orders WHERE id = '$bought'"), 'placed', 'orders are there');
is(on_standby("SELECT commerce.reveal_customer(commerce.find_customer('JANE\@example.com'), 'test') ->> 'name'"),
	'Jane', 'customers open with the key file');
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

# Promotion.
my $before = $primary->safe_psql('postgres', 'SELECT max(number) FROM commerce.orders');
$primary->stop;
$standby->promote;
my $sold = $standby->safe_psql('postgres', $checkout);
is($standby->safe_psql('postgres', "SELECT number > $before FROM commerce.orders WHERE id = '$sold'"),
	't', 'a promoted standby sells, and order numbers go on');
is($standby->safe_psql('postgres', "SELECT commerce.available('A')"), '8', 'from the stock there is');
is($standby->safe_psql('postgres', "SELECT commerce.order_event('$bought', 'confirm')"),
	'confirmed', 'an order from before moves on');
isnt($standby->safe_psql('postgres', "SELECT commerce.create_customer('joe\@example.com')"), '', 'customers register');
is($session->query_safe("SELECT commerce.checkout($one) IS NOT NULL"),
	't', 'the session from before promotion buys, too');
$session->quit;

done_testing();
