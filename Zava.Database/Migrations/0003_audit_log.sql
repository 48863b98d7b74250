-- What changed, by whom. zava_audit owns the log and the only functions that write it, and logs in nowhere; UPDATE,
-- DELETE and TRUNCATE raise for everybody.

SET ROLE zava_audit;

CREATE TABLE retail.audit_log (
    log_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    table_name VARCHAR(100) NOT NULL,
    action VARCHAR(50) NOT NULL,
    user_name VARCHAR(100) NOT NULL DEFAULT session_user,
    store_id VARCHAR(50),
    record_id UUID,
    old_values JSONB,
    new_values JSONB,
    metadata JSONB,
    acting_user TEXT,
    tool TEXT,
    trace_id TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);
COMMENT ON TABLE retail.audit_log IS 'Append-only record of changes to tenant data.';
COMMENT ON COLUMN retail.audit_log.user_name IS 'Database login that made the change';
COMMENT ON COLUMN retail.audit_log.acting_user IS 'End user named by the sealed context, if there was one';

-- Led by the store: a scan of an index that is not would count what it filtered away, other stores' activity.
CREATE INDEX idx_audit_log_table_name ON retail.audit_log (store_id, table_name);
CREATE INDEX idx_audit_log_action ON retail.audit_log (store_id, action);
CREATE INDEX idx_audit_log_user_name ON retail.audit_log (store_id, user_name);
CREATE INDEX idx_audit_log_created_at ON retail.audit_log (store_id, created_at);

CREATE FUNCTION retail.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION 'retail.audit_log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON retail.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION retail.refuse_audit_change();

CREATE FUNCTION retail.record_audit(
    about_table text, about_action text, about_store text, about_metadata jsonb,
    about_record uuid DEFAULT NULL, before jsonb DEFAULT NULL, after jsonb DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    caller retail.caller := retail.current_caller();
BEGIN
    -- Triggers run at the end of a statement, which may have cleared or swapped the context that its rows were let
    -- through by. Only who may act as the owner changes data without a caller: the seeder, maintenance.
    IF NOT pg_has_role(session_user, 'zava_owner', 'MEMBER')
       AND (caller.store_ids IS NULL OR about_store <> ALL (caller.store_ids)) THEN
        RAISE EXCEPTION 'a change needs the sealed context that it was made under'
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    INSERT INTO retail.audit_log (table_name, action, store_id, record_id, old_values, new_values, metadata, acting_user, tool, trace_id)
    VALUES (about_table, about_action,
            -- A context of exactly one store says which store an entry without one is about.
            coalesce(about_store, CASE WHEN cardinality(caller.store_ids) = 1 THEN caller.store_ids[1] END),
            about_record, before, after, about_metadata, caller.user_name, caller.tool, caller.trace_id);
END
$$;
COMMENT ON FUNCTION retail.record_audit IS 'Appends one entry that names the login and the caller of this transaction.';

-- The argument is the key column: tables differ in their keys, and some keys are no UUID.
CREATE FUNCTION retail.audit_trigger() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    row_values jsonb := coalesce(after, before);
    key text := row_values ->> TG_ARGV[0];
BEGIN
    IF TG_OP = 'UPDATE' AND before = after THEN
        RETURN NULL;
    END IF;
    PERFORM retail.record_audit(TG_TABLE_NAME, TG_OP, row_values ->> 'store_id',
        jsonb_build_object('key', jsonb_build_object(TG_ARGV[0], key)),
        CASE WHEN is_uuid THEN key::uuid END, before, after)
       FROM (SELECT key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AS is_uuid) AS key_shape;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION retail.refuse_audit_change(), retail.audit_trigger(),
    retail.record_audit(text, text, text, jsonb, uuid, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.record_audit(text, text, text, jsonb, uuid, jsonb, jsonb) TO zava_keeper, zava_owner;
-- The right to attach it, not to call it: PostgreSQL calls triggers itself.
GRANT EXECUTE ON FUNCTION retail.audit_trigger() TO zava_owner;

RESET ROLE;
