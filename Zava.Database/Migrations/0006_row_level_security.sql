-- Who may touch which rows. Nothing is granted by default, and FORCE holds the owner to the policies too.
-- Every policy asks who is asking in a sub-select: PostgreSQL then does so once per statement, not once per row.
-- PostgreSQL runs a caller's own leakproof conditions before a policy that it thinks dearer, and whether the policy then
-- ran at all can be seen (an error, EXPLAIN ANALYZE): that would confirm a guessed value of another store. Reading a
-- jsonb by subscript costs nothing in the planner's eyes, so a policy of this form always comes first. It finds no index;
-- the services' statements name their stores.

DO $$
DECLARE
    tenant_table text;
    is_callers CONSTANT text := '((SELECT store_map FROM retail.current_context))[store_id::text] IS NOT NULL';
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['stores', 'customers', 'products', 'sales_transactions', 'sales_transaction_items',
                                        'product_embeddings', 'embedding_queue'] LOOP
        EXECUTE format('ALTER TABLE retail.%I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE retail.%I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY %I ON retail.%I FOR ALL TO mcp_user USING (%s) WITH CHECK (%s)',
                       tenant_table || '_store_isolation', tenant_table, is_callers, is_callers);
        EXECUTE format('CREATE POLICY %I ON retail.%I FOR SELECT TO zava_backup USING (true)',
                       tenant_table || '_backup', tenant_table);
    END LOOP;
END
$$;

-- Contexts check and enumerate stores without being one.
CREATE POLICY stores_keeper ON retail.stores FOR SELECT TO zava_keeper USING (true);

-- The worker embeds for every store, and reads nothing else of them.
CREATE POLICY products_worker ON retail.products FOR SELECT TO zava_worker USING (true);
CREATE POLICY product_embeddings_worker ON retail.product_embeddings FOR ALL TO zava_worker USING (true) WITH CHECK (true);
CREATE POLICY embedding_queue_worker ON retail.embedding_queue FOR ALL TO zava_worker USING (true) WITH CHECK (true);
-- enqueue_embeddings() runs as the owner.
CREATE POLICY embedding_queue_owner ON retail.embedding_queue FOR ALL TO zava_owner USING (true) WITH CHECK (true);
CREATE POLICY embedding_queue_ops ON retail.embedding_queue FOR SELECT TO zava_ops USING (true);
CREATE POLICY stores_ops ON retail.stores FOR SELECT TO zava_ops USING (true);

GRANT SELECT ON retail.stores, retail.product_categories, retail.product_embeddings, retail.embedding_models TO mcp_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON retail.customers, retail.products, retail.sales_transactions,
    retail.sales_transaction_items TO mcp_user;

GRANT SELECT (store_id, product_id, product_name, product_description, tags) ON retail.products TO zava_worker;
GRANT SELECT, INSERT, UPDATE ON retail.product_embeddings TO zava_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON retail.embedding_queue TO zava_worker;
GRANT SELECT, INSERT, UPDATE (state) ON retail.embedding_models TO zava_worker;

GRANT SELECT ON retail.stores, retail.customers, retail.product_categories, retail.products, retail.sales_transactions,
    retail.sales_transaction_items, retail.product_embeddings, retail.embedding_models, retail.embedding_queue TO zava_backup;
GRANT SELECT ON retail.stores, retail.embedding_models, retail.embedding_queue TO zava_ops;

SET ROLE zava_audit;
ALTER TABLE retail.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE retail.audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_log_append ON retail.audit_log FOR INSERT TO zava_audit WITH CHECK (true);
CREATE POLICY audit_log_store_isolation ON retail.audit_log FOR SELECT TO mcp_user
    USING (((SELECT store_map FROM retail.current_context))[store_id::text] IS NOT NULL);
CREATE POLICY audit_log_backup ON retail.audit_log FOR SELECT TO zava_backup USING (true);
CREATE POLICY audit_log_ops ON retail.audit_log FOR SELECT TO zava_ops USING (true);
GRANT SELECT ON retail.audit_log TO mcp_user, zava_backup, zava_ops;
RESET ROLE;

-- What these two own is complete; a migration that adds to it grants this again.
REVOKE CREATE ON SCHEMA retail FROM zava_keeper, zava_audit;
