-- What operators see and do: monitoring views for zava_ops, maintenance for zava_maintenance.

-- Statements of all stores are in one view of the extension; nobody but zava_monitor may read it, and nobody but zava_ops may
-- call this. What a caller wrote (free SQL) is left out: its names and comments may quote anything.
GRANT USAGE, CREATE ON SCHEMA retail TO zava_monitor;
SET ROLE zava_monitor;
CREATE FUNCTION retail.statement_statistics() RETURNS TABLE (
    login name, query text, calls bigint, total_exec_time double precision, mean_exec_time double precision,
    max_exec_time double precision, stddev_exec_time double precision, rows bigint, shared_blks_hit bigint, shared_blks_read bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    IF to_regclass('public.pg_stat_statements') IS NULL OR NOT has_table_privilege('public.pg_stat_statements', 'SELECT')
       OR NOT pg_has_role('pg_read_all_stats', 'USAGE') THEN
        RAISE EXCEPTION 'statements are not recorded: the extension pg_stat_statements is missing or not granted'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run the seeder as a superuser, or as an administrator who may create it.';
    END IF;
    RETURN QUERY EXECUTE $query$
        SELECT r.rolname,
               CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.member = s.userid AND m.roleid = 'zava_query'::regrole)
                    THEN '(SQL of a caller''s own)' ELSE s.query END,
               s.calls, s.total_exec_time, s.mean_exec_time, s.max_exec_time, s.stddev_exec_time, s.rows, s.shared_blks_hit, s.shared_blks_read
          FROM public.pg_stat_statements s
          JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database()
          LEFT JOIN pg_roles r ON r.oid = s.userid
        $query$;
END
$$;
COMMENT ON FUNCTION retail.statement_statistics IS 'What the statements of this database took; raises 55000 where they are not recorded.';
REVOKE ALL ON FUNCTION retail.statement_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.statement_statistics() TO zava_ops;
RESET ROLE;
REVOKE USAGE, CREATE ON SCHEMA retail FROM zava_monitor;

CREATE VIEW retail.slow_queries AS
SELECT query, calls, total_exec_time, mean_exec_time, max_exec_time, stddev_exec_time, rows,
       100.0 * shared_blks_hit / nullif(shared_blks_hit + shared_blks_read, 0) AS hit_percent, login
  FROM retail.statement_statistics()
 WHERE mean_exec_time > 100
 ORDER BY mean_exec_time DESC;
COMMENT ON VIEW retail.slow_queries IS 'Statements that take more than 100 ms on average, slowest first; times in milliseconds. For operators.';

CREATE VIEW retail.table_stats AS
SELECT schemaname, relname AS tablename, pg_size_pretty(pg_total_relation_size(relid)) AS size,
       n_tup_ins AS inserts, n_tup_upd AS updates, n_tup_del AS deletes, n_live_tup AS live_tuples, n_dead_tup AS dead_tuples,
       pg_total_relation_size(relid) AS size_bytes,
       greatest(last_vacuum, last_autovacuum) AS last_vacuum, greatest(last_analyze, last_autoanalyze) AS last_analyze
  FROM pg_stat_user_tables
 WHERE schemaname = 'retail'
 ORDER BY size_bytes DESC;
COMMENT ON VIEW retail.table_stats IS 'Size, changes and dead rows of each table, largest first. For operators.';

CREATE VIEW retail.index_usage AS
SELECT s.schemaname, s.relname AS tablename, s.indexrelname AS indexname, s.idx_tup_read, s.idx_tup_fetch,
       pg_size_pretty(pg_relation_size(s.indexrelid)) AS size, s.idx_scan, pg_relation_size(s.indexrelid) AS size_bytes,
       i.indisvalid AS is_valid
  FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
 WHERE s.schemaname = 'retail'
 ORDER BY s.idx_tup_read DESC;
COMMENT ON VIEW retail.index_usage IS 'How much each index is read, and its size; one that is not valid serves no query. For operators.';

GRANT SELECT ON retail.slow_queries, retail.table_stats, retail.index_usage TO zava_ops;

-- How many bytes an entry of each index took when it took fewest since the index was last built.
CREATE TABLE retail.index_sizes (
    index_id OID PRIMARY KEY,
    file_id OID NOT NULL,
    bytes_per_entry DOUBLE PRECISION NOT NULL
);
COMMENT ON TABLE retail.index_sizes IS 'By what perform_maintenance tells that an index is bloated; file_id changes when the index is rebuilt.';
GRANT SELECT ON retail.index_sizes TO zava_backup;

