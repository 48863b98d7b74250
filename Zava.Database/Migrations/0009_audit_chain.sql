-- Every tool call is recorded, and what is recorded is chained: each batch of entries carries a hash of its entries and of
-- the batch before, so that an entry that was edited, removed or added later is found by whoever recomputes the chain
-- (AuditVerifier.cs):
--
--   entry digest = SHA-256 of the entry as jsonb text, times in UTC
--   batch hash   = SHA-256 of  previous hash | number | kind | cluster | from | to | entries | digests in order
--
-- with hashes in hexadecimal. Tool calls are a batch as they are written. Changes are written one by one, inside the
-- transactions that make them, and sealed afterwards: a batch of them is all that transactions from `from` up to, not
-- including, `to` wrote, and is sealed when none of these runs any more.

GRANT CREATE ON SCHEMA retail TO zava_audit;
SET ROLE zava_audit;

ALTER TABLE retail.audit_log
    ADD COLUMN log_number BIGINT GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN transaction_number XID8 NOT NULL DEFAULT pg_current_xact_id(),
    -- Transaction numbers begin anew where a backup is restored.
    ADD COLUMN cluster_id BIGINT NOT NULL DEFAULT (pg_control_system()).system_identifier;
COMMENT ON COLUMN retail.audit_log.transaction_number IS 'Transaction that made the change; with cluster_id it says to which sealed batch the entry belongs';
CREATE INDEX idx_audit_log_transaction ON retail.audit_log (cluster_id, transaction_number, log_number);

CREATE TABLE retail.audit_batches (
    batch_number BIGINT PRIMARY KEY,
    kind VARCHAR(20) NOT NULL CHECK (kind IN ('changes', 'tool_calls')),
    cluster_id BIGINT,
    from_transaction XID8,
    to_transaction XID8,
    entries BIGINT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);
COMMENT ON TABLE retail.audit_batches IS 'The chain: each batch of audit entries with a hash of them and of the batch before.';

