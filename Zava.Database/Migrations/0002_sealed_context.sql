-- Who is asking, and for which stores. A setting alone proves nothing, because any SQL can change a setting; so the
-- setting app.context holds a sealed context, and only its seal (HMAC-SHA256, RFC 2104) makes it count:
--
--   1 | key id | expiry | backend pid | stores | user | tool | trace id | seal
--
-- expiry is in Unix seconds; stores is a comma-separated list or * for every active store; user and tool are base64 of
-- UTF-8; the seal is the hexadecimal HMAC of everything before its own separator. The key never leaves zava_keeper's
-- table, and the backend pid makes a context worthless on any other connection.

SET ROLE zava_keeper;

CREATE TABLE retail.context_keys (
    key_id VARCHAR(50) PRIMARY KEY,
    secret BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT key_id_format CHECK (key_id ~ '^[A-Za-z0-9._-]+$'),
    CONSTRAINT secret_length CHECK (octet_length(secret) >= 32)
);
COMMENT ON TABLE retail.context_keys IS 'Keys that seal contexts; readable by zava_keeper alone.';

CREATE FUNCTION retail.install_context_key(new_key_id text, new_secret bytea) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    INSERT INTO retail.context_keys (key_id, secret) VALUES (new_key_id, new_secret)
    ON CONFLICT (key_id) DO UPDATE SET secret = EXCLUDED.secret WHERE context_keys.secret <> EXCLUDED.secret
$$;
COMMENT ON FUNCTION retail.install_context_key IS 'Adds a sealing key, or replaces the secret of a known key id.';

-- Raises, in a form that a condition can have.
CREATE FUNCTION retail.refuse_context(reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION '%', reason USING ERRCODE = 'invalid_authorization_specification';
END
$$;

-- A view and not a function: every policy reads it, and its plan is kept with the plan of the statement, where PL/pgSQL
-- would prepare each of its expressions anew in every transaction. It runs with its owner's rights on the keys, and a
-- barrier keeps a reader's conditions out of it. No context gives no row, so no stores; one that does not hold raises:
-- silent zero rows would read like an answer. OFFSET 0 keeps PostgreSQL from merging a level into the next and then
-- computing it once for each of its uses.
CREATE VIEW retail.current_context WITH (security_barrier = true) AS
SELECT coalesce(
           (SELECT jsonb_object_agg(store_id, '') FROM retail.stores
             WHERE is_active AND (store_id = ANY (string_to_array(field[5], ',')) OR field[5] = '*')),
           CASE WHEN retail.refuse_context('Invalid or inactive store: ' || field[5]) THEN '{}'::jsonb END) AS store_map,
       field[5] AS stores,
       convert_from(decode(field[6], 'base64'), 'UTF8') AS user_name,
       convert_from(decode(field[7], 'base64'), 'UTF8') AS tool,
       nullif(field[8], '') AS trace_id
  FROM (SELECT CASE
                   -- Both sides are hashed so that the time the comparison takes says nothing about the seal.
                   WHEN (public.digest(encode(public.hmac(convert_to(left(token, -65), 'UTF8'), secret, 'sha256'), 'hex'), 'sha256')
                         = public.digest(right(token, 64), 'sha256')) IS NOT TRUE OR cardinality(field) <> 9 OR field[1] <> '1'
                       THEN CASE WHEN retail.refuse_context('sealed context: malformed, forged, altered or sealed with an unknown key') THEN '{}'::text[] END
                   WHEN field[4]::integer <> pg_backend_pid()
                       THEN CASE WHEN retail.refuse_context('sealed context: made for another connection') THEN '{}'::text[] END
                   WHEN field[3]::bigint < extract(epoch FROM statement_timestamp())
                       THEN CASE WHEN retail.refuse_context('sealed context: expired') THEN '{}'::text[] END
                   ELSE field
               END AS field
          FROM (SELECT token, string_to_array(token, '|') AS field
                  FROM (SELECT nullif(current_setting('app.context', true), '') AS token OFFSET 0) AS setting
                 WHERE token IS NOT NULL OFFSET 0) AS parted
          LEFT JOIN retail.context_keys ON key_id = field[2]
        OFFSET 0) AS verified;
COMMENT ON VIEW retail.current_context IS
    'What the sealed context of this transaction says, verified: one row, or none without a context; raises 28000 when it does not hold.';
COMMENT ON COLUMN retail.current_context.store_map IS
    'The active stores that the caller may see, as keys of an object: what every policy looks at';

CREATE TYPE retail.caller AS (store_ids text[], user_name text, tool text, trace_id text);

CREATE FUNCTION retail.current_caller() RETURNS retail.caller
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    RETURN (SELECT (ARRAY(SELECT jsonb_object_keys(store_map)), user_name, tool, trace_id)::retail.caller FROM retail.current_context);
END
$$;
COMMENT ON FUNCTION retail.current_caller IS 'The caller of this transaction, or NULL when no context is set.';

CREATE FUNCTION retail.current_store_ids() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    RETURN ARRAY(SELECT jsonb_object_keys(store_map) FROM retail.current_context);
END
$$;
COMMENT ON FUNCTION retail.current_store_ids IS 'The stores this transaction may see.';

CREATE FUNCTION retail.set_store_context(token text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    opened record;
    refused text;
BEGIN
    PERFORM set_config('app.context', token, true);
    SELECT * INTO opened FROM retail.current_context;
    IF NOT FOUND THEN
        PERFORM retail.refuse_context('sealed context: there is none');
    END IF;
    SELECT string_agg(wanted, ', ') INTO refused
      FROM unnest(string_to_array(opened.stores, ',')) AS wanted
     WHERE wanted <> '*' AND NOT opened.store_map ? wanted;
    IF refused IS NOT NULL THEN
        PERFORM retail.refuse_context('Invalid or inactive store: ' || refused);
    END IF;

    -- Reads are recorded by the service that makes them; a write transaction begins with who opened it.
    IF current_setting('transaction_read_only') = 'off' THEN
        PERFORM retail.record_audit('security_context', 'store_context_set', NULL,
            jsonb_build_object('stores', ARRAY(SELECT jsonb_object_keys(opened.store_map)), 'timestamp', statement_timestamp()));
    END IF;
END
$$;
COMMENT ON FUNCTION retail.set_store_context IS
    'Puts a sealed context in force until the end of the transaction; refuses one that does not hold or names an unknown or inactive store.';

REVOKE ALL ON FUNCTION retail.install_context_key(text, bytea), retail.refuse_context(text), retail.current_caller(),
    retail.current_store_ids(), retail.set_store_context(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.install_context_key(text, bytea) TO zava_seeder;
GRANT EXECUTE ON FUNCTION retail.current_caller() TO zava_audit;
GRANT EXECUTE ON FUNCTION retail.current_store_ids(), retail.refuse_context(text) TO mcp_user;
GRANT SELECT ON retail.current_context TO mcp_user;
GRANT EXECUTE ON FUNCTION retail.set_store_context(text) TO mcp_user;

RESET ROLE;
GRANT SELECT ON retail.stores TO zava_keeper;
