-- The words of a product are kept, where they were made of its texts in every search: for each of the forty products nearest in
-- meaning, which took longer than everything else. They lie in a table of their own, which is smaller than that of the products, is
-- not written when a stock or a price changes, and is not among the columns that a caller's own SQL sees.
--
-- And the functions of a search are planned once for each connection. Columns that stores share have no statistics (see 0010), so a
-- plan for these stores is no better than one for any. What depends on the filter is planned for the filter.

-- Settings of an extension can be given to a function once its library is loaded.
SELECT public.vector_dims('[1]'::public.vector);

CREATE TABLE retail.product_words (
    store_id VARCHAR(50) NOT NULL,
    product_id UUID NOT NULL,
    words TSVECTOR NOT NULL,

    PRIMARY KEY (store_id, product_id),
    FOREIGN KEY (store_id, product_id) REFERENCES retail.products (store_id, product_id) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE retail.product_words IS 'Words of each product for search, made of its texts by a trigger; only search reads it.';
COMMENT ON COLUMN retail.product_words.words IS 'Stems: those of name, brand and article number have weight A, of model, colour, size and tags B, of the description D';
ALTER TABLE retail.product_words ALTER COLUMN store_id SET STATISTICS 0, ALTER COLUMN product_id SET STATISTICS 0, ALTER COLUMN words SET STATISTICS 0;

-- Why the store leads, and as an expression: see 0011.
DROP INDEX retail.idx_products_text_search;
CREATE INDEX idx_products_text_search ON retail.product_words USING GIN ((store_id || ''), words) WITH (fastupdate = off);
ALTER INDEX retail.idx_products_text_search ALTER COLUMN 1 SET STATISTICS 0;

ALTER TABLE retail.product_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE retail.product_words FORCE ROW LEVEL SECURITY;
CREATE POLICY product_words_owner ON retail.product_words FOR ALL TO zava_owner USING (true) WITH CHECK (true);
CREATE POLICY product_words_store_isolation ON retail.product_words FOR SELECT TO mcp_user
    USING (((SELECT store_map FROM retail.current_context))[store_id::text] IS NOT NULL);
CREATE POLICY product_words_search ON retail.product_words FOR SELECT TO zava_search USING (true);
CREATE POLICY product_words_backup ON retail.product_words FOR SELECT TO zava_backup USING (true);
GRANT SELECT ON retail.product_words TO mcp_user, zava_search, zava_backup;
REVOKE SELECT (product_name, model, color, size, product_description) ON retail.products FROM zava_search;
REVOKE EXECUTE ON FUNCTION retail.product_words(text, text, text, text, text, text, text[], text) FROM mcp_user, zava_search;
REVOKE EXECUTE ON FUNCTION retail.article_words(text) FROM mcp_user;

CREATE FUNCTION retail.note_product_words() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO retail.product_words (store_id, product_id, words)
        SELECT store_id, product_id, retail.product_words(sku, product_name, brand, model, color, size, tags, product_description) FROM new_rows;
    ELSE
        UPDATE retail.product_words w
           SET words = retail.product_words(n.sku, n.product_name, n.brand, n.model, n.color, n.size, n.tags, n.product_description)
          FROM (SELECT store_id, product_id, sku, product_name, brand, model, color, size, tags, product_description FROM new_rows
                EXCEPT SELECT store_id, product_id, sku, product_name, brand, model, color, size, tags, product_description FROM old_rows) AS n
         WHERE w.store_id = n.store_id AND w.product_id = n.product_id;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION retail.note_product_words() FROM PUBLIC;

CREATE TRIGGER products_words_insert AFTER INSERT ON retail.products
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION retail.note_product_words();
CREATE TRIGGER products_words_update AFTER UPDATE ON retail.products
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION retail.note_product_words();

-- As its owner the migration sees no products: they are tenants'.
ALTER TABLE retail.products NO FORCE ROW LEVEL SECURITY;
INSERT INTO retail.product_words (store_id, product_id, words)
SELECT store_id, product_id, retail.product_words(sku, product_name, brand, model, color, size, tags, product_description) FROM retail.products;
ALTER TABLE retail.products FORCE ROW LEVEL SECURITY;

GRANT CREATE ON SCHEMA retail TO zava_search;
SET ROLE zava_search;

-- No more than are wanted are fetched, however many have the words: where many do, words do not tell products apart, and the
-- meaning has to. Whether a product is still sold is written so that only its key finds it: PostgreSQL, which takes a store for one
-- row, would rather look through the index of all active products of the store, for each product.
CREATE OR REPLACE FUNCTION retail.products_with(words tsquery, stores text[], filter retail.product_filter, ranked boolean, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, in_name boolean, rank real)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED
    SET plan_cache_mode = force_generic_plan
    SET search_path = pg_catalog
AS $$
#variable_conflict use_variable
BEGIN
    IF numnode(words) > 0 THEN
        RETURN QUERY
        SELECT p.* FROM unnest(stores) AS s (store)
         CROSS JOIN LATERAL (
               SELECT w.store_id::text, w.product_id,
                      ts_filter(w.words, '{a}') || retail.article_words(f.sku) @@ words,
                      CASE WHEN ranked THEN ts_rank(w.words, words, 32) END
                 FROM retail.product_words w
                 JOIN retail.products f ON f.store_id = w.store_id AND f.product_id = w.product_id
                WHERE w.store_id || '' = s.store AND w.words @@ words AND coalesce(f.is_active, FALSE)
                  AND retail.passes(filter, f.category_id, f.brand, f.price, f.current_stock, f.tags, f.rating_average)
                LIMIT max_results) AS p
         LIMIT max_results;
    END IF;
END
$$;

RESET ROLE;
REVOKE CREATE ON SCHEMA retail FROM zava_search;

-- The index of a model's vectors, as a statement to be completed and run. With ef_construction 200 instead of pgvector's 64, .99 of the ten
-- nearest are found instead of .93, with ef_search 800; more links (m 24 instead of 16) find no more. What it costs is in docs/performance.md.
CREATE FUNCTION retail.vector_index(model_name text, dimensions integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog
AS $$
    SELECT format('ON retail.product_embeddings USING hnsw ((embedding::public.halfvec(%s)) public.halfvec_cosine_ops) WITH (ef_construction = 200) WHERE embedding_model = %L',
                  dimensions, model_name)
$$;
REVOKE ALL ON FUNCTION retail.vector_index(text, integer) FROM PUBLIC;
DROP INDEX retail.idx_product_embeddings_vector, retail.idx_product_embeddings_vector_use_lite;
DO $$
BEGIN
    EXECUTE 'CREATE INDEX idx_product_embeddings_vector ' || retail.vector_index('text-embedding-3-small', 1536);
    EXECUTE 'CREATE INDEX idx_product_embeddings_vector_use_lite ' || retail.vector_index('universal-sentence-encoder-lite', 512);
END
$$;

-- An index of vectors is of one model, whose name and dimensions it has in its definition, so a statement that can use it has them
-- too. The function with that statement is made when a model becomes the active one: planned at each search, it took a third as
-- long as the index itself. For another model it finds nothing.
CREATE FUNCTION retail.make_nearest_by_index() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $make$
BEGIN
    -- As at the head of this file.
    PERFORM public.vector_dims('[1]'::public.vector);
    -- ef_search: what it finds and costs is in docs/performance.md. No sort: one of all rows is what the index is there to spare, and
    -- without statistics PostgreSQL would think it cheap.
    EXECUTE format($function$
        CREATE OR REPLACE FUNCTION retail.nearest_by_index(
            search_embedding public.halfvec, model_name text, stores text[], filter retail.product_filter, max_results integer)
        RETURNS TABLE (store_id text, product_id uuid, distance double precision)
            LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
            SET plan_cache_mode = force_generic_plan
            SET hnsw.iterative_scan = relaxed_order
            SET hnsw.ef_search = 800
            SET hnsw.max_scan_tuples = 200000
            SET enable_sort = off
            SET enable_hashjoin = off
            SET search_path = pg_catalog
        AS %L
        $function$, format($body$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH nearest AS MATERIALIZED (
        SELECT pe.store_id, pe.product_id, pe.embedding::public.halfvec(%1$s) OPERATOR(public.<=>) search_embedding::public.halfvec(%1$s) AS distance
          FROM retail.product_embeddings pe
         WHERE pe.embedding_model = %2$L AND model_name = %2$L AND pe.store_id = ANY (stores)
           AND EXISTS (SELECT FROM retail.products p
                        WHERE p.store_id = pe.store_id AND p.product_id = pe.product_id AND coalesce(p.is_active, FALSE)
                          AND retail.passes(filter, p.category_id, p.brand, p.price, p.current_stock, p.tags, p.rating_average)
                       OFFSET 0) -- looked up row by row, not joined
         ORDER BY pe.embedding::public.halfvec(%1$s) OPERATOR(public.<=>) search_embedding::public.halfvec(%1$s)
         LIMIT max_results)
    SELECT n.store_id::text, n.product_id, n.distance FROM nearest n;
END
$body$, NEW.dimensions, NEW.embedding_model));
    RETURN NULL;
END
$make$;
REVOKE ALL ON FUNCTION retail.make_nearest_by_index() FROM PUBLIC;
CREATE TRIGGER embedding_models_search AFTER INSERT OR UPDATE OF state ON retail.embedding_models
    FOR EACH ROW WHEN (NEW.state = 'active') EXECUTE FUNCTION retail.make_nearest_by_index();
-- Also where the triggers that audit and queue are off for a bulk load.
ALTER TABLE retail.embedding_models ENABLE ALWAYS TRIGGER embedding_models_search;
UPDATE retail.embedding_models SET state = state WHERE state = 'active';

-- Nearest by looking at every vector: exact, and faster for what is not many rows.
CREATE OR REPLACE FUNCTION retail.nearest_by_scan(
    search_embedding public.halfvec, model_name text, stores text[], filter retail.product_filter, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, distance double precision)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET plan_cache_mode = force_generic_plan
    SET search_path = pg_catalog
AS $$
DECLARE
    found integer;
BEGIN
    IF filter IS NULL THEN
        -- In order first, and then, one by one until there are enough, whether they are still sold: among the first ones, because all of
        -- a store take long to put in order, and only when those are not enough, among the others. The addition keeps the planner from an
        -- approximate index; it is part of the column, because PostgreSQL would compute another expression anew.
        RETURN QUERY
        SELECT near.store_id::text, near.product_id, near.distance
          FROM (SELECT pe.store_id, pe.product_id, (pe.embedding OPERATOR(public.<=>) search_embedding) + 0 AS distance
                  FROM retail.product_embeddings pe
                 WHERE pe.store_id = ANY (stores) AND pe.embedding_model = model_name
                 ORDER BY 3, 1, 2
                 LIMIT 2 * max_results) AS near
         WHERE EXISTS (SELECT FROM retail.products p WHERE p.store_id = near.store_id AND p.product_id = near.product_id AND coalesce(p.is_active, FALSE) OFFSET 0)
         LIMIT max_results;
        GET DIAGNOSTICS found = ROW_COUNT;
        IF found < max_results THEN
            RETURN QUERY
            SELECT near.store_id::text, near.product_id, near.distance
              FROM (SELECT pe.store_id, pe.product_id, (pe.embedding OPERATOR(public.<=>) search_embedding) + 0 AS distance
                      FROM retail.product_embeddings pe
                     WHERE pe.store_id = ANY (stores) AND pe.embedding_model = model_name
                     ORDER BY 3, 1, 2
                    OFFSET 2 * max_results) AS near
             WHERE EXISTS (SELECT FROM retail.products p WHERE p.store_id = near.store_id AND p.product_id = near.product_id AND coalesce(p.is_active, FALSE) OFFSET 0)
             LIMIT max_results - found;
        END IF;
    ELSE
        -- Planned for this filter: of what it does not ask, nothing is left to be done for each row.
        RETURN QUERY EXECUTE $query$
            SELECT p.store_id::text, p.product_id, pe.distance
              FROM retail.products p
             -- Each by its whole key: PostgreSQL, which takes a store for one row, would look through the store for every product.
             CROSS JOIN LATERAL (
                   SELECT e.embedding OPERATOR(public.<=>) $1 AS distance FROM retail.product_embeddings e
                    WHERE e.store_id = p.store_id AND e.product_id = p.product_id AND e.embedding_model = $2 OFFSET 0) AS pe
             WHERE p.store_id = ANY ($3) AND p.is_active
               AND retail.passes($4, p.category_id, p.brand, p.price, p.current_stock, p.tags, p.rating_average)
             ORDER BY 3, 1, 2
             LIMIT $5
            $query$ USING search_embedding, model_name, stores, filter, max_results;
    END IF;
END
$$;

DROP FUNCTION retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer);
-- Whether stores have so many products that the index pays. Counting them takes as long as a search, so a server that remembers the
-- answer says it to the functions below, where it decides on the way that is taken and not on what is found.
CREATE FUNCTION retail.index_pays_for(stores text[], model_name text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY INVOKER SET search_path = pg_catalog
AS $$
    SELECT count(*) >= retail.index_pays_from() FROM (
        SELECT FROM retail.product_embeddings pe WHERE pe.store_id = ANY (stores) AND pe.embedding_model = model_name LIMIT retail.index_pays_from()) AS enough
$$;

CREATE FUNCTION retail.nearest_products(
    search_embedding public.halfvec, model_name text, stores text[], filter retail.product_filter, max_results integer, index_pays boolean DEFAULT NULL)
RETURNS TABLE (store_id text, product_id uuid, distance double precision)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET plan_cache_mode = force_generic_plan
    SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    by_index boolean := coalesce(index_pays, retail.index_pays_for(stores, model_name));
    of_stores text[];
    ids uuid[];
    distances double precision[];
BEGIN
    -- IS NOT NULL would be that all fields are.
    IF by_index AND NOT (filter IS NULL) THEN
        EXECUTE $query$
            SELECT count(*) >= $3 FROM (
                SELECT FROM retail.products p
                 WHERE p.store_id = ANY ($1) AND p.is_active
                   AND retail.passes($2, p.category_id, p.brand, p.price, p.current_stock, p.tags, p.rating_average)
                 LIMIT $3) AS enough
            $query$ INTO by_index USING stores, filter, retail.index_pays_from();
    END IF;
    IF by_index THEN
        SELECT array_agg(n.store_id), array_agg(n.product_id), array_agg(n.distance) INTO of_stores, ids, distances
          FROM retail.nearest_by_index(search_embedding, model_name, stores, filter, max_results) AS n;
        -- The walk ends before the whole index is seen; a page that it did not fill is filled by the scan.
        IF cardinality(ids) >= max_results THEN
            RETURN QUERY SELECT * FROM unnest(of_stores, ids, distances) AS n (store_id, product_id, distance) ORDER BY distance, store_id, product_id;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM retail.nearest_by_scan(search_embedding, model_name, stores, filter, max_results);
END
$$;
COMMENT ON FUNCTION retail.nearest_products IS
    'Active products of the stores that pass the filter, nearest first: exact for few rows, by the vector index of the active model for many.';

DROP FUNCTION retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer);
CREATE FUNCTION retail.search_products(
    query text, search_embedding public.halfvec, expected_model text, in_stores text[], filter retail.product_filter, max_results integer,
    index_pays boolean DEFAULT NULL)
RETURNS TABLE (store_id text, product_id uuid, score double precision, similarity double precision, has_words boolean, read_as text)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET plan_cache_mode = force_generic_plan
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    stores text[] := coalesce(in_stores, retail.current_store_ids());
    words CONSTANT text[] := tsvector_to_array(to_tsvector('english', query));
    anywhere CONSTANT tsquery[] := ARRAY(SELECT format('%L', word)::tsquery FROM unnest(words) AS word);
    in_names CONSTANT tsquery[] := ARRAY(SELECT format('%L:AB', word)::tsquery FROM unnest(words) AS word);
    active text;
BEGIN
    IF search_embedding IS NULL THEN
        RETURN QUERY
        SELECT w.store_id, w.product_id, w.rank::double precision, NULL::double precision, w.has_all, w.read_as
          FROM retail.match_words(query, in_stores, filter, TRUE, greatest(max_results, 200)) AS w
         ORDER BY w.has_all DESC, w.in_name DESC, w.rank DESC, w.store_id, w.product_id
         LIMIT max_results;
        RETURN;
    END IF;
    active := retail.require_active_model(expected_model, search_embedding);
    RETURN QUERY
    WITH near AS MATERIALIZED (
        SELECT * FROM retail.nearest_products(search_embedding, active, stores, filter, greatest(2 * max_results, 40), index_pays)),
    named AS MATERIALIZED (
        SELECT * FROM retail.match_words(query, in_stores, filter, FALSE, 200)),
    found AS (
        SELECT n.store_id, n.product_id, 1 - n.distance AS similarity, w.in_name, w.read_as, w.product_id IS NOT NULL AS has_words,
               (SELECT sum(CASE WHEN its.words @@ word.in_name THEN 1 WHEN its.words @@ word.anywhere THEN 0.6 ELSE 0 END) / count(*)
                  FROM (SELECT w.words FROM retail.product_words w WHERE w.store_id = n.store_id AND w.product_id = n.product_id OFFSET 0) AS its
                 CROSS JOIN unnest(in_names, anywhere) AS word (in_name, anywhere)) AS share
          FROM near n LEFT JOIN named w ON w.store_id = n.store_id AND w.product_id = n.product_id
        UNION ALL
        SELECT w.store_id, w.product_id,
               (SELECT 1 - (pe.embedding OPERATOR(public.<=>) search_embedding) FROM retail.product_embeddings pe
                 WHERE pe.store_id = w.store_id AND pe.product_id = w.product_id AND pe.embedding_model = active),
               w.in_name, w.read_as, TRUE, NULL
          FROM named w
         WHERE NOT EXISTS (SELECT FROM near n WHERE n.store_id = w.store_id AND n.product_id = w.product_id))
    SELECT f.store_id, f.product_id,
           greatest(0, least(1, coalesce(f.similarity, 0)
               + greatest(CASE WHEN f.in_name THEN 0.4 WHEN f.has_words THEN 0.25 ELSE 0 END, 0.4 * coalesce(f.share, 0) ^ 2))),
           f.similarity, f.has_words, f.read_as
      FROM found f
     ORDER BY 3 DESC, f.store_id, f.product_id
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION retail.search_products IS
    'Active products of the caller''s stores by meaning and by words, best first; without an embedding, by words alone.';

REVOKE ALL ON FUNCTION retail.index_pays_for(text[], text),
    retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer, boolean),
    retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.index_pays_for(text[], text),
    retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer, boolean),
    retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer, boolean) TO mcp_user;
