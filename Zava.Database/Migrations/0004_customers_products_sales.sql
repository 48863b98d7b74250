-- What a store owns. Every key leads with store_id: a unique or foreign key that spans stores would tell one store,
-- by its error, what another one has.

CREATE TABLE retail.customers (
    customer_id UUID NOT NULL DEFAULT gen_random_uuid(),
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    first_name VARCHAR(50) NOT NULL,
    last_name VARCHAR(50) NOT NULL,
    email VARCHAR(100) NOT NULL,
    phone VARCHAR(20),
    date_of_birth DATE,
    gender VARCHAR(20),
    customer_since DATE DEFAULT CURRENT_DATE,
    loyalty_tier VARCHAR(20) DEFAULT 'bronze',
    total_lifetime_value DECIMAL(10,2) DEFAULT 0.00,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY (store_id, customer_id),
    CONSTRAINT unique_email_per_store UNIQUE (store_id, email)
);
COMMENT ON TABLE retail.customers IS 'People who buy in a store, with loyalty tier and lifetime value.';
COMMENT ON COLUMN retail.customers.total_lifetime_value IS 'Sum of the customer''s transaction totals (returns are negative), in the store''s currency';

CREATE INDEX idx_customers_loyalty_tier ON retail.customers (store_id, loyalty_tier);
CREATE INDEX idx_customers_created_at ON retail.customers (store_id, created_at);

CREATE TABLE retail.products (
    product_id UUID NOT NULL DEFAULT gen_random_uuid(),
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    sku VARCHAR(50) NOT NULL,
    product_name VARCHAR(200) NOT NULL,
    product_description TEXT,
    category_id INTEGER REFERENCES retail.product_categories (category_id),
    brand VARCHAR(100),
    model VARCHAR(100),
    color VARCHAR(50),
    size VARCHAR(50),
    weight_kg DECIMAL(8,3),
    dimensions_cm VARCHAR(50),
    price DECIMAL(10,2) NOT NULL,
    cost DECIMAL(10,2),
    current_stock INTEGER DEFAULT 0,
    minimum_stock INTEGER DEFAULT 0,
    maximum_stock INTEGER DEFAULT 1000,
    reorder_point INTEGER DEFAULT 10,
    supplier_name VARCHAR(100),
    supplier_sku VARCHAR(50),
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    is_featured BOOLEAN NOT NULL DEFAULT FALSE,
    rating_average DECIMAL(3,2) DEFAULT 0.00,
    rating_count INTEGER DEFAULT 0,
    tags TEXT[],
    metadata JSONB,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY (store_id, product_id),
    CONSTRAINT unique_sku_per_store UNIQUE (store_id, sku)
);
COMMENT ON TABLE retail.products IS 'What each store sells: one row per store and SKU, with price, stock and rating.';
COMMENT ON COLUMN retail.products.dimensions_cm IS 'Packed length x width x height, such as 30x20x15';
COMMENT ON COLUMN retail.products.price IS 'Shelf price before tax, in the store''s currency';
COMMENT ON COLUMN retail.products.cost IS 'What the store paid for one unit, in the store''s currency';
COMMENT ON COLUMN retail.products.reorder_point IS 'Stock level at or below which to order again';
COMMENT ON COLUMN retail.products.rating_average IS 'Average customer rating, 0 to 5';

CREATE INDEX idx_products_category ON retail.products (store_id, category_id);
CREATE INDEX idx_products_brand ON retail.products (store_id, brand);
CREATE INDEX idx_products_price ON retail.products (store_id, price);
CREATE INDEX idx_products_stock ON retail.products (store_id, current_stock);
CREATE INDEX idx_products_active ON retail.products (store_id) WHERE is_active = TRUE;
CREATE INDEX idx_products_featured ON retail.products (store_id) WHERE is_featured = TRUE;
CREATE INDEX idx_products_tags ON retail.products USING GIN (tags);
CREATE INDEX idx_products_metadata ON retail.products USING GIN (metadata);
CREATE INDEX idx_products_text_search ON retail.products USING GIN (
    to_tsvector('english', product_name || ' ' || COALESCE(product_description, '') || ' ' || COALESCE(brand, ''))
);

