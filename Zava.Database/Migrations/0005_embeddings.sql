-- Meaning: one vector per product and model, and the queue of what still has to be embedded.

CREATE TABLE retail.embedding_models (
    embedding_model VARCHAR(100) PRIMARY KEY,
    dimensions INTEGER NOT NULL,
    state VARCHAR(20) NOT NULL DEFAULT 'inactive',
    similarity_floor REAL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    -- 4,000 is what a halfvec HNSW index can hold.
    CONSTRAINT dimensions_range CHECK (dimensions BETWEEN 1 AND 4000),
    CONSTRAINT known_state CHECK (state IN ('active', 'inactive'))
);
COMMENT ON TABLE retail.embedding_models IS 'Embedding models; search uses the active one.';
COMMENT ON COLUMN retail.embedding_models.similarity_floor IS 'Cosine similarity below which this model''s matches are noise; NULL when not measured';
CREATE UNIQUE INDEX idx_embedding_models_active ON retail.embedding_models (state) WHERE state = 'active';
CREATE TRIGGER embedding_models_touch BEFORE UPDATE ON retail.embedding_models
    FOR EACH ROW EXECUTE FUNCTION retail.touch_updated_at();

-- 0.40: measured on the sample catalogue with 40 shoppers' queries and 20 for things that no shop here sells. Nine tenths
-- of the best matches of the former are above .44; the best match of the latter is at .37 in the median.
INSERT INTO retail.embedding_models (embedding_model, dimensions, similarity_floor) VALUES
    ('text-embedding-3-small', 1536, NULL),
    ('universal-sentence-encoder-lite', 512, 0.40);

CREATE TABLE retail.product_embeddings (
    embedding_id UUID NOT NULL DEFAULT gen_random_uuid(),
    product_id UUID NOT NULL,
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    embedding_text TEXT NOT NULL,
    -- No declared dimension: each model has its own, which the worker checks.
    embedding public.halfvec NOT NULL,
    embedding_model VARCHAR(100) NOT NULL REFERENCES retail.embedding_models (embedding_model),
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY (store_id, embedding_id),
    FOREIGN KEY (store_id, product_id) REFERENCES retail.products (store_id, product_id) ON DELETE CASCADE,
    CONSTRAINT unique_product_embedding UNIQUE (store_id, product_id, embedding_model)
);
COMMENT ON TABLE retail.product_embeddings IS 'The embedded text and its vector, one per product and model.';
-- Inline, never TOASTed: an exact scan that fetches each vector out of line is 2 to 5 times slower.
ALTER TABLE retail.product_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;

CREATE INDEX idx_product_embeddings_vector ON retail.product_embeddings
    USING hnsw ((embedding::public.halfvec(1536)) public.halfvec_cosine_ops) WHERE embedding_model = 'text-embedding-3-small';
CREATE INDEX idx_product_embeddings_vector_use_lite ON retail.product_embeddings
    USING hnsw ((embedding::public.halfvec(512)) public.halfvec_cosine_ops) WHERE embedding_model = 'universal-sentence-encoder-lite';

CREATE TRIGGER product_embeddings_touch BEFORE UPDATE ON retail.product_embeddings
    FOR EACH ROW EXECUTE FUNCTION retail.touch_updated_at();
CREATE TRIGGER product_embeddings_keep_store BEFORE UPDATE ON retail.product_embeddings FOR EACH ROW
    WHEN (OLD.store_id <> NEW.store_id) EXECUTE FUNCTION retail.keep_store();

CREATE TABLE retail.embedding_queue (
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    product_id UUID NOT NULL,
    embedding_model VARCHAR(100) NOT NULL REFERENCES retail.embedding_models (embedding_model),
    enqueued_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    available_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    claim_id UUID,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,

    PRIMARY KEY (store_id, product_id, embedding_model),
    FOREIGN KEY (store_id, product_id) REFERENCES retail.products (store_id, product_id) ON DELETE CASCADE
);
COMMENT ON TABLE retail.embedding_queue IS 'Products whose text awaits embedding.';
COMMENT ON COLUMN retail.embedding_queue.available_at IS 'When a worker may claim the row: at once, after a lease runs out, or after a failed attempt''s pause';
COMMENT ON COLUMN retail.embedding_queue.claim_id IS 'The claim that is working on the row; a newer edit clears it, so that a stale result is not stored';
CREATE INDEX idx_embedding_queue_available ON retail.embedding_queue (embedding_model, available_at);

