# What was committed is there after a restart and after a crash: holds still hold, orders move on, promotions discount,
# machines judge. What was not committed holds nothing. With the library preloaded and without.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $one = q('[{"sku": "A", "quantity": 1}]');

# Runs all of it on a server with the library preloaded, or not.
sub survives
{
	my ($preload) = @_;
	my $what = $preload ? 'preloaded' : 'not preloaded';
	my $node = new_shop_node($preload ? 'preloaded' : 'loaded', preload => $preload);

	$node->safe_psql('postgres', qq(
		INSERT INTO commerce.variants (sku) VALUES ('A');
		INSERT INTO commerce.prices (sku, price) VALUES ('A', '10 GBP');
		INSERT INTO commerce.promotions (name, benefit) VALUES ('sale', '10% off order');
		SELECT commerce.create_state_machine('job', '{"initial": "new", "states": ["new", "done"],
			"transitions": [{"event": "do", "from": "new", "to": "done"}]}');
		CREATE TABLE jobs (id int PRIMARY KEY, state text NOT NULL);
		SELECT commerce.attach_state_machine('jobs', 'state', 'job');
		INSERT INTO jobs VALUES (1, 'new');
		SELECT commerce.receive_stock('A', 20);
		CREATE TABLE things (name text, id uuid);
		INSERT INTO things SELECT 'hold', commerce.reserve('A', 2, 'holder', ttl => '1 hour');
		INSERT INTO things SELECT 'overdue', commerce.reserve('A', 3, 'late', ttl => '1 ms');
		INSERT INTO things SELECT 'customer', commerce.create_customer('jane\@example.com', name => 'Jane');
		INSERT INTO things SELECT 'order', commerce.checkout($one, idempotency_key => 'k');));

	my $sold = 1;
	for my $mode ('fast', 'immediate', 'immediate')
	{
		my $when = "$what, after shutdown mode $mode";
		my $half = $node->background_psql('postgres');

		# Something half done.
		$half->query_safe("BEGIN; SELECT commerce.checkout($one); SELECT commerce.reserve('A', 5, ttl => '1 hour');"
			  . "UPDATE commerce.promotions SET benefit = '50% off order'; UPDATE jobs SET state = 'done'");
		$node->stop($mode);
		eval { $half->quit };
		$node->start;

		wait_for($node, "SELECT expires_at < clock_timestamp() FROM commerce.reservations WHERE holder = 'late'", 't',
			"$when: time has passed");
		is($node->safe_psql('postgres', "SELECT commerce.available('A')"), 18 - $sold, "$when: holds and orders hold, once");
		is($node->safe_psql('postgres', "SELECT count(*), max(number) >= count(*) FROM commerce.orders"),
			"$sold|t", "$when: orders are there, half ones are not");
		is($node->safe_psql('postgres', "SELECT commerce.checkout($one, idempotency_key => 'k') = id FROM things WHERE name = 'order'"),
			't', "$when: a request from before is known");
		is($node->safe_psql('postgres', "SELECT commerce.quote($one) -> 'total' ->> 'amount'"),
			'9.00', "$when: the promotion is what was committed");
		is($node->safe_psql('postgres', 'SELECT state FROM jobs'), 'new', "$when: so is the state of a job");
		is((error_of($node, "UPDATE jobs SET state = 'lost'"))[0], 'CM010', "$when: machines judge");
		is($node->safe_psql('postgres', "SELECT commerce.reveal_customer(id, 'test') ->> 'name' FROM things WHERE name = 'customer'"),
			'Jane', "$when: customers open");
		is($node->safe_psql('postgres', "SELECT commerce.extend_reservation(id, '1 hour') > now() FROM things WHERE name = 'hold'"),
			't', "$when: the hold can be extended");
		is((error_of($node, "SELECT commerce.extend_reservation(id, '1 hour') FROM things WHERE name = 'overdue'"))[0],
			'CM004', "$when: the overdue one cannot");
		isnt($node->safe_psql('postgres', "SELECT commerce.checkout($one)"), '', "$when: the shop sells on");
		$sold++;
	}

	is($node->safe_psql('postgres', 'SELECT commerce.expire_reservations()'), '1', "$what: the overdue hold is swept once");
	is($node->safe_psql('postgres', "SELECT commerce.order_event(id, 'cancel') FROM things WHERE name = 'order'"),
		'cancelled', "$what: the first order can be cancelled");
	is($node->safe_psql('postgres', "SELECT commerce.release_holder('holder')"), '1', "$what: the hold can be given back");
	is($node->safe_psql('postgres', "SELECT commerce.available('A')"), 20 - $sold + 1, "$what: all of it counts");
	$node->stop;
	return;
}

survives(1);
survives(0);

done_testing();
