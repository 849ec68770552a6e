# Coming, going and being where one is not welcome: CREATE and DROP EXTENSION, create_shop() by whom and where, and
# sessions whose search_path is full of traps.
use strict;
use warnings;

use Commerce;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('extension');
$node->start;
my $lines = q('[{"sku": "A", "quantity": 1}]');
my $goods = q(INSERT INTO commerce.variants (sku) VALUES ('A'); INSERT INTO commerce.prices (sku, price) VALUES ('A', '10 EUR');
	SELECT commerce.receive_stock('A', 10););

# Makes a database with the extension and, unless told otherwise, nothing else in it.
sub database
{
	my ($name, $before) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, $before) if defined $before;
	$node->safe_psql($name, 'CREATE EXTENSION commerce');
	return $name;
}

# Passes where the shop of a database sells.
sub sells
{
	my ($database, $what) = @_;

	$node->safe_psql($database, "$goods SELECT commerce.checkout($lines)");
	return is($node->safe_psql($database, 'SELECT total FROM commerce.orders'), '10.00 EUR', $what);
}

# Again and again, in one session.
my $none = q(SELECT count(*) FROM pg_namespace WHERE nspname = 'commerce');
$node->safe_psql('postgres', 'CREATE DATABASE again');
my $session = $node->background_psql('again');
for my $round (1 .. 4)
{
	$session->query_safe('CREATE EXTENSION commerce');
	is($session->query_safe("SELECT commerce.minor_units('3 EUR')"), '300', "round $round: created");
	$session->query_safe('DROP EXTENSION commerce');
	is($session->query_safe($none), '0', "round $round: dropped without a trace in the database");
}
$session->query_safe('BEGIN; CREATE EXTENSION commerce; ROLLBACK');
is($session->query_safe($none), '0', 'rolled back');

# With a shop, dropped with all of it, and made again.
for my $round (1 .. 3)
{
	$session->query_safe("CREATE EXTENSION commerce; SELECT commerce.create_shop(); $goods");
	isnt($session->query_safe("SELECT commerce.checkout($lines)"), '', "round $round: a shop sells");
	my ($state, $message) = error_of($node, 'DROP EXTENSION commerce', 'again');
	is($state, '2BP01', "round $round: a shop is not dropped with the extension");
	like($message, qr/table commerce\.orders/, "round $round: the refusal names tables");
	like($message, qr/HINT:.*CASCADE/, "round $round: and the way");
	$session->query_safe('SET client_min_messages = warning; DROP EXTENSION commerce CASCADE');
	is($session->query_safe($none), '0', "round $round: CASCADE drops all");
}
$session->quit;

# A schema that somebody else made is not adopted.
$node->safe_psql('postgres', 'CREATE DATABASE hostile');
$node->safe_psql('hostile', 'CREATE ROLE mallory LOGIN; CREATE SCHEMA commerce AUTHORIZATION mallory');
is((error_of($node, 'CREATE EXTENSION commerce', 'hostile'))[0], '42P06', 'a schema commerce that is there is refused');
is((error_of($node, 'CREATE EXTENSION commerce SCHEMA public', 'hostile'))[0], '0A000', 'there is no other schema');
is((error_of($node, 'SET ROLE mallory; CREATE EXTENSION commerce', 'again'))[0], '42501', 'only a superuser creates it');

# Before create_shop() every function that needs a shop says so. Arguments are made up by type.
database('empty');
make_shop($node, 'postgres');
my $sealed = $node->safe_psql('postgres', "SELECT commerce.seal('x', 'notes', commerce.uuidv7())");
my %argument = (
	text => "'x'", 'text[]' => "'{x}'", 'name[]' => "'{id}'", name => "'x'", bigint => '1', boolean => 'true', uuid => 'commerce.uuidv7()',
	jsonb => $lines, interval => "'1 hour'", 'timestamp with time zone' => 'now()', regclass => "'pg_class'",
	'commerce.amount' => "'1 EUR'", 'commerce.sealed' => "'$sealed'", integer => '1', date => "'2026-02-03'",
	tstzrange => "'(,)'", 'bigint[]' => "'{1}'", bytea => "'x'");
