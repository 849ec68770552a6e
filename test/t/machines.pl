# State machines where changes come from elsewhere: a subscription's apply judges states and repeats nothing, a change
# that no transition leads to stops it, and a dump carries the machines of an app's tables along.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_node('publisher', init => { allows_streaming => 'logical' });
my $subscriber = new_node('subscriber', init => { allows_streaming => 'logical' });
my $tables = q(
	CREATE TYPE job_state AS ENUM ('new', 'open', 'done');
	CREATE TABLE job (id int PRIMARY KEY, state job_state NOT NULL, note text);
	CREATE TABLE calls (id int, event text);
	CREATE FUNCTION note_call("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql
		AS $$ INSERT INTO public.calls VALUES (("row" ->> 'id')::int, event); SELECT true $$;
	GRANT USAGE ON SCHEMA public TO commerce_owner;
	SELECT commerce.create_state_machine('job', '{"initial": "new", "states": ["new", "open", "done"], "transitions": [
		{"event": "start", "from": "new", "to": "open", "effect": "public.note_call", "topic": "job.started"},
		{"event": "finish", "from": "open", "to": "done", "guard": "attributes.note = ''checked''"}]}'););
my $attach = "SELECT commerce.attach_state_machine('job', 'state', 'job')";
my $traces = "SELECT (SELECT count(*) FROM commerce.state_history WHERE machine = 'job'), (SELECT count(*) FROM calls),
	(SELECT count(*) FROM commerce.outbox WHERE topic = 'job.started')";
my $jobs = 'SELECT string_agg(id || state::text, chr(32) ORDER BY id) FROM job';

foreach my $node ($publisher, $subscriber)
{
	$node->start;
	make_shop($node);
	$node->safe_psql('postgres', $tables);
	$node->safe_psql('postgres', $attach);
}

# What was there before is copied: any state of the machine may come in.
$publisher->safe_psql('postgres', "INSERT INTO job VALUES (1, 'new'), (2, 'done')");
$publisher->safe_psql('postgres', 'CREATE PUBLICATION jobs FOR TABLE job');
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION jobs CONNECTION '$connection' PUBLICATION jobs");
$subscriber->wait_for_subscription_sync($publisher, 'jobs');
is($subscriber->safe_psql('postgres', $jobs), '1new 2done', 'the first copy brings every state');

# The way through is followed without a second guard, history, event or effect.
$publisher->safe_psql('postgres', "UPDATE job SET state = 'open' WHERE id = 1");
$publisher->safe_psql('postgres', "UPDATE job SET state = 'done', note = 'checked' WHERE id = 1");
$publisher->wait_for_catchup('jobs');
is($subscriber->safe_psql('postgres', $jobs), '1done 2done', 'changes are applied');
is($publisher->safe_psql('postgres', $traces), '2|1|1', 'history, effect and event are there where it happened');
is($subscriber->safe_psql('postgres', $traces), '0|0|0', 'and not once more where it is applied');

# A change that the subscriber's machine does not know stops the apply, and is told in its log.
$publisher->safe_psql('postgres', "INSERT INTO job VALUES (3, 'new')");
$publisher->wait_for_catchup('jobs');
my $from = -s $subscriber->logfile;
$publisher->safe_psql('postgres', q(
	ALTER TABLE job DISABLE TRIGGER "~state_machine_state";
	UPDATE job SET state = 'done' WHERE id = 3;
	ALTER TABLE job ENABLE ALWAYS TRIGGER "~state_machine_state";));
wait_until(sub { slurp_file($subscriber->logfile, $from) =~ /no transition leads from state "new" to "done"/ },
	'an apply that gets around a machine at its origin is refused');
is($subscriber->safe_psql('postgres', 'SELECT state FROM job WHERE id = 3'), 'new', 'and changes nothing');

# Whoever trusts the origin says so, and it goes on.
$subscriber->safe_psql('postgres', 'ALTER TABLE job ENABLE TRIGGER "~state_machine_state"');
is($subscriber->safe_psql('postgres', 'SELECT enabled FROM commerce.attached_state_machines() WHERE "table" = \'job\'::regclass'),
	'origin', 'the list of machines shows that it is');
$publisher->wait_for_catchup('jobs');
is($subscriber->safe_psql('postgres', $jobs), '1done 2done 3done', 'with triggers of the origin alone the change comes in');
like(error_of($subscriber, "UPDATE job SET state = 'new' WHERE id = 3"), qr/CM010/, 'others are judged as before');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION jobs');

# A dump of the app's table brings both triggers along, and the restored rows are not judged again.
$publisher->safe_psql('postgres', 'ALTER TABLE job RENAME COLUMN state TO status');
$publisher->command_ok(['pg_dump', '-Fc', '-f', $publisher->basedir . '/dump', $publisher->connstr('postgres')], 'a dump is written');
$subscriber->safe_psql('postgres', 'CREATE DATABASE restored');
$subscriber->command_ok(['pg_restore', '-d', $subscriber->connstr('restored'), '--no-publications', $publisher->basedir . '/dump'], 'and restored');
is($subscriber->safe_psql('restored', 'SELECT "table", "column", machine, enabled FROM commerce.attached_state_machines() WHERE machine = \'job\''),
	'job|status|job|always', 'the restored column has its machine');
is($subscriber->safe_psql('restored', $traces), '2|1|1', 'restoring rows makes no history');
like(error_of($subscriber, "UPDATE job SET status = 'new' WHERE id = 3", 'restored'), qr/CM010/, 'and its changes are judged');

done_testing();
