# 16 clients write entries of the audit log while the worker and a client seal it, and backends and the whole server are
# killed in the middle of it: every entry is sealed once, nobody who writes waits for who seals, and whatever is changed
# afterwards is found. A dump restored elsewhere goes on with the same tree.
use strict;
use warnings;

use Commerce;
use IPC::Run;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_shop_node('audit', workers => 1, conf => join("\n", 'max_connections = 60', 'restart_after_crash = on',
	'log_statement = none', ''));

$node->safe_psql('postgres', q(
	INSERT INTO commerce.variants (sku) SELECT 'A' || n FROM generate_series(1, 50) n;
	INSERT INTO commerce.prices (sku, price) SELECT 'A' || n, '10 GBP' FROM generate_series(1, 50) n;
	CREATE TABLE people AS SELECT n, commerce.create_customer('person' || n || '@example.com') AS id FROM generate_series(1, 50) n;));

# Starts clients that change prices, note things about people and have passwords reset, every third transaction taking it back.
sub start_writers
{
	my ($seconds) = @_;
	my $script = $node->basedir . '/write.pgbench';

	append_to_file($script, join("\n", '\set n random(1, 50)', '\set p random(1, 1000000)', '\set keep random(1, 3)', 'BEGIN;',
		q(UPDATE commerce.prices SET price = commerce.from_minor(:p, 'GBP') WHERE sku = 'A' || :n AND pg_try_advisory_xact_lock(:n);),
		q(SELECT commerce.record_audit('noted', 'A' || :n, jsonb_build_object('p', :p));),
		q(SELECT commerce.record_audit('noted', id::text, jsonb_build_object('p', :p)), commerce.create_password_reset(id) FROM people WHERE n = :n;),
		'\if :keep = 1', 'ROLLBACK;', '\else', 'COMMIT;', '\endif', '')) unless -e $script;
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', 16, '-j', 2, '-T', $seconds, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', '/dev/null', '2>', '/dev/null');
}

# What must hold whenever nobody writes.
sub is_sound
{
	my ($when) = @_;

	is($node->safe_psql('postgres', 'SELECT * FROM commerce.verify_audit()'), '', "$when: nothing is found wrong");
	is($node->safe_psql('postgres', 'SELECT size - (SELECT count(*) FROM commerce.audit_nodes WHERE level = 0) FROM commerce.audit_tree'),
		'0', "$when: the tree has as many leaves as it says");
	return;
}

my $all_sealed = 'SELECT (SELECT count(*) FROM commerce.audit_log) = (SELECT size FROM commerce.audit_tree)';

# Has all sealed that is written.
sub is_sealed
{
	my ($when) = @_;

	wait_for($node, "WITH s AS MATERIALIZED (SELECT commerce.seal_audit()) SELECT count(*) = 1 FROM s; $all_sealed", "t\nt", "$when: all is sealed");
	return is_sound($when);
}

wait_for($node, $all_sealed, 't', 'the worker seals what is written');
is_sound('at the start');

# Writers do not wait: a sealer that does not end holds none of them up, and a writer that does not end holds none of what
# is older than him up, and all that is not.
{
	my $sealer = $node->background_psql('postgres');
	my $slow = $node->background_psql('postgres');

	$slow->query_safe("BEGIN; SELECT commerce.record_audit('slow')");
	$node->safe_psql('postgres', "SELECT commerce.record_audit('after the slow one')");
	$sealer->query_safe('BEGIN; SELECT commerce.seal_audit()');
	is($node->safe_psql('postgres', "SET lock_timeout = '10s'; SELECT commerce.record_audit('beside a sealer')"), '', 'who writes does not wait for who seals');
	$sealer->query_safe('COMMIT');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM commerce.audit_log a JOIN commerce.audit_nodes n ON n.entry = a.id
		WHERE a.kind IN ('slow', 'after the slow one'))), '0', 'what is younger than a running transaction waits for it');
	$slow->query_safe('COMMIT');
	is_sealed('when the slow one is over');
	$sealer->quit;
	$slow->quit;
}

