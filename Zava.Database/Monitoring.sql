-- Statement statistics, for retail.slow_queries. Only a superuser, or an administrator whom the server allows it (on Azure:
-- azure.extensions), may create the extension and give the right to read all of it; without them the view says what is
-- missing. Can be repeated.

DO $$
DECLARE
    closed regprocedure;
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
    -- The extension lets everybody read it.
    REVOKE ALL ON public.pg_stat_statements, public.pg_stat_statements_info FROM PUBLIC;
    FOR closed IN
        SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname ~ '^pg_stat_statements'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', closed);
    END LOOP;
    GRANT SELECT ON public.pg_stat_statements TO zava_monitor;
    GRANT EXECUTE ON FUNCTION public.pg_stat_statements(boolean) TO zava_monitor;
    -- Texts of other logins are shown to nobody else.
    GRANT pg_read_all_stats TO zava_monitor;
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
        NULL;
END
$$;