CREATE TABLE retail.sales_transactions (
    transaction_id UUID NOT NULL DEFAULT gen_random_uuid(),
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    customer_id UUID,
    transaction_date TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    transaction_type VARCHAR(20) NOT NULL DEFAULT 'sale',
    payment_method VARCHAR(50),
    subtotal DECIMAL(10,2) NOT NULL,
    tax_amount DECIMAL(10,2) NOT NULL DEFAULT 0.00,
    discount_amount DECIMAL(10,2) NOT NULL DEFAULT 0.00,
    total_amount DECIMAL(10,2) NOT NULL,
    cashier_id VARCHAR(50),
    register_id VARCHAR(50),
    receipt_number VARCHAR(50),
    notes TEXT,
    metadata JSONB,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY (store_id, transaction_id),
    FOREIGN KEY (store_id, customer_id) REFERENCES retail.customers (store_id, customer_id),
    CONSTRAINT unique_receipt_per_store UNIQUE (store_id, receipt_number),
    CONSTRAINT known_transaction_type CHECK (transaction_type IN ('sale', 'return', 'exchange')),
    CONSTRAINT total_is_subtotal_plus_tax CHECK (total_amount = subtotal + tax_amount),
    CONSTRAINT sign_follows_type CHECK (
        CASE transaction_type WHEN 'sale' THEN subtotal >= 0 WHEN 'return' THEN subtotal <= 0 ELSE TRUE END)
);
COMMENT ON TABLE retail.sales_transactions IS 'Receipts: sales, returns and exchanges. Amounts are signed: a return is negative, so sums are net.';
COMMENT ON COLUMN retail.sales_transactions.transaction_type IS 'sale, return or exchange';
COMMENT ON COLUMN retail.sales_transactions.payment_method IS 'cash, credit_card, debit_card or digital_wallet';
COMMENT ON COLUMN retail.sales_transactions.subtotal IS 'Signed sum of the line totals, after discounts, before tax';
COMMENT ON COLUMN retail.sales_transactions.discount_amount IS 'Signed sum of the line discounts, already taken off subtotal';
COMMENT ON COLUMN retail.sales_transactions.total_amount IS 'subtotal + tax_amount';

CREATE INDEX idx_sales_transactions_customer_id ON retail.sales_transactions (store_id, customer_id);
CREATE INDEX idx_sales_transactions_date ON retail.sales_transactions (store_id, transaction_date);
CREATE INDEX idx_sales_transactions_type ON retail.sales_transactions (store_id, transaction_type);
CREATE INDEX idx_sales_transactions_payment ON retail.sales_transactions (store_id, payment_method);

CREATE TABLE retail.sales_transaction_items (
    item_id UUID NOT NULL DEFAULT gen_random_uuid(),
    store_id VARCHAR(50) NOT NULL REFERENCES retail.stores (store_id),
    transaction_id UUID NOT NULL,
    product_id UUID NOT NULL,
    line_type VARCHAR(10) NOT NULL DEFAULT 'sold',
    original_item_id UUID,
    quantity INTEGER NOT NULL DEFAULT 1,
    unit_price DECIMAL(10,2) NOT NULL,
    total_price DECIMAL(10,2) NOT NULL,
    discount_amount DECIMAL(10,2) NOT NULL DEFAULT 0.00,
    tax_amount DECIMAL(10,2) NOT NULL DEFAULT 0.00,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY (store_id, item_id),
    FOREIGN KEY (store_id, transaction_id) REFERENCES retail.sales_transactions (store_id, transaction_id) ON DELETE CASCADE,
    FOREIGN KEY (store_id, product_id) REFERENCES retail.products (store_id, product_id),
    FOREIGN KEY (store_id, original_item_id) REFERENCES retail.sales_transaction_items (store_id, item_id),
    CONSTRAINT positive_quantity CHECK (quantity > 0),
    CONSTRAINT positive_unit_price CHECK (unit_price >= 0),
    CONSTRAINT positive_total_price CHECK (total_price >= 0),
    CONSTRAINT total_is_price_less_discount CHECK (total_price = quantity * unit_price - discount_amount),
    CONSTRAINT known_line_type CHECK (line_type IN ('sold', 'returned')),
    CONSTRAINT returned_line_names_original CHECK ((line_type = 'returned') = (original_item_id IS NOT NULL))
);
COMMENT ON TABLE retail.sales_transaction_items IS 'Lines of receipts. Amounts are positive; line_type says whether goods went out or came back.';
COMMENT ON COLUMN retail.sales_transaction_items.line_type IS 'sold or returned';
COMMENT ON COLUMN retail.sales_transaction_items.original_item_id IS 'For a returned line, the sold line it returns';
COMMENT ON COLUMN retail.sales_transaction_items.total_price IS 'quantity x unit_price - discount_amount, before tax';
COMMENT ON COLUMN retail.sales_transaction_items.tax_amount IS 'The line''s share of the receipt''s tax';

