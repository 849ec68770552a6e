-- reserve() and try_reserve() mostly send no statement; they become the shop's owner themselves when they do.
CREATE FUNCTION commerce.reserve(sku text, quantity bigint DEFAULT 1, holder text DEFAULT NULL, location text DEFAULT NULL,
        ttl interval DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_reserve';
COMMENT ON FUNCTION commerce.reserve(text, bigint, text, text, interval) IS
'Holds units of a sku for ttl (commerce.reservation_ttl when NULL) and returns the reservation: reserve(''MUG'', 2, holder => ''cart-7'', ttl => ''10 minutes''). location NULL takes the location of highest priority that has them all. A holder may hold many; each call adds one. It is a name: another session that gives it is the same holder. Of a kit its parts are held, all at one location, in rows that share the id. CM001 when short: DETAIL has the units available and, as contended, those that transactions under way may yet give back. CM002 for an unknown sku or location, 22023 for a quantity or ttl that is not positive, 22004 for sku NULL, 22003 for a quantity beyond 10^18, 25006 on a standby.';
GRANT EXECUTE ON FUNCTION commerce.reserve(text, bigint, text, text, interval) TO commerce_app;

CREATE FUNCTION commerce.try_reserve(sku text, quantity bigint DEFAULT 1, holder text DEFAULT NULL,
        location text DEFAULT NULL, ttl interval DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_try_reserve';
COMMENT ON FUNCTION commerce.try_reserve(text, bigint, text, text, interval) IS
'Like reserve(), but returns NULL when short: no error, and while sold out no lock on a row, no WAL and no transaction id. All other errors are those of reserve().';
GRANT EXECUTE ON FUNCTION commerce.try_reserve(text, bigint, text, text, interval) TO commerce_app;

CREATE FUNCTION commerce.extend_reservation(reservation uuid, ttl interval DEFAULT NULL, holder text DEFAULT NULL)
        RETURNS timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_extend_reservation';
COMMENT ON FUNCTION commerce.extend_reservation(uuid, interval, text) IS
'Holds a reservation for ttl from now on (commerce.reservation_ttl when NULL) and returns when it ends: extend_reservation(id, ''20 minutes'', holder => ''cart-7''). holder, where given, must be whose it is: another''s, nobody''s and what an order owns are refused with CM003, the reason other_holder in DETAIL, and nothing changes; NULL takes the id alone. CM003 also unknown or finished, CM004 already expired, 40001 made since this transaction began, 22023 for a ttl that is not positive, 22004 for reservation NULL.';
GRANT EXECUTE ON FUNCTION commerce.extend_reservation(uuid, interval, text) TO commerce_app;

CREATE FUNCTION commerce.update_reservation(reservation uuid, quantity bigint, holder text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_update_reservation';
COMMENT ON FUNCTION commerce.update_reservation(uuid, bigint, text) IS
'Changes how many units a reservation holds, where it holds them and for as long as before; of a kit, how many kits. What it holds already never stands in its way. holder, where given, must be whose it is: another''s, nobody''s and what an order owns are refused with CM003, the reason other_holder in DETAIL, and nothing changes; NULL takes the id alone. CM001 when short, CM003 also unknown or finished, CM004 expired, 40001 made since this transaction began, 22023 for a quantity that is not positive or a kit held in pieces, 22003 beyond 10^18.';
GRANT EXECUTE ON FUNCTION commerce.update_reservation(uuid, bigint, text) TO commerce_app;

CREATE FUNCTION commerce.release_reservation(reservation uuid, holder text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_release_reservation';
COMMENT ON FUNCTION commerce.release_reservation(uuid, text) IS
'Gives held units back, to others once the transaction commits; of reservation NULL nothing. holder, where given, must be whose it is: another''s, nobody''s and what an order owns are refused with CM003, the reason other_holder in DETAIL, and nothing changes; NULL takes the id alone. CM003 also where the reservation is unknown or finished, CM004 where a sweep has already ended it: an overdue one that none has swept is given back. 40001 where it was made since this transaction began.';
GRANT EXECUTE ON FUNCTION commerce.release_reservation(uuid, text) TO commerce_app;

CREATE FUNCTION commerce.release_holder(holder text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_release_holder';
COMMENT ON FUNCTION commerce.release_holder(text) IS
'Gives back all that a holder holds; returns the number of reservations released, 0 for an unknown holder. Whoever gives the name is the holder, in any session: waits for others who replace, order or release what is held under it, then gives back what they have left; what a reserve() under way adds meanwhile stays.';
GRANT EXECUTE ON FUNCTION commerce.release_holder(text) TO commerce_app;

CREATE FUNCTION commerce.expire_reservations(batch bigint DEFAULT 1000) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_expire_reservations';
COMMENT ON FUNCTION commerce.expire_reservations(bigint) IS
'Marks overdue holds as expired, at most batch of them, skipping locked ones; returns how many. Housekeeping only, done by the background worker where there is one: an overdue hold keeps nobody from its units, except, where stock is counted, from a sweep of it until that commits: call this in a transaction of its own. 22023 for a batch that is not positive.';
GRANT EXECUTE ON FUNCTION commerce.expire_reservations(bigint) TO commerce_app;
