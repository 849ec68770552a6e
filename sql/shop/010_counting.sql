-- Whoever changes a row that stock is counted from, a replica too, is counted.
CREATE TRIGGER stock_changed AFTER INSERT OR UPDATE OR DELETE ON commerce.stock
    FOR EACH ROW EXECUTE FUNCTION commerce.stock_changed();
ALTER TABLE commerce.stock ENABLE ALWAYS TRIGGER stock_changed;
CREATE TRIGGER reservation_changed AFTER INSERT OR UPDATE OR DELETE ON commerce.reservations
    FOR EACH ROW EXECUTE FUNCTION commerce.reservation_changed();
ALTER TABLE commerce.reservations ENABLE ALWAYS TRIGGER reservation_changed;

-- Where a sku lies and what may be sold beyond it is remembered by every session.
CREATE TRIGGER directory_changed AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF sku, location, backorder_limit ON commerce.stock
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.stock ENABLE ALWAYS TRIGGER directory_changed;
CREATE TRIGGER directory_changed AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE ON commerce.locations
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.locations ENABLE ALWAYS TRIGGER directory_changed;

CREATE VIEW commerce.pending_stock AS
    SELECT f.pid, f.sku, f.location, f.taken, f.given, f.since, clock_timestamp() - f.since AS age
    FROM commerce.stock_in_flight() f;
COMMENT ON VIEW commerce.pending_stock IS
'stock that transactions under way keep from others, one row for each level and process: a long age is an application that forgot to commit. Empty without shared_preload_libraries';
COMMENT ON COLUMN commerce.pending_stock.pid IS 'the server process: pg_stat_activity says whose, pg_terminate_backend(pid) gives the units back';
COMMENT ON COLUMN commerce.pending_stock.sku IS 'NULL: the rest of a transaction that touched more than 32 levels';
COMMENT ON COLUMN commerce.pending_stock.taken IS 'units that others cannot have now; a rollback gives them back';
COMMENT ON COLUMN commerce.pending_stock.given IS 'units that others can have once it commits';
COMMENT ON COLUMN commerce.pending_stock.since IS 'when the transaction began';
GRANT SELECT ON commerce.pending_stock TO commerce_reader;
