-- What the tools write: corrections of stock, and sales. A caller that heard no answer sends the same call again, so each
-- call carries a key, and what was answered is kept with the change, in its transaction.
--
-- Who changes locks in one order: products by their ids, then the customer, then the store's receipt numbers. A call looks its
-- key up only when it holds its products, so the same call sent twice at once waits for itself and finds the answer.
--
-- Their statements are planned once a connection: tables without statistics give no better plan for other values, and with its
-- policies the plan of a sale takes longer to make than to run.

CREATE TABLE retail.idempotent_writes (
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    tool VARCHAR(100) NOT NULL,
    acting_user VARCHAR(200) NOT NULL,
    idempotency_key VARCHAR(100) NOT NULL,
    request_hash BYTEA NOT NULL,
    result JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    -- The user as well: somebody else's key is another key, and answers nobody but them.
    PRIMARY KEY (store_id, tool, acting_user, idempotency_key)
);
COMMENT ON TABLE retail.idempotent_writes IS
    'What was answered to calls that changed something, by the caller''s key, for seven days; the changes are in the tables and the audit log.';
CREATE INDEX idx_idempotent_writes_created_at ON retail.idempotent_writes (store_id, created_at);

CREATE TABLE retail.stock_adjustments (
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    adjustment_id UUID NOT NULL DEFAULT gen_random_uuid(),
    product_id UUID NOT NULL,
    quantity_change INTEGER NOT NULL,
    stock_after INTEGER NOT NULL,
    reason VARCHAR(30) NOT NULL,
    note VARCHAR(200),
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY (store_id, adjustment_id),
    FOREIGN KEY (store_id, product_id) REFERENCES retail.products (store_id, product_id),
    CONSTRAINT stock_not_negative CHECK (stock_after >= 0),
    CONSTRAINT change_follows_reason CHECK (
        CASE reason WHEN 'delivery' THEN quantity_change > 0
                    WHEN 'damaged' THEN quantity_change < 0
                    WHEN 'lost' THEN quantity_change < 0
                    WHEN 'returned_to_supplier' THEN quantity_change < 0
                    WHEN 'correction' THEN quantity_change <> 0
                    ELSE reason = 'counted' END)
);
COMMENT ON TABLE retail.stock_adjustments IS 'Changes of stock that no receipt explains: deliveries, losses, counts.';
COMMENT ON COLUMN retail.stock_adjustments.quantity_change IS 'Units that came (positive) or went (negative)';
COMMENT ON COLUMN retail.stock_adjustments.reason IS 'delivery, damaged, lost, returned_to_supplier, correction or counted';
CREATE INDEX idx_stock_adjustments_product_id ON retail.stock_adjustments (store_id, product_id);
CREATE TRIGGER stock_adjustments_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON retail.stock_adjustments
    FOR EACH ROW EXECUTE FUNCTION retail.audit_trigger('adjustment_id');

CREATE TABLE retail.receipt_numbers (
    store_id VARCHAR(50) PRIMARY KEY REFERENCES retail.stores (store_id),
    last_number BIGINT NOT NULL
);
COMMENT ON TABLE retail.receipt_numbers IS 'The last receipt number of each store: numbers follow each other without a gap.';

DO $$
DECLARE
    new_table text;
    shared_column text;
    is_callers CONSTANT text := '((SELECT store_map FROM retail.current_context))[store_id::text] IS NOT NULL';
BEGIN
    FOREACH new_table IN ARRAY ARRAY['idempotent_writes', 'stock_adjustments', 'receipt_numbers'] LOOP
        EXECUTE format('ALTER TABLE retail.%I ENABLE ROW LEVEL SECURITY', new_table);
        EXECUTE format('ALTER TABLE retail.%I FORCE ROW LEVEL SECURITY', new_table);
        EXECUTE format('CREATE POLICY %I ON retail.%I FOR ALL TO mcp_user USING (%s) WITH CHECK (%s)',
                       new_table || '_store_isolation', new_table, is_callers, is_callers);
        EXECUTE format('CREATE POLICY %I ON retail.%I FOR SELECT TO zava_backup USING (true)', new_table || '_backup', new_table);
        EXECUTE format('GRANT SELECT ON retail.%I TO zava_backup', new_table);
        FOR shared_column IN SELECT attname FROM pg_attribute WHERE attrelid = ('retail.' || new_table)::regclass AND attnum > 0 LOOP
            EXECUTE format('ALTER TABLE retail.%I ALTER COLUMN %I SET STATISTICS 0', new_table, shared_column);
        END LOOP;
    END LOOP;
