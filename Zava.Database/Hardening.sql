-- What only a superuser can close: ways in which callers of different stores who work together could signal each other from
-- free SQL, and traces of it in the server's log. Returns whether it was closed. docs/security.md lists what stays open
-- otherwise. Can be repeated.

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
           AND (proname ~ '^pg_(try_)?advisory_(xact_)?lock' OR proname IN ('pg_notify', 'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lowrite'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', closed);
        -- The migrator locks, the queue's trigger notifies.
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO zava_owner', closed);
    END LOOP;
END
$$;
SELECT current_setting('is_superuser') = 'on';