# What somebody was shown stays in the log, though he rolls back, also where nothing may be written; and not even a
# customer's own values are in it.
{
	my $jane = $node->safe_psql('postgres', "SELECT commerce.create_customer('jane\@example.com', name => 'Jane')");
	my $shown = "SELECT count(*) FROM commerce.audit_log WHERE kind = 'reveal' AND subject = '$jane'";

	$node->safe_psql('postgres', "CREATE ROLE clerk LOGIN IN ROLE commerce_pii_reader");
	$node->safe_psql('postgres', "SET ROLE clerk; SELECT commerce.reveal_customer('$jane', 'a call')");
	is($node->safe_psql('postgres', "SELECT actor, detail, written_in IS NOT NULL FROM commerce.audit_log WHERE kind = 'reveal' AND subject = '$jane'"),
		'clerk|{"fields": "email, name, phone, address", "purpose": "a call"}|t', 'what was revealed, to whom and what for');
	$node->safe_psql('postgres', "SET ROLE clerk; BEGIN; SELECT commerce.reveal(name, id, 'curiosity') FROM commerce.customers WHERE id = '$jane'; ROLLBACK");
	is($node->safe_psql('postgres', $shown), '2', 'a rollback does not take it back');
	is($node->safe_psql('postgres', "SELECT detail FROM commerce.audit_log WHERE detail ->> 'purpose' = 'curiosity'"),
		'{"fields": "name", "purpose": "curiosity"}', 'nor what it was');
	$node->safe_psql('postgres', "SET ROLE clerk; BEGIN READ ONLY; SELECT commerce.reveal(name, id, 'x') FROM commerce.customers WHERE id = '$jane'; COMMIT");
	$node->safe_psql('postgres', "SET ROLE clerk; BEGIN; SAVEPOINT s; SELECT commerce.reveal(name, id, 'x') FROM commerce.customers WHERE id = '$jane'; ROLLBACK TO s; COMMIT");
	is($node->safe_psql('postgres', $shown), '4', 'nor does a savepoint, and READ ONLY does not keep it from being written');
	my $other = $node->background_psql('postgres');
	$other->query_safe("SET ROLE clerk; BEGIN; SELECT commerce.reveal(name, id, 'x') FROM commerce.customers WHERE id = '$jane'");
	is($node->safe_psql('postgres', $shown), '5', 'others see it at once');
	$other->query_safe('ROLLBACK');
	$other->quit;
	$node->safe_psql('postgres', 'VACUUM FREEZE commerce.audit_log; VACUUM FULL commerce.audit_log; REINDEX TABLE commerce.audit_log');
	is($node->safe_psql('postgres', $shown), '5', 'VACUUM keeps it');
	is((error_of($node, 'SET ROLE clerk; SET commerce.audit_reveals = off'))[0], '42501', 'only a superuser turns it off');
	$node->safe_psql('postgres', "SET commerce.audit_reveals = off; SELECT commerce.reveal_customer('$jane', 'maintenance')");
	is($node->safe_psql('postgres', $shown), '5', 'and then nothing is noted');
	is((error_of($node, "SELECT commerce.reveal_customer('$jane', '')"))[0], '22023', 'no purpose, no reveal');
	is($node->safe_psql('postgres', $shown), '5', 'and no entry');
	$node->stop('immediate');
	$node->start;
	is($node->safe_psql('postgres', $shown), '5', 'a crash keeps it');
	is($node->safe_psql('postgres', "SELECT count(*) FROM commerce.audit_log a WHERE a::text ~* 'jane'"), '0', 'no value is in the log');
}

