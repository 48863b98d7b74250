-- A search asks once whose stores it may look in. It asked at each of its steps, for each table that the step reads, and a policy
-- looked at each row of the stores anew; in small stores that took longer than the search itself.
--
-- search_products() and nearest_products() run with the rights of zava_search, as the words already did (0011): they keep to the
-- stores of the sealed context, which no argument can widen, and return keys and scores. Their steps can be called by nobody
-- else. Who calls them reads the products under policies, as before.

-- Settings of an extension can be given to a function once its library is loaded.
SELECT public.similarity('a', 'b'), public.vector_dims('[1]'::public.vector);

CREATE POLICY product_embeddings_search ON retail.product_embeddings FOR SELECT TO zava_search USING (true);
GRANT SELECT (store_id, product_id, embedding, embedding_model) ON retail.product_embeddings TO zava_search;
GRANT SELECT ON retail.embedding_models TO zava_search;

-- The words are nobody else's to read now.
DROP POLICY product_words_store_isolation ON retail.product_words;
REVOKE SELECT ON retail.product_words FROM mcp_user;

REVOKE EXECUTE ON FUNCTION retail.nearest_by_index(public.halfvec, text, text[], retail.product_filter, integer),
    retail.nearest_by_scan(public.halfvec, text, text[], retail.product_filter, integer) FROM mcp_user;
GRANT EXECUTE ON FUNCTION retail.nearest_by_index(public.halfvec, text, text[], retail.product_filter, integer),
    retail.nearest_by_scan(public.halfvec, text, text[], retail.product_filter, integer),
    retail.index_pays_for(text[], text), retail.index_pays_from(), retail.require_active_model(text, public.halfvec) TO zava_search;
REVOKE EXECUTE ON FUNCTION retail.passes(retail.product_filter, integer, text, numeric, integer, text[], numeric) FROM mcp_user;
DROP FUNCTION retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer, boolean),
    retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer, boolean);

-- What was loaded together lies together: read page by page, and not in the order of the key, the vectors of a store take an
-- eighth less time when they are not in the processor's cache.
ALTER FUNCTION retail.nearest_by_scan(public.halfvec, text, text[], retail.product_filter, integer) SET enable_indexscan = off;

SET ROLE zava_keeper;
GRANT SELECT ON retail.current_context TO zava_search;
GRANT EXECUTE ON FUNCTION retail.refuse_context(text) TO zava_search;
REVOKE EXECUTE ON FUNCTION retail.current_store_ids() FROM zava_search;
RESET ROLE;

GRANT CREATE ON SCHEMA retail TO zava_search;
SET ROLE zava_search;

DROP FUNCTION retail.match_words(text, text[], retail.product_filter, boolean, integer);
CREATE FUNCTION retail.match_words(query text, stores text[], filter retail.product_filter, any_word boolean, max_results integer)
RETURNS TABLE (store_id text, product_id uuid, in_name boolean, rank real, has_all boolean, read_as text)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY INVOKER
    SET pg_trgm.similarity_threshold = 0.3
    -- Words that are too common to search for are nobody's concern.
    SET client_min_messages = warning
    SET search_path = pg_catalog
AS $$
#variable_conflict use_variable
DECLARE
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
    'Keys of active products of these stores that have all words of a query, or its article number; of misspelt words the nearest; of any word when asked.';

CREATE FUNCTION retail.nearest_of_stores(
    search_embedding public.halfvec, model_name text, stores text[], filter retail.product_filter, max_results integer, index_pays boolean)
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
COMMENT ON FUNCTION retail.nearest_of_stores IS
    'Active products of these stores that pass the filter, nearest first: exact for few rows, by the vector index of the active model for many.';

CREATE FUNCTION retail.nearest_products(
    search_embedding public.halfvec, model_name text, in_stores text[], filter retail.product_filter, max_results integer, index_pays boolean DEFAULT NULL)
RETURNS TABLE (store_id text, product_id uuid, distance double precision)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog
AS $$
DECLARE
    -- The wall: the stores of the sealed context, whatever is asked for.
    stores CONSTANT text[] := ARRAY(SELECT own FROM retail.current_context CROSS JOIN jsonb_object_keys(store_map) AS own WHERE in_stores IS NULL OR own = ANY (in_stores));
BEGIN
    RETURN QUERY SELECT * FROM retail.nearest_of_stores(search_embedding, model_name, stores, filter, max_results, index_pays);
END
$$;
COMMENT ON FUNCTION retail.nearest_products IS
    'Active products of the caller''s stores that pass the filter, nearest first: exact for few rows, by the vector index of the active model for many.';

CREATE FUNCTION retail.search_products(
    query text, search_embedding public.halfvec, expected_model text, in_stores text[], filter retail.product_filter, max_results integer,
    index_pays boolean DEFAULT NULL)
RETURNS TABLE (store_id text, product_id uuid, score double precision, similarity double precision, has_words boolean, read_as text)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL RESTRICTED SECURITY DEFINER
    SET plan_cache_mode = force_generic_plan
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    -- The wall: the stores of the sealed context, whatever is asked for.
    stores CONSTANT text[] := ARRAY(SELECT own FROM retail.current_context CROSS JOIN jsonb_object_keys(store_map) AS own WHERE in_stores IS NULL OR own = ANY (in_stores));
    words CONSTANT text[] := tsvector_to_array(to_tsvector('english', query));
    anywhere CONSTANT tsquery[] := ARRAY(SELECT format('%L', word)::tsquery FROM unnest(words) AS word);
    in_names CONSTANT tsquery[] := ARRAY(SELECT format('%L:AB', word)::tsquery FROM unnest(words) AS word);
    active text;
BEGIN
    IF search_embedding IS NULL THEN
        RETURN QUERY
        SELECT w.store_id, w.product_id, w.rank::double precision, NULL::double precision, w.has_all, w.read_as
          FROM retail.match_words(query, stores, filter, TRUE, greatest(max_results, 200)) AS w
         ORDER BY w.has_all DESC, w.in_name DESC, w.rank DESC, w.store_id, w.product_id
         LIMIT max_results;
        RETURN;
    END IF;
    active := retail.require_active_model(expected_model, search_embedding);
    RETURN QUERY
    WITH near AS MATERIALIZED (
        SELECT * FROM retail.nearest_of_stores(search_embedding, active, stores, filter, greatest(2 * max_results, 40), index_pays)),
    named AS MATERIALIZED (
        SELECT * FROM retail.match_words(query, stores, filter, FALSE, 200)),
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

REVOKE ALL ON FUNCTION retail.match_words(text, text[], retail.product_filter, boolean, integer),
    retail.nearest_of_stores(public.halfvec, text, text[], retail.product_filter, integer, boolean),
    retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer, boolean),
    retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.nearest_products(public.halfvec, text, text[], retail.product_filter, integer, boolean),
    retail.search_products(text, public.halfvec, text, text[], retail.product_filter, integer, boolean) TO mcp_user;
RESET ROLE;
REVOKE CREATE ON SCHEMA retail FROM zava_search;
