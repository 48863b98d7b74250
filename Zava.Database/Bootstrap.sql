-- Roles and database privileges. Run by the administrator before every migration; every statement can be repeated.
-- Needs CREATEROLE and ownership of the database, not a superuser: managed PostgreSQL gives none.
-- Passwords are set separately, as SCRAM verifiers, so that none appears in a statement or a server log.

DO $$
DECLARE
    role_name text;
BEGIN
    -- Owners never log in: what they own is reached only through explicit grants.
    -- zava_query owns nothing: it holds the rights that the logins for free SQL share.
    FOREACH role_name IN ARRAY ARRAY['zava_owner', 'zava_keeper', 'zava_audit', 'zava_search', 'zava_query'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role_name);
        END IF;
    END LOOP;

    -- zava_monitor owns the function that reads statement statistics, by a right that it inherits (Monitoring.sql).
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'zava_monitor') THEN
        CREATE ROLE zava_monitor NOLOGIN INHERIT;
    END IF;

    -- NOINHERIT: a login that may become zava_owner has to say so (SET ROLE), it never acts as the owner by accident.
    FOREACH role_name IN ARRAY ARRAY['mcp_user', 'zava_worker', 'zava_seeder', 'zava_maintenance', 'zava_backup', 'zava_ops'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', role_name);
        END IF;
    END LOOP;

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO mcp_user, zava_worker, zava_seeder, zava_maintenance, zava_backup, zava_ops',
                   current_database());
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO zava_owner', current_database());
END
$$;

GRANT zava_owner, zava_keeper, zava_audit, zava_search, zava_monitor TO zava_seeder;
-- VACUUM and REINDEX are for owners; the privilege MAINTAIN, which would be enough, exists from PostgreSQL 17 on only.
GRANT zava_owner TO zava_maintenance;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- A login may change its own password and defaults, and nothing can take that right away; each start puts them back.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['mcp_user', 'zava_worker'] LOOP
        EXECUTE format('ALTER ROLE %I RESET ALL', role_name);
        EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET ALL', role_name, current_database());
    END LOOP;
END
$$;

-- A forgotten statement or transaction of a serving process must not hold a connection for ever.
ALTER ROLE mcp_user SET statement_timeout = '15s';
ALTER ROLE mcp_user SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE zava_worker SET statement_timeout = '60s';
ALTER ROLE zava_worker SET idle_in_transaction_session_timeout = '60s';