# Those that look at their arguments first.
my %call = (create_customer => "'jane\@example.com'", quote => $lines, quote_lines => $lines, create_totp => 'commerce.uuidv7()', create_jwt_key => '');
# Those that work without a shop.
my %works = map { $_ => 1 } qw(create_shop uuidv7 worker_status current_customer current_channels pre_request);
# Those that are inlined into the statement that calls them: there the parser is first to miss a table.
my %inlined = map { $_ => 1 } qw(cart_conversion cohorts customer_attributes customer_orders customer_rfm gift_costs promotion_effects
	promotion_results returns_report sales_by_channel sales_by_country sales_by_day sales_by_product stock_turnover stock_value);
my @functions = split(/\n/, $node->safe_psql('empty', q(
	SELECT p.proname || '|' || coalesce(string_agg(format_type(a.type, NULL), ';' ORDER BY a.n), '')
	FROM pg_proc p LEFT JOIN LATERAL unnest(p.proargtypes) WITH ORDINALITY a (type, n) ON true
	WHERE p.pronamespace = 'commerce'::regnamespace AND p.provolatile <> 'i' AND p.prokind = 'f'
		AND p.prorettype <> 'trigger'::regtype
		AND has_function_privilege('commerce_admin', p.oid, 'EXECUTE')
		AND EXISTS (SELECT FROM aclexplode(p.proacl) g WHERE g.grantee IN (SELECT oid FROM pg_roles
			WHERE rolname IN ('commerce_app', 'commerce_reader', 'commerce_admin', 'commerce_pii_reader')))
	GROUP BY p.oid, p.proname ORDER BY 1)));
cmp_ok(scalar(@functions), '>', 30, 'there are functions to ask');
for my $function (@functions)
{
	my ($name, $types) = split(/\|/, $function, 2);
	my @types = split(/;/, $types);
	my @unknown = grep { !exists $argument{$_} } @types;

	next if $works{$name};
	if (@unknown)
	{
		fail("$name: no argument of type @unknown");
		next;
	}
	my $call = $call{$name} // join(', ', map { "$argument{$_}::$_" } @types);
	my ($state, $message) = error_of($node, "SELECT commerce.$name($call)", 'empty');
	is($state, $inlined{$name} ? '42P01' : 'CM099', "before create_shop(): $name(" . join(', ', @types) . ')') or diag($message);
}
like((error_of($node, "SELECT commerce.quote($lines)", 'empty'))[1], qr/HINT:.*create_shop/, 'the hint says what to run');

# By whom.
database('members');
$node->safe_psql('members', q(
	CREATE ROLE keeper LOGIN IN ROLE commerce_admin;
	CREATE ROLE seller LOGIN IN ROLE commerce_app;
	CREATE ROLE stranger LOGIN;));
is((error_of($node, "SET ROLE $_; SELECT commerce.create_shop()", 'members'))[0], '42501', "$_ may not create a shop")
  for qw(stranger seller);
like((error_of($node, 'SET ROLE keeper; SELECT commerce.create_shop()', 'members'))[1],
	qr/42501.*ltree/s, 'an administrator without CREATE on the database cannot bring ltree');
$node->safe_psql('members', 'GRANT CREATE ON DATABASE members TO keeper');
like($node->safe_psql('members', 'SET ROLE keeper; SELECT commerce.create_shop()'), qr/^\d+$/, 'with it, he creates the shop');
$node->safe_psql('members', "SET ROLE keeper; $goods");
isnt($node->safe_psql('members', "SET ROLE seller; SELECT commerce.checkout($lines)"), '', 'in which a seller sells');
is((error_of($node, "SET ROLE stranger; SELECT commerce.checkout($lines)", 'members'))[0], '42501', 'and a stranger does not');
is((error_of($node, "SET ROLE seller; UPDATE commerce.stock SET on_hand = 100", 'members'))[0], '42501', 'nor sets levels');

# Two at once.
database('twins');
my @twins = map { $node->background_psql('twins') } 1 .. 2;
$twins[0]->query_safe("BEGIN; SELECT commerce.create_shop('USD')");
$twins[1]->query_until(qr/asking/, "\\echo asking\nSELECT 'created ' || commerce.create_shop('USD');\n");
wait_for($node, q(SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = 'twins' AND NOT l.granted),
	'1', 'the second create_shop() waits');