-- The one definition of what is embedded: the triggers compare it, the worker reads it.
CREATE FUNCTION retail.product_embedding_text(product_name text, product_description text, tags text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
AS $$
    -- No model reads 8,000 characters to the end, and one endless text must not fill a worker's memory.
    SELECT left(concat_ws('. ', product_name, rtrim(product_description, '. '), array_to_string(tags, ', ')), 8000)
$$;
REVOKE ALL ON FUNCTION retail.product_embedding_text(text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.product_embedding_text(text, text, text[]) TO zava_worker;

-- Statement-level with transition tables: one insert into the queue per statement, however many products it touches.
CREATE FUNCTION retail.enqueue_embeddings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO retail.embedding_queue AS queue (store_id, product_id, embedding_model)
        SELECT p.store_id, p.product_id, m.embedding_model
          FROM new_rows p CROSS JOIN retail.embedding_models m WHERE m.state = 'active';
    ELSE
        INSERT INTO retail.embedding_queue AS queue (store_id, product_id, embedding_model)
        SELECT p.store_id, p.product_id, m.embedding_model
          FROM new_rows p
          JOIN old_rows o USING (store_id, product_id)
         CROSS JOIN retail.embedding_models m
         WHERE m.state = 'active'
           AND retail.product_embedding_text(p.product_name, p.product_description, p.tags)
               IS DISTINCT FROM retail.product_embedding_text(o.product_name, o.product_description, o.tags)
        ON CONFLICT (store_id, product_id, embedding_model) DO UPDATE
            SET enqueued_at = statement_timestamp(), available_at = statement_timestamp(),
                claim_id = NULL, attempts = 0, last_error = NULL;
    END IF;
    -- FOUND is about the INSERT. The payload is empty: anyone connected may listen, and must learn nothing.
    IF FOUND THEN
        PERFORM pg_notify('embedding_queue', '');
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION retail.enqueue_embeddings() FROM PUBLIC;

CREATE TRIGGER products_enqueue_insert AFTER INSERT ON retail.products
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION retail.enqueue_embeddings();
CREATE TRIGGER products_enqueue_update AFTER UPDATE ON retail.products
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION retail.enqueue_embeddings();

-- SECURITY INVOKER: row-level security decides what is searched; in_stores only narrows it, and lets the planner see
-- how large the stores are. The exact scan gives full recall; the addition keeps the planner from choosing an
-- approximate index whose results are filtered afterwards.
CREATE FUNCTION retail.search_products_by_similarity(
    search_embedding public.halfvec,
    similarity_threshold double precision DEFAULT NULL,
    max_results integer DEFAULT 20,
    in_stores text[] DEFAULT NULL,
    expected_model text DEFAULT NULL)
RETURNS TABLE (
    product_id UUID,
    product_name VARCHAR(200),
    product_description TEXT,
    brand VARCHAR(100),
    price DECIMAL(10,2),
    similarity_score double precision,
    store_id VARCHAR(50),
    sku VARCHAR(50)
)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY INVOKER
    -- A generic plan made for one store's size is wrong for another's.
    SET plan_cache_mode = force_custom_plan
    SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    active retail.embedding_models;
    stores text[] := coalesce(in_stores, retail.current_store_ids());
BEGIN
    SELECT * INTO active FROM retail.embedding_models WHERE state = 'active';
    -- Vectors of two models may have the same length and still mean nothing to each other.
    IF active.embedding_model IS NULL OR active.embedding_model <> expected_model THEN
        RAISE EXCEPTION 'the active embedding model is %, and % is expected', coalesce(active.embedding_model, 'none'), expected_model
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF public.vector_dims(search_embedding) <> active.dimensions THEN
        RAISE EXCEPTION 'search_embedding has % dimensions, but the active model % has %',
            public.vector_dims(search_embedding), active.embedding_model, active.dimensions
            USING ERRCODE = 'data_exception';
    END IF;
    RETURN QUERY
    SELECT p.product_id, p.product_name, p.product_description, p.brand, p.price,
           1 - near.distance, p.store_id, p.sku
      FROM (SELECT pe.store_id, pe.product_id, pe.embedding OPERATOR(public.<=>) search_embedding AS distance
              FROM retail.product_embeddings pe
             WHERE pe.store_id = ANY (stores) AND pe.embedding_model = active.embedding_model) AS near
      JOIN retail.products p ON p.store_id = near.store_id AND p.product_id = near.product_id
     WHERE p.is_active
       AND p.store_id = ANY (stores)
       AND (similarity_threshold IS NULL OR 1 - near.distance >= similarity_threshold)
     -- Ties are broken by key, so that the same search gives the same page.
     ORDER BY near.distance + 0, p.store_id, p.product_id
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION retail.search_products_by_similarity IS
    'Active products nearest in meaning to an embedding of the active model; similarity_score is the cosine, -1 to 1.';
REVOKE ALL ON FUNCTION retail.search_products_by_similarity(public.halfvec, double precision, integer, text[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.search_products_by_similarity(public.halfvec, double precision, integer, text[], text) TO mcp_user;