CREATE INDEX idx_sales_transaction_items_transaction_id ON retail.sales_transaction_items (store_id, transaction_id);
CREATE INDEX idx_sales_transaction_items_product_id ON retail.sales_transaction_items (store_id, product_id);
CREATE INDEX idx_sales_transaction_items_original_item_id ON retail.sales_transaction_items (store_id, original_item_id)
    WHERE original_item_id IS NOT NULL;

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['customers', 'products'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON retail.%I FOR EACH ROW EXECUTE FUNCTION retail.touch_updated_at()',
                       tenant_table || '_touch', tenant_table);
    END LOOP;
    FOREACH tenant_table IN ARRAY ARRAY['customers', 'products', 'sales_transactions', 'sales_transaction_items'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON retail.%I FOR EACH ROW
                        WHEN (OLD.store_id <> NEW.store_id) EXECUTE FUNCTION retail.keep_store()',
                       tenant_table || '_keep_store', tenant_table);
    END LOOP;
END
$$;

CREATE TRIGGER stores_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON retail.stores
    FOR EACH ROW EXECUTE FUNCTION retail.audit_trigger('store_id');
CREATE TRIGGER customers_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON retail.customers
    FOR EACH ROW EXECUTE FUNCTION retail.audit_trigger('customer_id');
CREATE TRIGGER products_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON retail.products
    FOR EACH ROW EXECUTE FUNCTION retail.audit_trigger('product_id');
CREATE TRIGGER sales_transactions_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON retail.sales_transactions
    FOR EACH ROW EXECUTE FUNCTION retail.audit_trigger('transaction_id');
CREATE TRIGGER sales_transaction_items_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON retail.sales_transaction_items
    FOR EACH ROW EXECUTE FUNCTION retail.audit_trigger('item_id');

-- Estimates are made from statistics of all rows, whoever asks: EXPLAIN would confirm that a value is frequent in some
-- store. What names people or gives a shop's trade away has none.
ALTER TABLE retail.customers
    ALTER COLUMN first_name SET STATISTICS 0, ALTER COLUMN last_name SET STATISTICS 0, ALTER COLUMN email SET STATISTICS 0,
    ALTER COLUMN phone SET STATISTICS 0, ALTER COLUMN date_of_birth SET STATISTICS 0;
ALTER TABLE retail.products
    ALTER COLUMN sku SET STATISTICS 0, ALTER COLUMN product_name SET STATISTICS 0, ALTER COLUMN product_description SET STATISTICS 0,
    ALTER COLUMN price SET STATISTICS 0, ALTER COLUMN cost SET STATISTICS 0,
    ALTER COLUMN supplier_name SET STATISTICS 0, ALTER COLUMN supplier_sku SET STATISTICS 0;
ALTER TABLE retail.sales_transactions
    ALTER COLUMN cashier_id SET STATISTICS 0, ALTER COLUMN receipt_number SET STATISTICS 0, ALTER COLUMN notes SET STATISTICS 0;
ALTER INDEX retail.idx_products_text_search ALTER COLUMN 1 SET STATISTICS 0;
