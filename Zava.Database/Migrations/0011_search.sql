-- Search by meaning and by words, in a store of any size.
--
-- What a caller reads is under the caller's policies, as everywhere. One step cannot be: PostgreSQL uses no index for a
-- condition that is not leakproof, such as "has these words", on a table with policies, and reading the text of every product
-- of a store takes too long. So match_words() looks words up with the rights of zava_search, which sees the words of all
-- stores' products; it keeps to the stores of the sealed context, which no argument can widen, and returns keys. Who calls it
-- reads the products themselves under their own policies.

-- Settings of an extension can be given to a function once its library is loaded.
SELECT public.similarity('a', 'b'), public.vector_dims('[1]'::public.vector);

CREATE TYPE retail.product_filter AS (
    category_ids integer[],
    brand text,
    min_price numeric,
    max_price numeric,
    in_stock boolean,
    tags text[],
    min_rating numeric
);
COMMENT ON TYPE retail.product_filter IS 'What a search is narrowed to; a field that is NULL narrows nothing.';

-- In one place for both legs of the search. A body of this form is parsed here, once, so that no search_path matters, and
-- PostgreSQL can put it into the statement that uses it.
CREATE FUNCTION retail.passes(
    filter retail.product_filter, category_id integer, brand text, price numeric, current_stock integer, tags text[], rating numeric)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (filter.category_ids IS NULL OR category_id = ANY (filter.category_ids))
       AND (filter.brand IS NULL OR lower(brand) = lower(filter.brand))
       AND (filter.min_price IS NULL OR price >= filter.min_price)
       AND (filter.max_price IS NULL OR price <= filter.max_price)
       AND (filter.in_stock IS NULL OR (coalesce(current_stock, 0) > 0) = filter.in_stock)
       AND (filter.tags IS NULL OR tags @> filter.tags)
       AND (filter.min_rating IS NULL OR rating >= filter.min_rating);