# Under load, with backends killed, and the server.
for my $round (1 .. 3)
{
	my $writers = start_writers(4);
	my $before = $node->safe_psql('postgres', 'SELECT size FROM commerce.audit_tree');

	wait_for($node, "SELECT count(*) > 200 FROM commerce.audit_log a WHERE NOT EXISTS (SELECT FROM commerce.audit_nodes n WHERE n.entry = a.id)",
		't', "round $round: entries come");
	# Somebody is erased meanwhile, whose entries are redacted: of those, some are sealed and some are not.
	$node->safe_psql('postgres', "SELECT commerce.erase_customer(id) FROM people WHERE n = $round");
	my ($out, $err);
	my $sealer = IPC::Run::start([ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c',
		"SET application_name = 'sealer'", '-c', 'SELECT commerce.seal_audit(1) FROM generate_series(1, 1000000)' ], '>', \$out, '2>', \$err);
	wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'sealer' AND state = 'active'", 't', "round $round: a sealer is at it");
	if ($round < 3)
	{
		my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'sealer'");

		kill('KILL', $pid) if $pid;
	}
	else
	{
		$node->stop('immediate');
		$node->start;
	}
	$sealer->finish;
	$writers->finish;
	$node->poll_query_until('postgres', 'SELECT true');
	$node->safe_psql('postgres', 'SELECT commerce.seal_audit(7)');
	is_sealed("round $round");
	cmp_ok($node->safe_psql('postgres', 'SELECT size FROM commerce.audit_tree'), '>', $before, "round $round: the tree has grown");
	is($node->safe_psql('postgres', "SELECT count(*) FROM commerce.audit_log r, people p WHERE r.kind = 'redact' AND p.n = $round AND r.subject = p.id::text") > 0,
		1, "round $round: entries were redacted");
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM commerce.audit_log WHERE kind = 'password reset asked for'"), '>', 10, "round $round: resets are noted");
}

# Proofs of all entries against several sizes, judged by nothing but arguments.
is($node->safe_psql('postgres', q(
	SELECT count(*), bool_and(commerce.verify_inclusion(decode(p ->> 'leaf', 'hex'), (p ->> 'position')::bigint, (p ->> 'size')::bigint,
		decode(p ->> 'root', 'hex'), ARRAY(SELECT decode(h, 'hex') FROM jsonb_array_elements_text(p -> 'path') WITH ORDINALITY x (h, n) ORDER BY n)))
	FROM commerce.audit_tree t, LATERAL (SELECT n.entry, s.size FROM commerce.audit_nodes n, (VALUES (t.size), (t.size / 2), (100)) s (size)
		WHERE n.level = 0 AND n.position < s.size AND n.position % 97 = 0) e, LATERAL commerce.prove_inclusion(e.entry, e.size) p)) =~ /^\d{2,}\|t$/, 1,
	'entries are proved to be in the trees of several sizes');
is($node->safe_psql('postgres', q(
	SELECT count(*) > 5, bool_and(commerce.verify_consistency(c.size, c.root, t.size, l.root,
		ARRAY(SELECT decode(h, 'hex') FROM jsonb_array_elements_text(p -> 'path') WITH ORDINALITY x (h, n) ORDER BY n))),
		bool_or(c.size < t.size AND commerce.verify_consistency(c.size, sha256(c.root), t.size, l.root,
		ARRAY(SELECT decode(h, 'hex') FROM jsonb_array_elements_text(p -> 'path') WITH ORDINALITY x (h, n) ORDER BY n)))
	FROM commerce.audit_tree t JOIN commerce.audit_checkpoints l ON l.size = t.size, commerce.audit_checkpoints c, LATERAL commerce.prove_consistency(c.size) p)),
	't|t|f', 'every checkpoint is proved to be the beginning of the last');

# Signed, with a key that is not in the database.
is($node->safe_psql('postgres', q(SELECT count(*) > 5, bool_and(commerce.verify_checkpoint(commerce.audit_note(c.size, c.root, c.at), c.signature, commerce.audit_key())),
	bool_or(commerce.verify_checkpoint(commerce.audit_note(c.size + 1, c.root, c.at), c.signature, commerce.audit_key())),
	bool_or(commerce.verify_checkpoint(commerce.audit_note(c.size, c.root, c.at + interval '1 second'), c.signature, commerce.audit_key()))
	FROM commerce.audit_checkpoints c)), 't|t|f|f', 'every checkpoint is signed, and nothing else is');

