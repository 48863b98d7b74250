-- SQL of the caller's own runs as a login of its store: even where a sealed context were got around, the session could be
-- no other store's. The names are opaque, because every role's name can be read by everybody, and derived from the context
-- key (QueryLogin.cs), as are the passwords, so that only who holds the key can log in.

GRANT USAGE ON SCHEMA retail TO zava_query;
GRANT CREATE ON SCHEMA retail TO zava_keeper;
SET ROLE zava_keeper;

CREATE TABLE retail.query_logins (
    login_name NAME PRIMARY KEY,
    key_id VARCHAR(50) NOT NULL REFERENCES retail.context_keys (key_id) ON DELETE CASCADE,
    own_store VARCHAR(50) NOT NULL
);
COMMENT ON TABLE retail.query_logins IS 'Which store a login for free SQL belongs to; * for every store. Readable by zava_keeper alone.';

CREATE FUNCTION retail.install_query_login(new_login name, new_key_id text, new_store_id text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    INSERT INTO retail.query_logins (login_name, key_id, own_store) VALUES (new_login, new_key_id, new_store_id)
    ON CONFLICT (login_name) DO UPDATE SET key_id = EXCLUDED.key_id, own_store = EXCLUDED.own_store
$$;
COMMENT ON FUNCTION retail.install_query_login IS 'Gives a login for free SQL its store.';

-- The stores for which there must be a login: all, so that one that is opened again can be queried at once.
CREATE FUNCTION retail.list_query_stores() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT store_id::text FROM retail.stores UNION ALL SELECT '*'
$$;

-- What both the sealed context and the login allow.
CREATE FUNCTION retail.query_store_ids() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    own text := (SELECT own_store FROM retail.query_logins WHERE login_name = session_user);
    allowed text[] := retail.current_store_ids();
BEGIN
    RETURN CASE WHEN own = '*' THEN allowed WHEN own = ANY (allowed) THEN ARRAY[own] ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION retail.query_store_ids IS 'The stores that free SQL may see: those of the sealed context that are also the login''s.';

CREATE FUNCTION retail.query_store_map() RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    stores text[] := retail.query_store_ids();
BEGIN
    RETURN jsonb_object(stores, stores);
END
$$;
COMMENT ON FUNCTION retail.query_store_map IS 'The same stores as keys of an object: what every policy for free SQL looks at first.';

REVOKE ALL ON FUNCTION retail.install_query_login(name, text, text), retail.list_query_stores(), retail.query_store_ids(),
    retail.query_store_map() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.install_query_login(name, text, text), retail.list_query_stores() TO zava_seeder;
GRANT EXECUTE ON FUNCTION retail.query_store_ids(), retail.query_store_map(), retail.set_store_context(text) TO zava_query;
RESET ROLE;
REVOKE CREATE ON SCHEMA retail FROM zava_keeper;

-- Who customers are, as far as somebody who may not know it gets to see: stored, so that no right to the originals is needed.
ALTER TABLE retail.customers
    ADD COLUMN masked_name TEXT GENERATED ALWAYS AS (left(first_name, 1) || '. ' || left(last_name, 1) || '.') STORED,
    ADD COLUMN masked_email TEXT GENERATED ALWAYS AS (left(email, 1) || '…@…') STORED,
    ADD COLUMN masked_phone TEXT GENERATED ALWAYS AS ('…' || right(phone, 2)) STORED,
    ADD COLUMN birth_decade INTEGER GENERATED ALWAYS AS (extract(year FROM date_of_birth)::integer / 10 * 10) STORED;
COMMENT ON COLUMN retail.customers.masked_name IS 'Initials, for whoever may not see the name';
COMMENT ON COLUMN retail.customers.masked_email IS 'First letter of the address, for whoever may not see it';
COMMENT ON COLUMN retail.customers.masked_phone IS 'Last two digits, for whoever may not see the number';
COMMENT ON COLUMN retail.customers.birth_decade IS 'Such as 1980, for whoever may not see the date of birth';
ALTER TABLE retail.customers
    ALTER COLUMN masked_name SET STATISTICS 0, ALTER COLUMN masked_email SET STATISTICS 0,
    ALTER COLUMN masked_phone SET STATISTICS 0, ALTER COLUMN birth_decade SET STATISTICS 0;

CREATE VIEW retail.customers_masked WITH (security_invoker = true, security_barrier = true) AS
SELECT store_id, customer_id, masked_name AS name, masked_email AS email, masked_phone AS phone, birth_decade, gender,
       customer_since, loyalty_tier, total_lifetime_value
  FROM retail.customers;
COMMENT ON VIEW retail.customers_masked IS 'Customers without what tells who they are: the form in which free SQL sees them.';

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['stores', 'customers', 'products', 'sales_transactions', 'sales_transaction_items',
                                        'product_embeddings'] LOOP
        -- The first condition keeps others from running before it (see 0006), the second finds an index, which SQL that
        -- names no store needs.
        EXECUTE format('CREATE POLICY %I ON retail.%I FOR SELECT TO zava_query
                        USING (((SELECT retail.query_store_map()))[store_id::text] IS NOT NULL
                               AND store_id = ANY ((SELECT retail.query_store_ids())::text[]))',
                       tenant_table || '_query', tenant_table);
    END LOOP;
END
$$;

GRANT SELECT ON retail.stores, retail.product_categories, retail.products, retail.sales_transactions,
    retail.sales_transaction_items, retail.product_embeddings, retail.embedding_models, retail.customers_masked TO zava_query;
GRANT SELECT (store_id, customer_id, masked_name, masked_email, masked_phone, birth_decade, gender, customer_since, loyalty_tier,
              total_lifetime_value, created_at, updated_at) ON retail.customers TO zava_query;
GRANT SELECT ON retail.customers_masked TO mcp_user, zava_backup;