END
$$;
GRANT SELECT, INSERT, DELETE ON retail.idempotent_writes TO mcp_user;
GRANT SELECT, INSERT ON retail.stock_adjustments TO mcp_user;
GRANT SELECT, INSERT, UPDATE ON retail.receipt_numbers TO mcp_user;
-- Free SQL asks where stock went; a note may say who took it.
CREATE POLICY stock_adjustments_query ON retail.stock_adjustments FOR SELECT TO zava_query
    USING (((SELECT retail.query_store_map()))[store_id::text] IS NOT NULL AND store_id = ANY ((SELECT retail.query_store_ids())::text[]));
GRANT SELECT (store_id, adjustment_id, product_id, quantity_change, stock_after, reason, created_at) ON retail.stock_adjustments TO zava_query;

CREATE FUNCTION retail.find_idempotent_write(in_store text, by_key text, hash bytea) RETURNS jsonb
    LANGUAGE sql SET search_path = pg_catalog
AS $$
    SELECT CASE WHEN w.request_hash = hash THEN w.result || '{"already_recorded": true}'
                ELSE jsonb_build_object('refused', 'idempotency_key: you have sent this key before, with other arguments. Nothing was changed. '
                     || 'Send a new key for a new change, and the same only to repeat a call as it was.') END
      FROM retail.current_context c
      JOIN retail.idempotent_writes w ON w.tool = c.tool AND w.acting_user = c.user_name
     WHERE w.store_id = in_store AND w.idempotency_key = by_key
$$;
COMMENT ON FUNCTION retail.find_idempotent_write IS 'What the caller was answered to the same call before; a refusal if it was another call; NULL if there was none.';

CREATE FUNCTION retail.keep_idempotent_write(in_store text, by_key text, hash bytea, answer jsonb) RETURNS jsonb
    LANGUAGE sql SET search_path = pg_catalog
AS $$
    DELETE FROM retail.idempotent_writes WHERE store_id = in_store AND created_at < CURRENT_TIMESTAMP - interval '7 days';
    INSERT INTO retail.idempotent_writes (store_id, tool, acting_user, idempotency_key, request_hash, result)
    SELECT in_store, tool, user_name, by_key, hash, answer FROM retail.current_context
    RETURNING result;
$$;
COMMENT ON FUNCTION retail.keep_idempotent_write IS 'Keeps an answer for seven days, and removes what the store has kept for longer.';

