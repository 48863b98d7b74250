-- PostgreSQL plans from statistics of all rows of a table, whoever asks. What a plan is estimated to cost, and so which plan is
-- chosen, then tells of other stores: a histogram's bounds are real values, and somebody who may run SQL can find them by
-- bisection. So no column of a table that stores share has statistics, the store's own included. Joins along foreign keys are
-- still estimated well, from the keys; a store's share of a table is assumed, not known.
DO $$
DECLARE
    shared record;
BEGIN
    FOR shared IN
        SELECT c.oid::regclass AS table_name, a.attname
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity AND c.relowner = 'zava_owner'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', shared.table_name, shared.attname);
    END LOOP;
END
$$;

-- A vector index walks over the vectors of all stores and drops those of others afterwards: how many it dropped shows in how
-- few are left. Free SQL has no use for vectors.
REVOKE SELECT ON retail.product_embeddings FROM zava_query;
GRANT SELECT (store_id, embedding_id, product_id, embedding_text, embedding_model, created_at, updated_at) ON retail.product_embeddings TO zava_query;

SET ROLE zava_audit;
DO $$
DECLARE
    shared record;
BEGIN
    FOR shared IN
        SELECT attrelid::regclass AS table_name, attname FROM pg_attribute
         WHERE attrelid IN ('retail.audit_log'::regclass, 'retail.tool_calls'::regclass) AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', shared.table_name, shared.attname);
    END LOOP;
END
$$;
RESET ROLE;
