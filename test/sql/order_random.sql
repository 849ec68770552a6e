-- Everything that is taken is given back exactly once, whatever happens to orders in whatever order: a random walk over checkouts,
-- payments, parcels, returns, edits and stock, all of whose sums are looked at after each step.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
\getenv abs_srcdir PG_ABS_SRCDIR
\set walk :abs_srcdir '/walk/walk.sql'
\set must_hold :abs_srcdir '/walk/must_hold.sql'
\set ECHO none
\i :walk
\i :must_hold
\set ECHO all
DO $$
DECLARE
    step record;
    wrong record;
    sound boolean := true;
BEGIN
    PERFORM setseed(0.5);
    FOR n IN 1 .. 2000 LOOP
        -- At last what has only been refused so far.
        step := walk.step(6, CASE WHEN n > 350 AND n % 2 = 0 THEN (SELECT min(a.name) FROM walk.actions a WHERE NOT EXISTS (SELECT FROM walk.done d WHERE d.action = a.name AND d.code = 'done')) END);
        IF step.code = 'done' THEN
            FOR wrong IN SELECT w.* FROM walk.wrong(CASE WHEN step.action LIKE ANY ('{expire_%,issue_invoices}') THEN ARRAY(SELECT id FROM walk.orders) ELSE ARRAY[step.touched] END) w LIMIT 5 LOOP
                sound := false;
                RAISE WARNING 'step %: % (%): % %', n, step.action, step.touched, wrong.about, wrong.what;
            END LOOP;
        END IF;
        EXIT WHEN NOT sound OR n >= 450 AND NOT EXISTS (SELECT FROM walk.actions a WHERE NOT EXISTS (SELECT FROM walk.done d WHERE d.action = a.name AND d.code = 'done'));
        COMMIT;
    END LOOP;
END
$$;
SELECT * FROM walk.faults;
SELECT * FROM walk.wrong(ARRAY(SELECT id FROM walk.orders));
SELECT name AS never_done FROM walk.actions WHERE NOT EXISTS (SELECT FROM walk.done WHERE action = name AND code = 'done') ORDER BY 1;
-- At last all is given back: goods, claims, money. What goes on are orders whose goods came back and were refused, or that were
-- archived after they were completed.
DO $$
DECLARE
    o uuid;
BEGIN
    FOR o IN SELECT w.id FROM walk.orders w ORDER BY w.n LOOP
        PERFORM walk.undo(o);
    END LOOP;
    PERFORM commerce.expire_reservations(), commerce.release_holder(h.holder)
        FROM (SELECT DISTINCT r.holder FROM commerce.reservations r WHERE r.sku LIKE 'walk-%' AND r.state = 'held') h;
    WHILE EXISTS (SELECT FROM commerce.invoice_queue) LOOP
        PERFORM commerce.issue_invoices();
    END LOOP;
END
$$;
SELECT * FROM walk.not_back();
SELECT count(*) FILTER (WHERE NOT alive) > count(*) / 2 AS most_are_undone FROM walk.alive;
-- Nothing of it is left that other tests could see.
UPDATE commerce.promotions SET status = 'ended' WHERE name LIKE 'walk %';
SET client_min_messages = warning;
DROP SCHEMA walk CASCADE;
