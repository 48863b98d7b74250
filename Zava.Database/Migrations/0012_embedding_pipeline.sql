-- The pipeline from a product's text to its vector: dead letters, vectors that are used again, models kept current beside
-- the active one. docs/embedding-pipeline.md has the rules.

-- active: what search uses. standby: kept current beside it, so that search can be switched to it, or back, at any moment.
ALTER TABLE retail.embedding_models
    DROP CONSTRAINT known_state,
    ADD CONSTRAINT known_state CHECK (state IN ('active', 'standby', 'inactive'));
COMMENT ON COLUMN retail.embedding_models.state IS 'active: search uses it; standby: kept current too; inactive: nothing is embedded with it';

ALTER TABLE retail.embedding_queue
    ADD COLUMN trace_id VARCHAR(32),
    ADD COLUMN dead_since TIMESTAMP WITH TIME ZONE;
ALTER TABLE retail.embedding_queue ALTER COLUMN trace_id SET STATISTICS 0, ALTER COLUMN dead_since SET STATISTICS 0;
COMMENT ON COLUMN retail.embedding_queue.enqueued_at IS 'Since when the embedding is not that of the text; later edits do not change it';
COMMENT ON COLUMN retail.embedding_queue.attempts IS 'How often the provider refused this very text';
COMMENT ON COLUMN retail.embedding_queue.last_error IS 'Why it failed last, in the worker''s words: never the provider''s, which may quote the text';
COMMENT ON COLUMN retail.embedding_queue.trace_id IS 'Trace of the request that changed the text; NULL for bulk loads';
COMMENT ON COLUMN retail.embedding_queue.dead_since IS 'A dead letter since then: nobody claims it until the text is edited or an operator requeues it';

-- The whole order of a claim, or each would sort all rows that one bulk load queued at the same moment.
DROP INDEX retail.idx_embedding_queue_available;
CREATE INDEX idx_embedding_queue_available ON retail.embedding_queue (embedding_model, available_at, store_id, product_id) WHERE dead_since IS NULL;
CREATE INDEX idx_embedding_queue_claim ON retail.embedding_queue (claim_id) WHERE claim_id IS NOT NULL;

-- Raise it with every change of product_embedding_text that ought to embed unchanged products anew.
CREATE FUNCTION retail.embedding_text_version() RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
AS 'SELECT 1::smallint';