-- An article number whole, and without its letters.
CREATE FUNCTION retail.article_words(sku text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(array_remove(ARRAY[lower(sku), regexp_replace(sku, '^[^0-9]+', '')], ''));

-- The words of a product, those of its name apart from those of its description.
CREATE FUNCTION retail.product_words(
    sku text, product_name text, brand text, model text, color text, size text, tags text[], product_description text)
    RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
    RETURN setweight(to_tsvector('pg_catalog.english', concat_ws(' ', product_name, brand)), 'A')
        || setweight(to_tsvector('pg_catalog.english', concat_ws(' ', model, color, size, array_to_string(tags, ' '))), 'B')
        || setweight(to_tsvector('pg_catalog.english', left(coalesce(product_description, ''), 8000)), 'D')
        || setweight(retail.article_words(sku), 'A');

-- The store leads: the words of other stores' products are not looked through. It is written as an expression so that no other
-- index can find it: without statistics PostgreSQL takes a store for one row, and would rather read the texts of all of them.
-- No list of pending entries, which every search would read, whoever made them.
DROP INDEX retail.idx_products_text_search;
CREATE INDEX idx_products_text_search ON retail.products USING GIN (
    (store_id || ''), retail.product_words(sku, product_name, brand, model, color, size, tags, product_description)) WITH (fastupdate = off);
ALTER INDEX retail.idx_products_text_search ALTER COLUMN 1 SET STATISTICS 0, ALTER COLUMN 2 SET STATISTICS 0;

-- The words that a store's products are called by: what a misspelt word may have been.
CREATE TABLE retail.search_vocabulary (
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    word VARCHAR(40) NOT NULL,

    PRIMARY KEY (store_id, word)
);
COMMENT ON TABLE retail.search_vocabulary IS 'Words of a store''s product names, brands, models and tags, by which misspelt ones are corrected; only search reads it.';
CREATE INDEX idx_search_vocabulary_word ON retail.search_vocabulary USING GIN (store_id, word public.gin_trgm_ops) WITH (fastupdate = off);
ALTER TABLE retail.search_vocabulary ALTER COLUMN store_id SET STATISTICS 0, ALTER COLUMN word SET STATISTICS 0;

CREATE FUNCTION retail.name_words(product_name text, brand text, model text, tags text[]) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
AS $$
    SELECT DISTINCT word
      FROM regexp_split_to_table(lower(concat_ws(' ', product_name, brand, model, array_to_string(tags, ' '))), '[^[:alpha:]]+') AS word
     WHERE length(word) BETWEEN 3 AND 40
$$;

CREATE FUNCTION retail.note_vocabulary() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    -- In order, so that two transactions with the same words wait for each other and not for one another.
    IF TG_OP = 'INSERT' THEN
        INSERT INTO retail.search_vocabulary (store_id, word)
        SELECT DISTINCT p.store_id, w.word
          FROM new_rows p CROSS JOIN LATERAL retail.name_words(p.product_name, p.brand, p.model, p.tags) AS w (word)
         ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO retail.search_vocabulary (store_id, word)
        SELECT DISTINCT p.store_id, w.word
          FROM (SELECT store_id, product_name, brand, model, tags FROM new_rows
                EXCEPT SELECT store_id, product_name, brand, model, tags FROM old_rows) AS p
         CROSS JOIN LATERAL retail.name_words(p.product_name, p.brand, p.model, p.tags) AS w (word)
         ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER products_vocabulary_insert AFTER INSERT ON retail.products
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION retail.note_vocabulary();
CREATE TRIGGER products_vocabulary_update AFTER UPDATE ON retail.products
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION retail.note_vocabulary();

ALTER TABLE retail.search_vocabulary ENABLE ROW LEVEL SECURITY;
ALTER TABLE retail.search_vocabulary FORCE ROW LEVEL SECURITY;
CREATE POLICY search_vocabulary_owner ON retail.search_vocabulary FOR ALL TO zava_owner USING (true) WITH CHECK (true);
CREATE POLICY search_vocabulary_search ON retail.search_vocabulary FOR SELECT TO zava_search USING (true);
CREATE POLICY search_vocabulary_backup ON retail.search_vocabulary FOR SELECT TO zava_backup USING (true);
CREATE POLICY products_search ON retail.products FOR SELECT TO zava_search USING (true);
GRANT SELECT ON retail.search_vocabulary TO zava_search, zava_backup;
GRANT SELECT (store_id, product_id, sku, product_name, brand, model, color, size, tags, product_description, category_id, price,
              current_stock, rating_average, is_active) ON retail.products TO zava_search;

REVOKE ALL ON FUNCTION retail.passes(retail.product_filter, integer, text, numeric, integer, text[], numeric),
    retail.product_words(text, text, text, text, text, text, text[], text), retail.article_words(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.passes(retail.product_filter, integer, text, numeric, integer, text[], numeric),
    retail.product_words(text, text, text, text, text, text, text[], text), retail.article_words(text) TO mcp_user, zava_search;

SET ROLE zava_keeper;
GRANT EXECUTE ON FUNCTION retail.current_store_ids() TO zava_search;
RESET ROLE;

GRANT USAGE, CREATE ON SCHEMA retail TO zava_search;
SET ROLE zava_search;

-- No more than are wanted are fetched, however many have the words: where many do, words do not tell products apart, and the
-- meaning has to.
CREATE FUNCTION retail.products_with(words tsquery, stores text[], filter retail.product_filter, ranked boolean, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, in_name boolean, rank real)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED
    SET plan_cache_mode = force_custom_plan
    SET search_path = pg_catalog
AS $$
BEGIN
    IF numnode(words) > 0 THEN
        RETURN QUERY
        SELECT p.* FROM unnest(stores) AS s (store)
         CROSS JOIN LATERAL (
               SELECT f.store_id::text, f.product_id,
                      setweight(to_tsvector('english', concat_ws(' ', f.product_name, f.brand)), 'A') || retail.article_words(f.sku) @@ words,
                      CASE WHEN ranked THEN ts_rank(retail.product_words(f.sku, f.product_name, f.brand, f.model, f.color, f.size, f.tags, f.product_description), words, 32) END
                 FROM retail.products f
                WHERE f.store_id || '' = s.store AND f.is_active
                  AND retail.product_words(f.sku, f.product_name, f.brand, f.model, f.color, f.size, f.tags, f.product_description) @@ words
                  AND retail.passes(filter, f.category_id, f.brand, f.price, f.current_stock, f.tags, f.rating_average)
                LIMIT max_results) AS p
         LIMIT max_results;
    END IF;
END
$$;

CREATE FUNCTION retail.match_words(query text, in_stores text[], filter retail.product_filter, any_word boolean, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, in_name boolean, rank real, has_all boolean, read_as text)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY DEFINER
    SET pg_trgm.similarity_threshold = 0.3
    -- Words that are too common to search for are nobody's concern.
    SET client_min_messages = warning
    SET search_path = pg_catalog
AS $$
#variable_conflict use_variable
DECLARE
    -- The wall of this function: the stores of the sealed context, whatever is asked for.
    stores text[] := ARRAY(SELECT own FROM unnest(retail.current_store_ids()) AS own WHERE in_stores IS NULL OR own = ANY (in_stores));
    article text := (SELECT part FROM regexp_split_to_table(lower(query), '[^a-z0-9-]+') AS part
                      WHERE part ~ '^([a-z]{2,6}-[0-9]+|[0-9]{5,})$' LIMIT 1);
    wanted tsquery := websearch_to_tsquery('english', query);
    asked text[];
    word text;
    readings text[];
    reading text;
    alternatives tsquery;
BEGIN
    -- An article number, or its beginning, says it all.
    IF article IS NOT NULL THEN
        RETURN QUERY SELECT p.*, TRUE, NULL::text FROM retail.products_with(format('%L:*', article)::tsquery, stores, filter, any_word, max_results) AS p;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT p.*, TRUE, NULL::text FROM retail.products_with(wanted, stores, filter, any_word, max_results) AS p;
    IF FOUND THEN
        RETURN;
    END IF;

    -- Perhaps something is misspelt: a word that no product of these stores has is read as the nearest that some are called by.
    -- A long request is a sentence, which is for search by meaning.
    asked := ARRAY(SELECT part FROM regexp_split_to_table(lower(query), '[^[:alnum:]]+') AS part WHERE numnode(plainto_tsquery('english', part)) > 0);
    IF cardinality(asked) BETWEEN 1 AND 5 THEN
        wanted := NULL;
        FOREACH word IN ARRAY asked LOOP
            readings := ARRAY[word];
            IF NOT EXISTS (SELECT FROM retail.products_with(plainto_tsquery('english', word), stores, NULL, FALSE, 1)) THEN
                readings := ARRAY(
                    SELECT v.word
                      FROM unnest(stores) AS s (store)
                      JOIN retail.search_vocabulary v ON v.store_id = s.store AND v.word OPERATOR(public.%) word
                     -- Fingers slip in the middle of a word; without this, a xylophone is a phone.
                     WHERE left(v.word, 1) = left(word, 1)
                     GROUP BY v.word ORDER BY public.similarity(v.word, word) DESC, v.word LIMIT 4);
                -- One word of which nothing is known, and no product has them all.
                IF cardinality(readings) = 0 THEN
                    wanted := NULL;
                    EXIT;
                END IF;
            END IF;
            read_as := concat_ws(' ', read_as, readings[1]);
            alternatives := NULL;
            FOREACH reading IN ARRAY readings LOOP
                alternatives := CASE WHEN alternatives IS NULL THEN plainto_tsquery('english', reading) ELSE alternatives || plainto_tsquery('english', reading) END;
            END LOOP;
            wanted := CASE WHEN wanted IS NULL THEN alternatives ELSE wanted && alternatives END;
        END LOOP;
        RETURN QUERY SELECT p.*, TRUE, read_as FROM retail.products_with(wanted, stores, filter, any_word, max_results) AS p;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    IF any_word THEN
        wanted := replace(plainto_tsquery('english', query)::text, '&', '|')::tsquery;
        RETURN QUERY SELECT p.*, FALSE, NULL::text FROM retail.products_with(wanted, stores, filter, any_word, max_results) AS p;
    END IF;
END
$$;
COMMENT ON FUNCTION retail.match_words IS
    'Keys of active products of the caller''s stores that have all words of a query, or its article number; of misspelt words the nearest; of any word when asked.';

REVOKE ALL ON FUNCTION retail.products_with(tsquery, text[], retail.product_filter, boolean, integer),
    retail.match_words(text, text[], retail.product_filter, boolean, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.match_words(text, text[], retail.product_filter, boolean, integer) TO mcp_user;
RESET ROLE;
REVOKE CREATE ON SCHEMA retail FROM zava_search;

-- Nearest by a vector index. For large stores: the index is walked on until enough rows are those of the stores, and what
-- comes nearly in order is put in order. What ef_search 200 finds and costs is in docs/performance.md.
CREATE FUNCTION retail.nearest_by_index(
    search_embedding public.halfvec, model_name text, stores text[], filter retail.product_filter, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, distance double precision)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET hnsw.iterative_scan = relaxed_order
    SET hnsw.ef_search = 200
    SET hnsw.max_scan_tuples = 200000
    -- A sort of all rows is what the index is there to spare; without statistics PostgreSQL would think it cheap.
    SET enable_sort = off
    SET enable_hashjoin = off
    SET search_path = pg_catalog
AS $$
BEGIN
    -- The index is of one model, and its expression has the model's dimensions.
    RETURN QUERY EXECUTE format($query$
        WITH nearest AS MATERIALIZED (
            SELECT pe.store_id, pe.product_id, pe.embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $1::public.halfvec(%1$s) AS distance
              FROM retail.product_embeddings pe
             WHERE pe.embedding_model = %2$L AND pe.store_id = ANY ($2)
               AND EXISTS (SELECT FROM retail.products p
                            WHERE p.store_id = pe.store_id AND p.product_id = pe.product_id AND p.is_active
                              AND retail.passes($3, p.category_id, p.brand, p.price, p.current_stock, p.tags, p.rating_average)
                           OFFSET 0) -- looked up row by row, not joined
             ORDER BY pe.embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $1::public.halfvec(%1$s)
             LIMIT $4)
        SELECT store_id::text, product_id, distance FROM nearest
        $query$, public.vector_dims(search_embedding), model_name)
        USING search_embedding, stores, filter, max_results;
END
$$;

-- Nearest by looking at every vector: exact, and faster for what is not many rows.
CREATE FUNCTION retail.nearest_by_scan(
    search_embedding public.halfvec, model_name text, stores text[], filter retail.product_filter, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, distance double precision)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    -- A generic plan made for one store's size is wrong for another's.
    SET plan_cache_mode = force_custom_plan
    SET search_path = pg_catalog
AS $$
BEGIN
    IF filter IS NULL THEN
        -- In order first, and then, one by one until there are enough, whether they are still sold. The addition keeps the
        -- planner from an approximate index.
        RETURN QUERY
        SELECT near.store_id::text, near.product_id, near.distance
          FROM (SELECT pe.store_id, pe.product_id, pe.embedding OPERATOR(public.<=>) search_embedding AS distance
                  FROM retail.product_embeddings pe
                 WHERE pe.store_id = ANY (stores) AND pe.embedding_model = model_name
                 ORDER BY (pe.embedding OPERATOR(public.<=>) search_embedding) + 0, pe.store_id, pe.product_id) AS near
         WHERE EXISTS (SELECT FROM retail.products p WHERE p.store_id = near.store_id AND p.product_id = near.product_id AND p.is_active OFFSET 0)
         LIMIT max_results;
    ELSE
        RETURN QUERY
        SELECT p.store_id::text, p.product_id, pe.distance
          FROM retail.products p
         -- Each by its whole key: PostgreSQL, which takes a store for one row, would look through the store for every product.
         CROSS JOIN LATERAL (
               SELECT e.embedding OPERATOR(public.<=>) search_embedding AS distance FROM retail.product_embeddings e
                WHERE e.store_id = p.store_id AND e.product_id = p.product_id AND e.embedding_model = model_name OFFSET 0) AS pe
         WHERE p.store_id = ANY (stores) AND p.is_active
           AND retail.passes(filter, p.category_id, p.brand, p.price, p.current_stock, p.tags, p.rating_average)
         ORDER BY 3, 1, 2
         LIMIT max_results;
    END IF;
END
$$;

-- Rows from which on the index is faster than a scan. A scan costs r for r rows; the index has to walk over total / r rows for
-- each that counts; the two meet where r is in proportion to the root of total. The factor is an estimate: 1.4 us a row scanned, 25 us a row walked over,
-- 40 rows wanted.
CREATE FUNCTION retail.index_pays_from() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT greatest(5000, 27 * sqrt(greatest(reltuples, 0)))::integer FROM pg_class WHERE oid = 'retail.product_embeddings'::regclass);

CREATE FUNCTION retail.nearest_products(
    search_embedding public.halfvec, model_name text, stores text[], filter retail.product_filter, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, distance double precision)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET plan_cache_mode = force_custom_plan
    SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    many CONSTANT integer := retail.index_pays_from();
    counted integer;
    of_stores text[];
    ids uuid[];
    distances double precision[];
BEGIN
    IF filter IS NULL THEN
        SELECT count(*) INTO counted FROM (
            SELECT FROM retail.product_embeddings pe WHERE pe.store_id = ANY (stores) AND pe.embedding_model = model_name LIMIT many) AS enough;
    ELSE
        SELECT count(*) INTO counted FROM (
            SELECT FROM retail.products p
             WHERE p.store_id = ANY (stores) AND p.is_active
               AND retail.passes(filter, p.category_id, p.brand, p.price, p.current_stock, p.tags, p.rating_average)
             LIMIT many) AS enough;
    END IF;
    IF counted >= many THEN
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
    'Active products of the stores that pass the filter, nearest first: exact for few rows, by the vector index of the model for many.';

-- The active model; raises when it is not the one that a vector was made with. Vectors of two models may have the same length and still mean nothing to each other.
CREATE FUNCTION retail.require_active_model(expected_model text, search_embedding public.halfvec) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY INVOKER SET search_path = pg_catalog
AS $$
DECLARE
    active retail.embedding_models;
BEGIN
    SELECT * INTO active FROM retail.embedding_models WHERE state = 'active';
    IF active.embedding_model IS NULL OR active.embedding_model <> expected_model THEN
        RAISE EXCEPTION 'the active embedding model is %, and % is expected', coalesce(active.embedding_model, 'none'), expected_model
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF public.vector_dims(search_embedding) <> active.dimensions THEN
        RAISE EXCEPTION 'search_embedding has % dimensions, but the active model % has %',
            public.vector_dims(search_embedding), active.embedding_model, active.dimensions
            USING ERRCODE = 'data_exception';
    END IF;
    RETURN active.embedding_model;
END
$$;

CREATE OR REPLACE FUNCTION retail.search_products_by_similarity(
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
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    active text := retail.require_active_model(expected_model, search_embedding);
BEGIN
    RETURN QUERY
    SELECT p.product_id, p.product_name, p.product_description, p.brand, p.price, 1 - near.distance, p.store_id, p.sku
      FROM retail.nearest_products(search_embedding, active, coalesce(in_stores, retail.current_store_ids()), NULL, max_results) AS near
      JOIN retail.products p ON p.store_id = near.store_id AND p.product_id = near.product_id
     WHERE similarity_threshold IS NULL OR 1 - near.distance >= similarity_threshold
     -- Ties are broken by key, so that the same search gives the same page.
     ORDER BY near.distance, p.store_id, p.product_id;
END
$$;

-- Both legs in one: what is near in meaning, and what has the words. The score is the cosine and, on top of it, up to 0.4 for
-- words of the query that the product has: by the square of their share, so that most of the words count and a chance one
-- hardly does; a word of the description counts 0.6 of one of the name. Fusing by rank instead (RRF) pushes what is meant below
-- what shares a word. The numbers are chosen on Zava.Tests/Relevance, where their neighbours do as well.
CREATE FUNCTION retail.search_products(
    query text, search_embedding public.halfvec, expected_model text, in_stores text[], filter retail.product_filter, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, score double precision, similarity double precision, has_words boolean, read_as text)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET plan_cache_mode = force_custom_plan
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
        SELECT * FROM retail.nearest_products(search_embedding, active, stores, filter, greatest(2 * max_results, 40))),
    named AS MATERIALIZED (
        SELECT * FROM retail.match_words(query, in_stores, filter, FALSE, 200)),
    found AS (
        SELECT n.store_id, n.product_id, 1 - n.distance AS similarity, w.in_name, w.read_as, w.product_id IS NOT NULL AS has_words,
               (SELECT sum(CASE WHEN its.words @@ word.in_name THEN 1 WHEN its.words @@ word.anywhere THEN 0.6 ELSE 0 END) / count(*)
                  FROM (SELECT retail.product_words(p.sku, p.product_name, p.brand, p.model, p.color, p.size, p.tags, p.product_description) AS words
                          FROM retail.products p WHERE p.store_id = n.store_id AND p.product_id = n.product_id OFFSET 0) AS its
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

REVOKE ALL ON FUNCTION retail.nearest_by_index(public.halfvec, text, text[], retail.product_filter, integer),
    retail.nearest_by_scan(public.halfvec, text, text[], retail.product_filter, integer), retail.index_pays_from(),
    retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer),
    retail.require_active_model(text, public.halfvec),
    retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer),
    retail.name_words(text, text, text, text[]), retail.note_vocabulary() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.nearest_by_index(public.halfvec, text, text[], retail.product_filter, integer),
    retail.nearest_by_scan(public.halfvec, text, text[], retail.product_filter, integer), retail.index_pays_from(),
    retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer),
    retail.require_active_model(text, public.halfvec),
    retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer) TO mcp_user;

-- The score, words included, below which a match is marked as weak. The two kinds of queries overlap: of what no shop here
-- sells, a third is below, and of the right answers one in seven when they share no word with the query, else one in thirty.
UPDATE retail.embedding_models SET similarity_floor = 0.42 WHERE embedding_model = 'universal-sentence-encoder-lite';
COMMENT ON COLUMN retail.embedding_models.similarity_floor IS 'Search score below which this model''s matches are probably not meant; NULL when not measured';