-- The end of the chain; its row lock puts those who append in line.
CREATE TABLE retail.audit_chain (
    only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    batch_number BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO retail.audit_chain (batch_number, hash) VALUES (0, sha256('zava audit chain'));

CREATE TABLE retail.tool_calls (
    call_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_number BIGINT NOT NULL,
    called_at TIMESTAMP WITH TIME ZONE NOT NULL,
    tool VARCHAR(100) NOT NULL,
    user_name VARCHAR(200) NOT NULL,
    store_id VARCHAR(50),
    outcome VARCHAR(20) NOT NULL CHECK (outcome IN ('ok', 'refused', 'forbidden', 'cancelled', 'fault')),
    rows INTEGER,
    duration_ms NUMERIC(12,3) NOT NULL,
    trace_id VARCHAR(32)
);
COMMENT ON TABLE retail.tool_calls IS 'Every call of a tool: who, which, when, for which store, with what outcome. No arguments and no results.';
COMMENT ON COLUMN retail.tool_calls.store_id IS 'The store of the call; NULL when it was for several or all, which operators see';
COMMENT ON COLUMN retail.tool_calls.outcome IS 'ok, refused (wrong arguments or query), forbidden (scope missing), cancelled or fault';
COMMENT ON COLUMN retail.tool_calls.rows IS 'Rows or items in the answer';
CREATE INDEX idx_tool_calls_called_at ON retail.tool_calls (store_id, called_at);
CREATE INDEX idx_tool_calls_batch ON retail.tool_calls (batch_number, call_number);

CREATE OR REPLACE FUNCTION retail.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION 'retail.% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_batches_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON retail.audit_batches
    FOR EACH STATEMENT EXECUTE FUNCTION retail.refuse_audit_change();
CREATE TRIGGER tool_calls_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON retail.tool_calls
    FOR EACH STATEMENT EXECUTE FUNCTION retail.refuse_audit_change();

CREATE FUNCTION retail.append_audit_batch(new_kind text, new_cluster bigint, new_from xid8, new_to xid8, new_entries bigint, digests text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    head retail.audit_chain;
    new_hash bytea;
BEGIN
    SELECT * INTO STRICT head FROM retail.audit_chain FOR UPDATE;
    new_hash := sha256(convert_to(concat(encode(head.hash, 'hex'), '|', head.batch_number + 1, '|', new_kind, '|', new_cluster, '|',
                                         new_from, '|', new_to, '|', new_entries, '|', digests), 'UTF8'));
    INSERT INTO retail.audit_batches (batch_number, kind, cluster_id, from_transaction, to_transaction, entries, previous_hash, hash)
    VALUES (head.batch_number + 1, new_kind, new_cluster, new_from, new_to, new_entries, head.hash, new_hash);
    UPDATE retail.audit_chain SET batch_number = head.batch_number + 1, hash = new_hash;
END
$$;

CREATE FUNCTION retail.seal_audit_log() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC'
AS $$
DECLARE
    this_cluster bigint := (pg_control_system()).system_identifier;
    since xid8;
    until xid8;
    new_entries bigint;
    digests text;
BEGIN
    -- First in line, then look: what is sealed meanwhile must not be sealed again.
    PERFORM FROM retail.audit_chain FOR UPDATE;
    since := coalesce((SELECT to_transaction FROM retail.audit_batches
                        WHERE kind = 'changes' AND cluster_id = this_cluster ORDER BY batch_number DESC LIMIT 1), '0'::xid8);
    -- Every transaction before this one has ended.
    until := pg_snapshot_xmin(pg_current_snapshot());
    SELECT count(*), string_agg(encode(sha256(convert_to(to_jsonb(entry)::text, 'UTF8')), 'hex'), '' ORDER BY log_number)
      INTO new_entries, digests
      FROM retail.audit_log entry
     WHERE cluster_id = this_cluster AND transaction_number >= since AND transaction_number < until;
    IF new_entries > 0 THEN
        PERFORM retail.append_audit_batch('changes', this_cluster, since, until, new_entries, digests);
    END IF;
    RETURN new_entries;
END
$$;
COMMENT ON FUNCTION retail.seal_audit_log IS 'Seals the changes of transactions that have ended; returns how many entries that were.';

CREATE FUNCTION retail.record_tool_calls(calls jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC'
AS $$
DECLARE
    new_number bigint;
    new_entries bigint;
    digests text;
BEGIN
    SELECT batch_number + 1 INTO STRICT new_number FROM retail.audit_chain FOR UPDATE;
    WITH written AS (
        INSERT INTO retail.tool_calls (batch_number, called_at, tool, user_name, store_id, outcome, rows, duration_ms, trace_id)
        SELECT new_number, called_at, left(tool, 100), left(user_name, 200), store_id, outcome, rows, duration_ms, trace_id
          FROM jsonb_to_recordset(calls) AS call (called_at timestamptz, tool text, user_name text, store_id text, outcome text,
                                                  rows integer, duration_ms numeric(12,3), trace_id text)
        RETURNING *)
    SELECT count(*), string_agg(encode(sha256(convert_to(to_jsonb(written)::text, 'UTF8')), 'hex'), '' ORDER BY call_number)
      INTO new_entries, digests FROM written;
    IF new_entries > 0 THEN
        PERFORM retail.append_audit_batch('tool_calls', NULL, NULL, NULL, new_entries, digests);
    END IF;
END
$$;
COMMENT ON FUNCTION retail.record_tool_calls IS 'Appends a batch of tool calls to the log and to the chain.';

REVOKE ALL ON FUNCTION retail.append_audit_batch(text, bigint, xid8, xid8, bigint, text), retail.seal_audit_log(),
    retail.record_tool_calls(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.seal_audit_log(), retail.record_tool_calls(jsonb) TO mcp_user;
GRANT EXECUTE ON FUNCTION retail.seal_audit_log() TO zava_ops;

ALTER TABLE retail.tool_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE retail.tool_calls FORCE ROW LEVEL SECURITY;
CREATE POLICY tool_calls_audit ON retail.tool_calls FOR ALL TO zava_audit USING (true) WITH CHECK (true);
CREATE POLICY audit_log_seal ON retail.audit_log FOR SELECT TO zava_audit USING (true);
CREATE POLICY tool_calls_store_isolation ON retail.tool_calls FOR SELECT TO mcp_user
    USING (((SELECT store_map FROM retail.current_context))[store_id::text] IS NOT NULL);
CREATE POLICY tool_calls_backup ON retail.tool_calls FOR SELECT TO zava_backup USING (true);
CREATE POLICY tool_calls_ops ON retail.tool_calls FOR SELECT TO zava_ops USING (true);

GRANT SELECT ON retail.tool_calls, retail.audit_batches, retail.audit_chain TO zava_backup, zava_ops;
-- By column: a condition on the numbers, which run through all stores, would use their indexes, and EXPLAIN ANALYZE would
-- tell how much of other stores was passed over.
REVOKE SELECT ON retail.audit_log FROM mcp_user;
GRANT SELECT (log_id, table_name, action, user_name, store_id, record_id, old_values, new_values, metadata, acting_user, tool,
              trace_id, created_at) ON retail.audit_log TO mcp_user;
GRANT SELECT (called_at, tool, user_name, store_id, outcome, rows, duration_ms, trace_id) ON retail.tool_calls TO mcp_user;

RESET ROLE;
REVOKE CREATE ON SCHEMA retail FROM zava_audit;