-- A database's encoding never changes, so convert_to is as good as immutable here.
CREATE FUNCTION retail.embedding_text_hash(embedding_text text) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
AS $$ SELECT sha256(convert_to(embedding_text, 'UTF8')) $$;
REVOKE ALL ON FUNCTION retail.embedding_text_version(), retail.embedding_text_hash(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.embedding_text_version(), retail.embedding_text_hash(text) TO zava_worker;

ALTER TABLE retail.product_embeddings
    ADD COLUMN text_version SMALLINT NOT NULL DEFAULT retail.embedding_text_version(),
    ADD COLUMN text_hash BYTEA GENERATED ALWAYS AS (retail.embedding_text_hash(embedding_text)) STORED;
ALTER TABLE retail.product_embeddings ALTER COLUMN text_version SET STATISTICS 0, ALTER COLUMN text_hash SET STATISTICS 0;
COMMENT ON COLUMN retail.product_embeddings.text_version IS 'embedding_text_version() when it was embedded';
-- The hash leads: without statistics PostgreSQL would take an index by store and model for as good as the key of a product.
CREATE INDEX idx_product_embeddings_text ON retail.product_embeddings (text_hash, store_id, embedding_model);

CREATE TABLE retail.replaced_embeddings (
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    embedding_model VARCHAR(100) NOT NULL REFERENCES retail.embedding_models (embedding_model),
    text_version SMALLINT NOT NULL,
    text_hash BYTEA NOT NULL,
    embedding public.halfvec NOT NULL,
    replaced_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY (store_id, embedding_model, text_version, text_hash)
);
COMMENT ON TABLE retail.replaced_embeddings IS 'Vectors of texts that were edited, kept for a while: an edit that is undone is not embedded again.';
CREATE INDEX idx_replaced_embeddings_replaced_at ON retail.replaced_embeddings (replaced_at);
ALTER TABLE retail.replaced_embeddings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE retail.replaced_embeddings
    ALTER COLUMN store_id SET STATISTICS 0, ALTER COLUMN embedding_model SET STATISTICS 0, ALTER COLUMN text_version SET STATISTICS 0,
    ALTER COLUMN text_hash SET STATISTICS 0, ALTER COLUMN embedding SET STATISTICS 0, ALTER COLUMN replaced_at SET STATISTICS 0;
CREATE POLICY replaced_embeddings_worker ON retail.replaced_embeddings FOR ALL TO zava_worker USING (true) WITH CHECK (true);
CREATE POLICY replaced_embeddings_backup ON retail.replaced_embeddings FOR SELECT TO zava_backup USING (true);
GRANT SELECT, INSERT, UPDATE (replaced_at), DELETE ON retail.replaced_embeddings TO zava_worker;
GRANT SELECT ON retail.replaced_embeddings TO zava_backup;

-- The worker may change what its work changes, and nothing that says whose a row is.
REVOKE UPDATE ON retail.embedding_queue, retail.product_embeddings FROM zava_worker;
GRANT UPDATE (claim_id, available_at, attempts, last_error, dead_since) ON retail.embedding_queue TO zava_worker;
GRANT UPDATE (embedding_text, embedding, text_version) ON retail.product_embeddings TO zava_worker;

-- A store may count what of its own waits or is given up; why is for operators.
GRANT SELECT (store_id, product_id, embedding_model, enqueued_at, dead_since) ON retail.embedding_queue TO mcp_user;

-- Changes of model are made by zava_maintenance: it counts as itself, and writes as the owner, who can remove vectors of
-- retired models and no others.
CREATE POLICY products_maintenance ON retail.products FOR SELECT TO zava_maintenance USING (true);
CREATE POLICY product_embeddings_maintenance ON retail.product_embeddings FOR SELECT TO zava_maintenance USING (true);
CREATE POLICY embedding_queue_maintenance ON retail.embedding_queue FOR SELECT TO zava_maintenance USING (true);
GRANT SELECT (store_id, product_id) ON retail.products TO zava_maintenance;
GRANT SELECT (store_id, product_id, embedding_model, text_version) ON retail.product_embeddings TO zava_maintenance;
GRANT SELECT ON retail.embedding_queue, retail.embedding_models TO zava_maintenance;
GRANT EXECUTE ON FUNCTION retail.embedding_text_version() TO zava_maintenance;
CREATE POLICY product_embeddings_retired ON retail.product_embeddings FOR ALL TO zava_owner
    USING (embedding_model IN (SELECT m.embedding_model FROM retail.embedding_models m WHERE m.state = 'inactive'));
CREATE POLICY replaced_embeddings_retired ON retail.replaced_embeddings FOR ALL TO zava_owner
    USING (embedding_model IN (SELECT m.embedding_model FROM retail.embedding_models m WHERE m.state = 'inactive'));

SET ROLE zava_keeper;
GRANT EXECUTE ON FUNCTION retail.current_caller() TO zava_owner;
RESET ROLE;

CREATE OR REPLACE FUNCTION retail.enqueue_embeddings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO retail.embedding_queue AS queue (store_id, product_id, embedding_model, trace_id)
        SELECT p.store_id, p.product_id, m.embedding_model, (SELECT (retail.current_caller()).trace_id)
          FROM new_rows p CROSS JOIN retail.embedding_models m WHERE m.state <> 'inactive';
    ELSE
        -- In the order of claims, so that two statements that touch the same products do not wait for each other.
        INSERT INTO retail.embedding_queue AS queue (store_id, product_id, embedding_model, trace_id)
        SELECT p.store_id, p.product_id, m.embedding_model, (SELECT (retail.current_caller()).trace_id)
          FROM new_rows p
          JOIN old_rows o USING (store_id, product_id)
         CROSS JOIN retail.embedding_models m
         WHERE m.state <> 'inactive'
           AND retail.product_embedding_text(p.product_name, p.product_description, p.tags)
               IS DISTINCT FROM retail.product_embedding_text(o.product_name, o.product_description, o.tags)
         ORDER BY p.store_id, p.product_id
        -- Whoever works on the older text loses the claim. A row that waits keeps its place in the line.
        ON CONFLICT (store_id, product_id, embedding_model) DO UPDATE
            SET available_at = least(queue.available_at, statement_timestamp()), claim_id = NULL, attempts = 0, last_error = NULL, dead_since = NULL,
                enqueued_at = CASE WHEN queue.dead_since IS NULL THEN queue.enqueued_at ELSE statement_timestamp() END,
                trace_id = EXCLUDED.trace_id;
    END IF;
    -- FOUND is about the INSERT. The payload is empty: anyone connected may listen, and must learn nothing.
    IF FOUND THEN
        PERFORM pg_notify('embedding_queue', '');
    END IF;
    RETURN NULL;
END
$$;