$twins[0]->query_safe('COMMIT');
is($twins[1]->query_safe('SELECT currency FROM commerce.shop') =~ s/.*\n//sr, 'USD', 'and finds the shop of the first');
$_->quit for @twins;
my $versions = q(SELECT commerce.create_shop('USD'), array_agg(version ORDER BY version) FROM commerce.schema_version);
is($node->safe_psql('twins', $versions), $node->safe_psql('members', $versions), 'every migration ran once, as where nobody else was');

# Where ltree lives.
database('elsewhere', 'CREATE SCHEMA "Far away"; CREATE EXTENSION ltree SCHEMA "Far away"');
like((error_of($node, 'SELECT commerce.create_shop()', 'elsewhere'))[1],
	qr/42501.*Far away/s, 'ltree in a schema that the shop may not use is refused by name');
$node->safe_psql('elsewhere', 'GRANT USAGE ON SCHEMA "Far away" TO commerce_owner; SELECT commerce.create_shop()');
sells('elsewhere', 'ltree may be in any schema');
database('no_public', 'DROP SCHEMA public');
$node->safe_psql('no_public', 'SELECT commerce.create_shop()');
sells('no_public', 'there need be no schema public');
my $dump = $node->basedir . '/no_public.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('no_public') ], 'which can be dumped');
$node->safe_psql('postgres', 'CREATE DATABASE no_public_again');
$node->safe_psql('no_public_again', 'DROP SCHEMA public');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('no_public_again') ], 'and restored');

# A library that does not fit.
my $fits = $node->safe_psql('twins', "SELECT extversion FROM pg_extension WHERE extname = 'commerce'");
for my $other ('99.0', '0.0.1')
{
	$node->safe_psql('twins', "UPDATE pg_extension SET extversion = '$other' WHERE extname = 'commerce'");
	for my $statement ("SELECT commerce.checkout($lines)", "SELECT commerce.quote($lines)", "SELECT commerce.available('A')",
		"SELECT commerce.receive_stock('A', 1)", "INSERT INTO commerce.fulfilments (order_id) VALUES (commerce.uuidv7())")
	{
		is((error_of($node, $statement, 'twins'))[0], 'CM099', "SQL of version $other: $statement");
	}
}
$node->safe_psql('twins', "UPDATE pg_extension SET extversion = '$fits' WHERE extname = 'commerce'");
sells_in_dollars();
$node->safe_psql('twins', 'INSERT INTO commerce.schema_version VALUES (999, \'future\', \'99.0\')');
is((error_of($node, "SELECT commerce.checkout($lines)", 'twins'))[0], 'CM099', 'tables of a newer library');

# Passes where the shop that was out of step works again.
sub sells_in_dollars
{
	$node->safe_psql('twins', q(INSERT INTO commerce.variants (sku, track_stock) VALUES ('A', false);
		INSERT INTO commerce.prices (sku, price) VALUES ('A', '1 USD')));
	return isnt($node->safe_psql('twins', "SELECT commerce.checkout($lines)"), '', 'the version that fits works');
}

# Traps: mallory may create in public, and everybody else's search_path begins there.
$node->safe_psql('postgres', 'CREATE DATABASE traps');
$node->safe_psql('traps', q(GRANT CREATE ON SCHEMA public TO mallory; CREATE TABLE public.caught (what text);
	GRANT ALL ON public.caught TO PUBLIC;));
