-- What only a superuser can close of what free SQL could do: signal to other stores' callers (locks, notifications, large
-- objects), disturb colleagues (cancel, terminate), leave something that a rollback does not undo (transaction numbers, log
-- messages), and run queries that were not estimated (XML and text search functions that take SQL). Returns whether it was
-- closed. docs/security.md lists what stays open otherwise. Can be repeated.

DO $$
DECLARE
    closed regprocedure;
BEGIN
    IF current_setting('is_superuser') <> 'on' THEN
        RETURN;
    END IF;
    REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION pg_catalog.pg_lock_status() FROM PUBLIC;
    GRANT SELECT ON pg_catalog.pg_locks TO zava_ops, zava_maintenance;
    GRANT EXECUTE ON FUNCTION pg_catalog.pg_lock_status() TO zava_ops, zava_maintenance;
    FOR closed IN
        SELECT oid::regprocedure FROM pg_proc
         WHERE pronamespace = 'pg_catalog'::regnamespace
           AND (proname ~ '^pg_(try_)?advisory_(xact_)?lock'
                OR proname ~ '^(query|table|cursor|schema|database)_to_xml'
                OR proname IN ('pg_notify', 'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lowrite', 'pg_cancel_backend', 'pg_terminate_backend',
                               'pg_current_xact_id', 'txid_current', 'pg_logical_emit_message', 'pg_export_snapshot', 'ts_stat', 'ts_rewrite'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', closed);
        -- The queue's trigger notifies, audit entries name their transaction, operators end sessions.
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO zava_owner, zava_audit, zava_ops, zava_maintenance', closed);
    END LOOP;
END
$$;
SELECT current_setting('is_superuser') = 'on';