# Whoever gets around the triggers leaves traces.
sub is_found
{
	my ($change, $problems, $what) = @_;

	is($node->safe_psql('postgres', "BEGIN; SET LOCAL session_replication_role = replica; $change;
		SELECT DISTINCT problem FROM commerce.verify_audit() ORDER BY 1; ROLLBACK"), $problems, "found: $what");
	return;
}
my $third = '(SELECT entry FROM commerce.audit_nodes WHERE level = 0 AND position = 3)';
is_found("UPDATE commerce.audit_log SET actor = 'somebody else' WHERE id = $third", 'changed', 'another actor');
is_found("UPDATE commerce.audit_log SET detail = detail || '{\"x\": 1}' WHERE id = $third", 'changed', 'another detail');
is_found("UPDATE commerce.audit_log SET at = at - interval '1 microsecond' WHERE id = $third", 'changed', 'a microsecond');
is_found("UPDATE commerce.audit_log SET actor = 'x', leaf = commerce.audit_leaf(id, at, 'x', login, kind, relation, subject, detail, salt) WHERE id = $third",
	'replaced', 'another entry with its own leaf');
is_found("DELETE FROM commerce.audit_log WHERE id = $third", 'missing', 'an entry that is gone');
is_found("DELETE FROM commerce.audit_log WHERE id = $third; UPDATE commerce.audit_tree SET pruned = 1000", 'missing', 'one that is said to have been pruned');
is_found("INSERT INTO commerce.audit_log (id, written_in, at, actor, login, kind, salt, leaf)
	SELECT id, '1', at, actor, login, kind, salt, leaf FROM commerce.audit_log WHERE id = $third", "changed\ntwice", 'another entry under the same id');
is_found("INSERT INTO commerce.audit_log SELECT id, '1', at, actor, login, kind, relation, subject, detail, salt, leaf FROM commerce.audit_log WHERE id = $third",
	'twice', 'the same entry once more');
is_found('UPDATE commerce.audit_nodes SET hash = sha256(hash) WHERE level = 2 AND position = 1', 'tree', 'a node');
is_found('DELETE FROM commerce.audit_nodes WHERE level = 1 AND position = 1', 'tree', 'a node that is gone');
is_found("UPDATE commerce.audit_checkpoints SET root = sha256(root) WHERE size = (SELECT max(size) FROM commerce.audit_checkpoints)", "checkpoint\nsignature", 'a root');
is_found('DELETE FROM commerce.audit_nodes WHERE level = 0 AND position = (SELECT size - 1 FROM commerce.audit_tree)', "tree\nunsealed", 'the last leaf');
is_found('UPDATE commerce.audit_checkpoints SET signature = sha512(signature) WHERE size = (SELECT max(size) FROM commerce.audit_checkpoints)', 'signature', 'a signature');
is_found("UPDATE commerce.audit_checkpoints SET at = at - interval '1 hour' WHERE size = (SELECT max(size) FROM commerce.audit_checkpoints)", 'signature', 'another time');
is_found('UPDATE commerce.audit_tree SET size = size - 1', 'tree', 'a smaller size');

# What is not sealed is not safe: entries put where the sealer does not come by any more, or into a transaction that is yet
# to be, and those that nobody has sealed for long.
sub is_found_of_an_entry
{
	my ($change, $problems, $what) = @_;

	is_found(qq(DO \$\$ BEGIN PERFORM commerce.record_audit('hidden'); END \$\$; $change), $problems, $what);
	return;
}
my $aged = "UPDATE commerce.audit_log SET at = now() - interval '%s', leaf = commerce.audit_leaf(id, now() - interval '%1\$s', actor, login, kind,
	relation, subject, detail, salt) WHERE kind = 'hidden'";
is_found_of_an_entry("UPDATE commerce.audit_log SET written_in = '3' WHERE kind = 'hidden'", 'unsealed', 'an entry behind those that are sealed');
is_found_of_an_entry("UPDATE commerce.audit_log SET written_in = '99999999999' WHERE kind = 'hidden'", 'unsealed', 'an entry of a transaction to come');
is_found_of_an_entry("UPDATE commerce.audit_tree SET last_written_in = '99999999999'", 'unsealed', 'a tree that is said to be ahead');
is_found_of_an_entry(sprintf($aged, '61 minutes'), 'unsealed', 'an entry that nobody has sealed for an hour');
is_found_of_an_entry(sprintf($aged, '59 minutes'), '', 'none that was written a while ago');
is_found("DELETE FROM commerce.audit_tree; DELETE FROM commerce.audit_log WHERE id = $third", "missing\ntree", 'an entry that is gone, with what is known of the tree');
$node->safe_psql('postgres', "SET session_replication_role = replica; SELECT commerce.record_audit('passed over');
	UPDATE commerce.audit_log SET written_in = '3' WHERE kind = 'passed over'; SELECT commerce.seal_audit(); UPDATE commerce.audit_tree SET cluster = NULL");
is_sealed('what was passed over is looked for when it is asked for');
# What was removed was there before who says so.
$node->safe_psql('postgres', q(SELECT commerce.write_audit('prune', 'commerce.audit_log', NULL, '{"entries": 1, "before": "2020-01-01", "first_kept": 1000000}');
	UPDATE commerce.audit_tree SET pruned = 1000000; SELECT commerce.record_audit('hidden')));
is_sealed('after a note that all to come is removed');
is_found("DELETE FROM commerce.audit_log WHERE kind = 'hidden'", 'missing', 'an entry that is gone, of which it was said before that it would');
$node->safe_psql('postgres', 'UPDATE commerce.audit_tree SET pruned = 0');
# An erasure takes what people wrote, and not how a price was changed.
my $erase = qq(DO \$\$
	DECLARE
		e uuid := (SELECT a.id FROM commerce.audit_log a WHERE a.relation = 'commerce.prices' LIMIT 1);
	BEGIN
		PERFORM commerce.write_audit('redact', 'commerce.audit_log', 'x', jsonb_build_object('entries', jsonb_build_array(e)));
		UPDATE commerce.audit_log a SET detail = NULL, salt = commerce.audit_erased(a.detail, a.salt) WHERE a.id = e;
	END \$\$);
is_found($erase, 'redacted', 'a change of a price that is said to be erased');
is((error_of($node, $erase))[0], 'CM042', 'which nobody may do');

# What was kept long enough goes, and the proofs of the rest stay.
$node->safe_psql('postgres', q(SELECT commerce.prune_audit((SELECT a.at FROM commerce.audit_log a JOIN commerce.audit_nodes n ON n.entry = a.id
	WHERE n.level = 0 AND n.position = 50))));
is_sound('after pruning');
is($node->safe_psql('postgres', q(SELECT count(*), min(n.position) > 0 FROM commerce.audit_nodes n JOIN commerce.audit_log a ON a.id = n.entry
	WHERE n.level = 0 AND n.position < 50)) =~ /^0\|/, 1, 'the first entries are gone');

# Elsewhere transactions have other numbers.
$node->safe_psql('postgres', "SELECT commerce.record_audit('last before the dump')");
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $dump, 'postgres' ], 'it is dumped');
my $other = new_node('elsewhere');
$other->start;
$other->safe_psql('postgres', 'CREATE DATABASE restored');
$other->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $other->host, '-p', $other->port, '-f', $dump, 'restored' ], 'and restored');
is($other->safe_psql('restored', 'SELECT * FROM commerce.verify_audit()'), '', 'elsewhere nothing is found wrong');
$other->safe_psql('restored', "SELECT commerce.record_audit('first elsewhere')");
is($other->safe_psql('restored', q(SELECT sum(commerce.seal_audit(1)) > 1 FROM generate_series(1, 20))), 't', 'what was not sealed before is sealed there');
is($other->safe_psql('restored', q(SELECT count(*) FROM commerce.audit_log a JOIN commerce.audit_nodes n ON n.entry = a.id
	WHERE a.kind IN ('last before the dump', 'first elsewhere'))), '2', 'what was written before and what was written after');
is($other->safe_psql('restored', 'SELECT * FROM commerce.verify_audit()'), '', 'and nothing is found wrong');
$other->safe_psql('restored', "SELECT commerce.record_audit('second elsewhere')");
is($other->safe_psql('restored', 'SELECT commerce.seal_audit(), commerce.seal_audit()'), '1|0', 'there it goes on');
$other->stop;
$node->stop;
done_testing();
