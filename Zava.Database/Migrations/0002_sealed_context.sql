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

CREATE TYPE retail.caller AS (store_ids text[], every_store boolean, user_name text, tool text, trace_id text);

-- Volatility is STABLE so that a policy's sub-select runs once per statement; parallel workers have another
-- backend pid, so only the leader may evaluate it.
CREATE FUNCTION retail.open_context(token text) RETURNS retail.caller
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    field text[] := string_to_array(token, '|');
    seal bytea;
    opened retail.caller;
BEGIN
    IF coalesce(array_length(field, 1), 0) <> 9 OR field[1] <> '1' THEN
        RAISE EXCEPTION 'sealed context: malformed' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    SELECT public.hmac(convert_to(array_to_string(field[1:8], '|'), 'UTF8'), secret, 'sha256')
      INTO seal FROM retail.context_keys WHERE key_id = field[2];
    -- Both sides are hashed so that the time the comparison takes says nothing about the seal.
    IF seal IS NULL OR sha256(convert_to(encode(seal, 'hex'), 'UTF8')) <> sha256(convert_to(field[9], 'UTF8')) THEN
        RAISE EXCEPTION 'sealed context: forged, altered or sealed with an unknown key' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    IF field[4]::integer <> pg_backend_pid() THEN
        RAISE EXCEPTION 'sealed context: made for another connection' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    IF field[3]::bigint < extract(epoch FROM statement_timestamp()) THEN
        RAISE EXCEPTION 'sealed context: expired' USING ERRCODE = 'invalid_authorization_specification';
    END IF;

    opened.every_store := field[5] = '*';
    IF opened.every_store THEN
        SELECT coalesce(array_agg(store_id::text), '{}') INTO opened.store_ids FROM retail.stores WHERE is_active;
    ELSE
        opened.store_ids := string_to_array(field[5], ',');
    END IF;
    opened.user_name := convert_from(decode(field[6], 'base64'), 'UTF8');
    opened.tool := convert_from(decode(field[7], 'base64'), 'UTF8');
    opened.trace_id := nullif(field[8], '');
    RETURN opened;
END
$$;
COMMENT ON FUNCTION retail.open_context IS 'Verifies a sealed context and returns what it says; raises 28000 when it does not hold.';

CREATE FUNCTION retail.current_caller() RETURNS retail.caller
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    token text := current_setting('app.context', true);
BEGIN
    IF coalesce(token, '') = '' THEN
        RETURN NULL;
    END IF;
    RETURN retail.open_context(token);
END
$$;
COMMENT ON FUNCTION retail.current_caller IS 'The caller of this transaction, or NULL when no context is set.';

CREATE FUNCTION retail.current_store_ids() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    token text := current_setting('app.context', true);
BEGIN
    -- No context, no stores. A context that does not hold raises: a silent zero rows would read like an answer.
    IF coalesce(token, '') = '' THEN
        RETURN '{}';
    END IF;
    RETURN (retail.open_context(token)).store_ids;
END
$$;
COMMENT ON FUNCTION retail.current_store_ids IS 'The stores this transaction may see: what every policy compares store_id with.';

-- PostgreSQL runs a caller's own leakproof conditions before a policy that it thinks dearer, and whether the policy then
-- ran at all can be seen (an error, EXPLAIN ANALYZE): that would confirm a guessed value of another store. Reading a
-- jsonb by subscript costs nothing in the planner's eyes, so a condition of that form always comes first.
-- plpgsql, whose simple expressions cost a fraction of what an SQL function costs to start.
CREATE FUNCTION retail.current_store_map() RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    stores text[] := retail.current_store_ids();
BEGIN
    RETURN jsonb_object(stores, stores);
END
$$;
COMMENT ON FUNCTION retail.current_store_map IS 'The same stores as keys of an object: what every policy looks at first.';

CREATE FUNCTION retail.set_store_context(token text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    opened retail.caller := retail.open_context(token);
    refused text;
BEGIN
    SELECT string_agg(wanted.store_id, ', ') INTO refused
      FROM unnest(opened.store_ids) AS wanted (store_id)
     WHERE NOT EXISTS (SELECT FROM retail.stores s WHERE s.store_id = wanted.store_id AND s.is_active);
    IF refused IS NOT NULL OR cardinality(opened.store_ids) = 0 THEN
        RAISE EXCEPTION 'Invalid or inactive store: %', coalesce(refused, '(none)')
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;

    PERFORM set_config('app.context', token, true);

    -- Reads are recorded by the service that makes them; a write transaction begins with who opened it.
    IF current_setting('transaction_read_only') = 'off' THEN
        PERFORM retail.record_audit('security_context', 'store_context_set', NULL,
            jsonb_build_object('stores', to_jsonb(opened.store_ids), 'timestamp', statement_timestamp()));
    END IF;
END
$$;
COMMENT ON FUNCTION retail.set_store_context IS
    'Puts a sealed context in force until the end of the transaction; refuses one that does not hold or names an unknown or inactive store.';

REVOKE ALL ON FUNCTION retail.install_context_key(text, bytea), retail.open_context(text), retail.current_caller(),
    retail.current_store_ids(), retail.current_store_map(), retail.set_store_context(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.install_context_key(text, bytea) TO zava_seeder;
GRANT EXECUTE ON FUNCTION retail.current_caller() TO zava_audit;
GRANT EXECUTE ON FUNCTION retail.current_store_ids(), retail.current_store_map() TO mcp_user;
GRANT EXECUTE ON FUNCTION retail.set_store_context(text) TO mcp_user;

RESET ROLE;
GRANT SELECT ON retail.stores TO zava_keeper;