my $traps = 'SET ROLE mallory; SET search_path = pg_catalog;';
for my $type (qw(text uuid bigint integer jsonb boolean timestamptz bytea name oid))
{
	for my $operator (qw(= <> < > <= >= + - *), '||')
	{
		my $result = $operator =~ /[=<>]/ ? 'boolean' : $type;
		my $name = "trap_$type" . '_' . join('', map { ord } split(//, $operator));

		$traps .= qq(CREATE FUNCTION public.$name(a $type, b $type) RETURNS $result LANGUAGE plpgsql AS 'BEGIN
			INSERT INTO public.caught VALUES (''$operator $type''); RETURN NULL; END';
			CREATE OPERATOR public.$operator (FUNCTION = public.$name, LEFTARG = $type, RIGHTARG = $type););
	}
}
for my $signature ('lower(text) text', 'upper(text) text', 'now() timestamptz', 'jsonb_array_length(jsonb) int',
	'jsonb_typeof(jsonb) text', 'jsonb_build_object(text, text) jsonb', 'format(text, text) text', 'clock_timestamp() timestamptz',
	'nextval(regclass) bigint', 'gen_random_uuid() uuid', 'uuidv7() uuid', 'require_shop() void', 'minor_units(text) bigint',
	'btrim(text) text', 'quote_ident(text) text', 'to_regprocedure(text) regprocedure')
{
	my ($function, $result) = $signature =~ /^(\S.*\)) (\w+)$/;

	$traps .= qq(CREATE FUNCTION public.$function RETURNS $result LANGUAGE plpgsql AS 'BEGIN
		INSERT INTO public.caught VALUES (''$signature''); RETURN) . ($result eq 'void' ? '' : ' NULL') . q(; END';);
}
$traps .= "CREATE TABLE public.$_ (id int); GRANT ALL ON public.$_ TO PUBLIC;"
  for qw(shop orders order_lines variants prices stock reservations promotions state_machines transitions state_history pg_extension pg_namespace);
$node->safe_psql('traps', $traps);
my $hostile = 'SET client_min_messages = warning; SET search_path = public, pg_catalog;';
my $temporary = join('', map { "CREATE TEMP TABLE $_ (id int);" } qw(shop orders variants stock reservations promotions));
$node->safe_psql('traps', "$hostile CREATE EXTENSION commerce; SELECT commerce.create_shop()");
$node->safe_psql('traps', "$hostile $temporary $goods INSERT INTO commerce.promotions (name, benefit) VALUES ('sale', '10% off order')");
is($node->safe_psql('traps', "$hostile $temporary SELECT commerce.quote($lines)"),
	$node->safe_psql('traps', "SELECT commerce.quote($lines)"), 'a quote is the same under a hostile search_path');
my $work = q(
	SELECT commerce.create_customer('jane@example.com', name => 'Jane');
	SELECT commerce.reveal_customer(commerce.find_customer('jane@example.com'), 'test') IS NULL;
	SELECT commerce.checkout('[{"sku": "A", "quantity": 2}]', idempotency_key => 'k') AS bought \gset
	SELECT commerce.checkout('[{"sku": "A", "quantity": 2}]', idempotency_key => 'k') AS bought \gset
	SELECT commerce.authorize_payment(:'bought') AS payment \gset
	SELECT commerce.capture_payment(:'payment', '1 EUR', 'one');
	SELECT commerce.refund_payment(:'payment');
	SELECT commerce.order_event(:'bought', 'confirm');
	SELECT commerce.fulfil(:'bought', '[{"line": 1, "quantity": 1}]');
	SELECT commerce.request_return(:'bought', '[{"line": 1, "quantity": 1}]') AS back \gset
	SELECT commerce.return_event(:'back', 'approve');
	SELECT commerce.receive_return(:'back');
	UPDATE commerce.orders SET state = 'cancelled';
	SELECT commerce.reserve('A', 1, 'me') AS hold \gset
	SELECT commerce.extend_reservation(:'hold') IS NULL;
	SELECT commerce.release_reservation(:'hold');
	SELECT commerce.try_reserve('A') IS NULL, commerce.release_holder('me'), commerce.expire_reservations();
	SELECT commerce.adjust_stock('A', -1), commerce.available('A');
	SELECT commerce.create_state_machine('m', '{"initial": "a", "states": ["a", "b"], "transitions": [{"event": "e", "from": "a", "to": "b"}]}');
	SELECT commerce.state_machine_diagram('m');
	CREATE TABLE public.things (id int PRIMARY KEY, state text);
	SELECT commerce.attach_state_machine('public.things', 'state', 'm');
	INSERT INTO public.things VALUES (1, 'a');
	UPDATE public.things SET state = 'b';
	SELECT commerce.create_shop(), commerce.upgrade_shop(););
$node->safe_psql('traps', "$hostile $temporary $work");
is($node->safe_psql('traps', 'SELECT state, total FROM commerce.orders'), 'cancelled|18.00 EUR', 'the shop has done its work');
is($node->safe_psql('traps', "SELECT commerce.available('A')"), '8', 'to the unit');
is($node->safe_psql('traps', 'SELECT state FROM public.things'), 'b', "and on the application's table");
is($node->safe_psql('traps', 'SELECT string_agg(DISTINCT what, \', \') FROM public.caught'), '', 'no trap has caught anything');
isnt($node->safe_psql('traps', "$hostile SELECT 'a'::text = 'a'::text; RESET search_path; SELECT what FROM public.caught"),
	'', 'though they are set');

done_testing();
