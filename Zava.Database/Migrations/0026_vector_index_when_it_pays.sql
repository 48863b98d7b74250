-- An index of vectors is made when there are so many that search uses it. Until then it would only cost: to put one vector into it takes
-- PostgreSQL longer than everything else that is done with the vector. And it is made of what is there, which is many times faster
-- than one by one; also for a model that the first worker brought, which had none.
--
-- A worker asks for it when it has nothing else to do. It may not make indexes itself.

CREATE FUNCTION retail.vector_indexes(model_name text) RETURNS TABLE (index_name text, is_valid boolean)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog
AS $$
    SELECT i.indexrelid::regclass::text, i.indisvalid
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
     WHERE i.indrelid = 'retail.product_embeddings'::regclass AND a.amname = 'hnsw'
       AND pg_get_expr(i.indpred, i.indrelid) = format('((embedding_model)::text = %L::text)', model_name)
$$;
COMMENT ON FUNCTION retail.vector_indexes IS 'The indexes of a model''s vectors; one that is not valid was not built to its end.';

CREATE FUNCTION retail.has_vector_index(model_name text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog
AS $$ SELECT EXISTS (SELECT FROM retail.vector_indexes(model_name) WHERE is_valid) $$;
COMMENT ON FUNCTION retail.has_vector_index IS 'Whether the vectors of a model have an index that search can use.';

CREATE FUNCTION retail.build_vector_index(model_name text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    -- pgvector before 0.8.2 may overflow in parallel builds.
    SET max_parallel_maintenance_workers = 0
    SET search_path = pg_catalog
AS $$
DECLARE
    model retail.embedding_models;
BEGIN
    SELECT * INTO model FROM retail.embedding_models WHERE embedding_model = model_name AND state = 'active';
    -- Another worker may be at it.
    IF model.embedding_model IS NULL OR retail.has_vector_index(model_name)
       OR NOT pg_try_advisory_xact_lock(hashtext('retail.build_vector_index'), hashtext(model_name)) THEN
        RETURN FALSE;
    END IF;
    -- What an interrupted switch left has the name.
    EXECUTE format('DROP INDEX IF EXISTS retail.%I', 'idx_product_embeddings_' || left(md5(model_name), 8));
    EXECUTE format('CREATE INDEX %I ', 'idx_product_embeddings_' || left(md5(model_name), 8)) || retail.vector_index(model_name, model.dimensions);
    RETURN TRUE;
END
$$;
COMMENT ON FUNCTION retail.build_vector_index IS
    'Makes the vector index of the active model, unless there is one. Searches go on meanwhile; vectors are stored, and products deleted, afterwards.';

-- Without an index to walk, walking it would put everything in order.
CREATE OR REPLACE FUNCTION retail.index_pays_for(stores text[], model_name text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY INVOKER SET search_path = pg_catalog
AS $$
    SELECT count(*) >= retail.index_pays_from() AND retail.has_vector_index(model_name) FROM (
        SELECT FROM retail.product_embeddings pe WHERE pe.store_id = ANY (stores) AND pe.embedding_model = model_name LIMIT retail.index_pays_from()) AS enough
$$;

REVOKE ALL ON FUNCTION retail.vector_indexes(text), retail.has_vector_index(text), retail.build_vector_index(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.vector_indexes(text), retail.has_vector_index(text) TO mcp_user, zava_search, zava_worker, zava_maintenance;
GRANT EXECUTE ON FUNCTION retail.build_vector_index(text), retail.index_pays_from() TO zava_worker;

-- A worker makes it again where it pays.
DROP INDEX retail.idx_product_embeddings_vector_use_lite;