CREATE FUNCTION retail.adjust_stock(
    in_store text, by_key text, hash bytea, of_product uuid, of_sku text, by_units integer, to_units integer, expected integer,
    because text, remark text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    most CONSTANT integer := 1000000;
    moment timestamptz;
    shelf record;
    known jsonb;
    units integer;
BEGIN
    SELECT p.product_id, p.sku, p.product_name, coalesce(p.current_stock, 0) AS stock, coalesce(p.reorder_point, 0) AS reorder_point INTO shelf
      FROM retail.products p
     WHERE p.store_id = in_store AND p.product_id = coalesce(of_product,
           (SELECT named.product_id FROM retail.products named WHERE named.store_id = in_store AND named.sku IN (of_sku, upper(of_sku))
             ORDER BY named.sku = of_sku DESC LIMIT 1))
       FOR NO KEY UPDATE OF p;
    known := retail.find_idempotent_write(in_store, by_key, hash);
    IF known IS NOT NULL THEN
        RETURN known;
    END IF;

    units := coalesce(by_units, to_units - shelf.stock);
    IF shelf.product_id IS NULL THEN
        RETURN jsonb_build_object('refused', CASE WHEN of_product IS NULL THEN 'sku' ELSE 'product_id' END
            || ': no product of this store has it; semantic_search_products finds products by description.');
    ELSIF shelf.stock <> expected THEN
        RETURN jsonb_build_object('refused', format(
            'expected_stock: %s was sent, but the stock of %s is %s now. Nothing was changed. Allowed: %s, if the change is still right, or left out.',
            expected, shelf.sku, shelf.stock, shelf.stock));
    ELSIF shelf.stock + units NOT BETWEEN 0 AND most THEN
        RETURN jsonb_build_object('refused', format(
            'change: %s was sent, but the stock of %s is %s, and must stay within 0 and %s. Nothing was changed. Allowed: %s to %s.',
            units, shelf.sku, shelf.stock, most, -shelf.stock, most - shelf.stock));
    END IF;

    moment := clock_timestamp();
    UPDATE retail.products SET current_stock = shelf.stock + units WHERE store_id = in_store AND product_id = shelf.product_id;
    INSERT INTO retail.stock_adjustments (store_id, product_id, quantity_change, stock_after, reason, note, created_at)
    VALUES (in_store, shelf.product_id, units, shelf.stock + units, because, remark, moment);
    RETURN retail.keep_idempotent_write(in_store, by_key, hash, jsonb_build_object(
        'store_id', in_store, 'product_id', shelf.product_id, 'sku', shelf.sku, 'product_name', shelf.product_name,
        'stock_before', shelf.stock, 'change', units, 'current_stock', shelf.stock + units, 'reorder_point', shelf.reorder_point,
        'adjusted_at', moment, 'already_recorded', false));
END
$$;
COMMENT ON FUNCTION retail.adjust_stock IS 'Changes the stock of one product, once per key: what was changed, or {"refused": why}.';

CREATE FUNCTION retail.record_sale(
    in_store text, by_key text, hash bytea, wanted jsonb, paid_by text, buyer uuid, cashier text, register text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    tax_rate CONSTANT numeric := 0.08;
    picked uuid[]; -- the product of each line, in their order; NULL where there is none
    moment timestamptz;
    answer jsonb;
    problems text;
    number bigint;
BEGIN
    SELECT array_agg((SELECT p.product_id FROM retail.products p
                       WHERE p.store_id = in_store AND p.product_id = coalesce(line.product_id,
                             (SELECT named.product_id FROM retail.products named WHERE named.store_id = in_store AND named.sku IN (line.sku, upper(line.sku))
                               ORDER BY named.sku = line.sku DESC LIMIT 1)))
                     ORDER BY place) INTO picked
      FROM ROWS FROM (jsonb_to_recordset(wanted) AS (product_id uuid, sku text)) WITH ORDINALITY AS line (product_id, sku, place);
    PERFORM FROM retail.products WHERE store_id = in_store AND product_id = ANY (picked) ORDER BY product_id FOR NO KEY UPDATE;
    answer := retail.find_idempotent_write(in_store, by_key, hash);
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;

    WITH line AS (
        SELECT l.place, l.sku, l.quantity, p.product_id, p.sku AS of_sku, p.is_active, coalesce(p.current_stock, 0) AS stock
          FROM ROWS FROM (jsonb_to_recordset(wanted) AS (sku text, quantity integer)) WITH ORDINALITY AS l (sku, quantity, place)
          LEFT JOIN retail.products p ON p.store_id = in_store AND p.product_id = picked[l.place])
    SELECT string_agg(said, E'\n' ORDER BY place) INTO problems
      FROM (SELECT place, format('lines[%s].%s: no product of this store has it; semantic_search_products finds products by description.',
                                 place - 1, CASE WHEN sku IS NULL THEN 'product_id' ELSE 'sku' END) AS said
              FROM line WHERE product_id IS NULL
             UNION ALL
            SELECT place, format('lines[%s]: %s is no longer sold.', place - 1, of_sku) FROM line WHERE NOT is_active
             UNION ALL
            SELECT min(place), format('%s.quantity: %s of %s asked for, and %s in stock.',
                                      string_agg(format('lines[%s]', place - 1), ', ' ORDER BY place), sum(quantity), of_sku, stock)
              FROM line WHERE is_active GROUP BY product_id, of_sku, stock HAVING sum(quantity) > stock) AS found;
    IF paid_by = 'cash' AND EXISTS (SELECT FROM retail.stores WHERE store_id = in_store AND store_type = 'ecommerce') THEN
        problems := concat_ws(E'\n', 'payment_method: nobody pays cash in an online store. Allowed: credit_card, debit_card, digital_wallet.', problems);
    END IF;
    PERFORM FROM retail.customers WHERE store_id = in_store AND customer_id = buyer FOR NO KEY UPDATE;
    IF buyer IS NOT NULL AND NOT FOUND THEN
        problems := concat_ws(E'\n', 'customer_id: no customer of this store has it. Allowed: left out for a sale to nobody in particular.', problems);
    END IF;
    IF problems IS NOT NULL THEN
        RETURN jsonb_build_object('refused', problems || E'\nNothing was sold.');
    END IF;

    -- The last lock, held for a moment. Receipts that somebody else wrote count too.
    INSERT INTO retail.receipt_numbers AS numbers (store_id, last_number)
    VALUES (in_store, 1 + coalesce((SELECT substr(receipt_number, 4)::bigint FROM retail.sales_transactions
                                     WHERE store_id = in_store AND receipt_number ~ '^RCP[0-9]{8,15}$' ORDER BY receipt_number DESC LIMIT 1), 0))
    ON CONFLICT (store_id) DO UPDATE SET last_number = greatest(numbers.last_number + 1, EXCLUDED.last_number)
    RETURNING last_number INTO number;
    moment := clock_timestamp();
    WITH line AS (
        SELECT l.place, l.quantity, p.product_id, p.sku, p.product_name, p.price,
               round(p.price * l.quantity * coalesce(l.discount_percent, 0) / 100, 2) AS discount
          FROM ROWS FROM (jsonb_to_recordset(wanted) AS (quantity integer, discount_percent numeric)) WITH ORDINALITY AS l (quantity, discount_percent, place)
          JOIN retail.products p ON p.store_id = in_store AND p.product_id = picked[l.place]),
    summed AS (SELECT *, price * quantity - discount AS total, sum(price * quantity - discount) OVER (ORDER BY place) AS running FROM line),
    -- Tax is rounded once, on the receipt; each line gets what it adds to it, so that they share it to the cent.
    taxed AS MATERIALIZED (SELECT *, round(running * tax_rate, 2) - round((running - total) * tax_rate, 2) AS tax FROM summed),
    sale AS (
        INSERT INTO retail.sales_transactions
               (store_id, customer_id, transaction_date, transaction_type, payment_method, subtotal, tax_amount, discount_amount, total_amount,
                cashier_id, register_id, receipt_number, created_at)
        SELECT in_store, buyer, moment, 'sale', paid_by, sum(total), sum(tax), sum(discount), sum(total) + sum(tax),
               cashier, register, 'RCP' || lpad(number::text, greatest(8, length(number::text)), '0'), moment
          FROM taxed
        RETURNING *),
    items AS (
        INSERT INTO retail.sales_transaction_items
               (store_id, transaction_id, product_id, quantity, unit_price, total_price, discount_amount, tax_amount, created_at)
        SELECT in_store, sale.transaction_id, product_id, quantity, price, total, discount, tax, moment FROM sale, taxed),
    shelf AS (
        UPDATE retail.products p SET current_stock = p.current_stock - taken.units
          FROM (SELECT product_id, sum(quantity)::integer AS units FROM taxed GROUP BY product_id) AS taken
         WHERE p.store_id = in_store AND p.product_id = taken.product_id
        RETURNING p.product_id, p.current_stock),
    spent AS (
        UPDATE retail.customers c SET total_lifetime_value = coalesce(c.total_lifetime_value, 0) + sale.total_amount
          FROM sale WHERE c.store_id = in_store AND c.customer_id = buyer)
    SELECT jsonb_build_object(
               'store_id', in_store, 'transaction_id', sale.transaction_id, 'receipt_number', sale.receipt_number, 'sold_at', moment,
               'lines', (SELECT jsonb_agg(jsonb_build_object('sku', sku, 'product_name', product_name, 'quantity', quantity, 'unit_price', price,
                                                             'discount', discount, 'total', total, 'stock_left', shelf.current_stock) ORDER BY place)
                           FROM taxed JOIN shelf USING (product_id)),
               'subtotal', sale.subtotal, 'discount', sale.discount_amount, 'tax', sale.tax_amount, 'total', sale.total_amount,
               'currency', (SELECT currency FROM retail.stores WHERE store_id = in_store), 'already_recorded', false)
      INTO answer FROM sale;
    RETURN retail.keep_idempotent_write(in_store, by_key, hash, answer);
END
$$;
COMMENT ON FUNCTION retail.record_sale IS 'Records a sale and takes its goods from stock, once per key: the receipt, or {"refused": why}.';

REVOKE ALL ON FUNCTION retail.find_idempotent_write(text, text, bytea), retail.keep_idempotent_write(text, text, bytea, jsonb),
    retail.adjust_stock(text, text, bytea, uuid, text, integer, integer, integer, text, text),
    retail.record_sale(text, text, bytea, jsonb, text, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.find_idempotent_write(text, text, bytea), retail.keep_idempotent_write(text, text, bytea, jsonb),
    retail.adjust_stock(text, text, bytea, uuid, text, integer, integer, integer, text, text),
    retail.record_sale(text, text, bytea, jsonb, text, uuid, text, text) TO mcp_user;
