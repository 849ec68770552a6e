-- What people write, and what an erasure takes away, is in no sample of the planner's: one would keep it in pg_statistic, and in the
-- dumps that hold those, until a table happens to be analyzed again. No query of the shop's compares it.
ALTER TABLE commerce.audit_log ALTER COLUMN detail SET STATISTICS 0;
ALTER TABLE commerce.balance_entries ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE commerce.carts ALTER COLUMN attributes SET STATISTICS 0, ALTER COLUMN options SET STATISTICS 0, ALTER COLUMN ship_to SET STATISTICS 0;
ALTER TABLE commerce.customers ALTER COLUMN attributes SET STATISTICS 0;
ALTER TABLE commerce.fulfilments ALTER COLUMN carrier SET STATISTICS 0, ALTER COLUMN tracking SET STATISTICS 0,
    ALTER COLUMN tracking_url SET STATISTICS 0;
ALTER TABLE commerce.order_discounts ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE commerce.order_edits ALTER COLUMN changes SET STATISTICS 0, ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE commerce.order_holds ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE commerce.order_versions ALTER COLUMN document SET STATISTICS 0, ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE commerce.outbox ALTER COLUMN payload SET STATISTICS 0;
ALTER TABLE commerce.provider_calls ALTER COLUMN arguments SET STATISTICS 0, ALTER COLUMN path SET STATISTICS 0,
    ALTER COLUMN headers SET STATISTICS 0, ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN response SET STATISTICS 0,
    ALTER COLUMN error SET STATISTICS 0;
ALTER TABLE commerce.provider_payments ALTER COLUMN action_url SET STATISTICS 0;
ALTER TABLE commerce.quote_versions ALTER COLUMN message SET STATISTICS 0;
ALTER TABLE commerce.quotes ALTER COLUMN options SET STATISTICS 0, ALTER COLUMN reason SET STATISTICS 0, ALTER COLUMN ship_to SET STATISTICS 0;
ALTER TABLE commerce.return_receptions ALTER COLUMN note SET STATISTICS 0;
ALTER TABLE commerce.returns ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE commerce.state_history ALTER COLUMN detail SET STATISTICS 0;
ALTER TABLE commerce.store_credits ALTER COLUMN reason SET STATISTICS 0;