-- VACUUM and REINDEX CONCURRENTLY cannot run in a function, so it returns those that are due, for DatabaseMaintenance.cs to run
-- one by one.
--
-- VACUUM: the condition of autovacuum (PostgreSQL, "Routine Vacuuming": threshold + scale factor * rows), with half its scale
-- factor. REINDEX: the bytes of an entry have doubled since the index was built. Formulas that compute what an index should
-- take need the widths of columns, which are statistics, and these tables have none (0010); and none knows vector indexes.
CREATE FUNCTION retail.perform_maintenance() RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    due text[];
BEGIN
    ANALYZE retail.customers;
    ANALYZE retail.products;
    ANALYZE retail.sales_transactions;
    ANALYZE retail.sales_transaction_items;
    ANALYZE retail.product_embeddings;

    DELETE FROM retail.index_sizes WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = index_id);
    -- Few entries say little: an empty page is most of what they take.
    INSERT INTO retail.index_sizes AS known (index_id, file_id, bytes_per_entry)
    SELECT c.oid, pg_relation_filenode(c.oid), pg_relation_size(c.oid) / c.reltuples
      FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
     WHERE c.relnamespace = 'retail'::regnamespace AND c.relowner = 'zava_owner'::regrole AND i.indisvalid AND c.reltuples >= 1000
    ON CONFLICT (index_id) DO UPDATE SET
        file_id = EXCLUDED.file_id,
        bytes_per_entry = CASE WHEN known.file_id = EXCLUDED.file_id THEN least(known.bytes_per_entry, EXCLUDED.bytes_per_entry) ELSE EXCLUDED.bytes_per_entry END;

    SELECT coalesce(array_agg(statement ORDER BY turn, statement), '{}') INTO due FROM (
        -- What a REINDEX CONCURRENTLY left behind that did not finish.
        SELECT 1 AS turn, format('DROP INDEX CONCURRENTLY retail.%I', c.relname) AS statement
          FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
         WHERE c.relnamespace = 'retail'::regnamespace AND c.relowner = 'zava_owner'::regrole AND NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
        UNION ALL
        SELECT 2, format('VACUUM (ANALYZE) retail.%I', c.relname)
          FROM pg_class c
         WHERE c.relnamespace = 'retail'::regnamespace AND c.relowner = 'zava_owner'::regrole AND c.relkind = 'r'
           AND (pg_stat_get_dead_tuples(c.oid) > current_setting('autovacuum_vacuum_threshold')::bigint
                                                + current_setting('autovacuum_vacuum_scale_factor')::double precision / 2 * greatest(c.reltuples, 0)
                OR age(c.relfrozenxid) > current_setting('autovacuum_freeze_max_age')::bigint / 2)
        UNION ALL
        -- Below a megabyte there is nothing to gain.
        SELECT 3, format('REINDEX INDEX CONCURRENTLY retail.%I', c.relname)
          FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN retail.index_sizes known ON known.index_id = c.oid
         WHERE c.relnamespace = 'retail'::regnamespace AND c.relowner = 'zava_owner'::regrole AND c.relname !~ '_cc(new|old)[0-9]*$'
           AND (NOT i.indisvalid
                OR pg_relation_size(c.oid) > 1048576 AND pg_relation_size(c.oid) > 2 * known.bytes_per_entry * greatest(c.reltuples, 1000))
        ) AS found;

    PERFORM retail.record_audit('maintenance', 'automated_maintenance_completed', NULL, jsonb_build_object(
        'timestamp', statement_timestamp(), 'database_size', pg_database_size(current_database()), 'due', due));
    RETURN QUERY SELECT unnest(due);
END
$$;
COMMENT ON FUNCTION retail.perform_maintenance IS 'Analyzes the tables of the shop and returns the VACUUM and REINDEX statements that are due; each has to be run by itself.';
REVOKE ALL ON FUNCTION retail.perform_maintenance() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.perform_maintenance() TO zava_maintenance;

-- A backup holds no keys, and can still lock every table: with row-level security and no policy, zava_backup reads no row of
-- these two. Their owner, through whom everything else reads them, is not bound by it.
GRANT CREATE ON SCHEMA retail TO zava_keeper;
SET ROLE zava_keeper;
ALTER TABLE retail.context_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE retail.query_logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE retail.context_keys ALTER COLUMN key_id SET STATISTICS 0, ALTER COLUMN secret SET STATISTICS 0, ALTER COLUMN created_at SET STATISTICS 0;
ALTER TABLE retail.query_logins ALTER COLUMN login_name SET STATISTICS 0, ALTER COLUMN key_id SET STATISTICS 0, ALTER COLUMN own_store SET STATISTICS 0;
GRANT SELECT ON retail.context_keys, retail.query_logins TO zava_backup;
CREATE FUNCTION retail.context_key_ids() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT key_id::text FROM retail.context_keys ORDER BY key_id
$$;
COMMENT ON FUNCTION retail.context_key_ids IS 'Which keys a backup needs to be given again.';
REVOKE ALL ON FUNCTION retail.context_key_ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.context_key_ids() TO zava_backup;
RESET ROLE;
REVOKE CREATE ON SCHEMA retail FROM zava_keeper;

GRANT SELECT ON retail.migration_lock TO zava_backup;
DO $$
DECLARE
    identity_sequence regclass;
BEGIN
    FOR identity_sequence IN
        SELECT oid::regclass FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relkind = 'S' AND relowner = 'zava_owner'::regrole
    LOOP
        EXECUTE format('GRANT SELECT ON SEQUENCE %s TO zava_backup', identity_sequence);
    END LOOP;
END
$$;
GRANT CREATE ON SCHEMA retail TO zava_audit;
SET ROLE zava_audit;
DO $$
DECLARE
    identity_sequence regclass;
BEGIN
    FOR identity_sequence IN
        SELECT oid::regclass FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relkind = 'S' AND relowner = 'zava_audit'::regrole
    LOOP
        EXECUTE format('GRANT SELECT ON SEQUENCE %s TO zava_backup', identity_sequence);
    END LOOP;
END
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA retail FROM zava_audit;
