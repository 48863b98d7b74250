-- The tenants and the category tree that all of them share.

GRANT USAGE ON SCHEMA retail TO mcp_user, zava_worker, zava_seeder, zava_maintenance, zava_backup, zava_ops;
-- These two own functions that must run with rights nobody else has.
GRANT USAGE, CREATE ON SCHEMA retail TO zava_keeper, zava_audit;

CREATE FUNCTION retail.touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    NEW.updated_at := statement_timestamp();
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION retail.touch_updated_at() FROM PUBLIC;

-- A row belongs to its store for life: moving it would carry it past the row-level security of one of the two stores.
CREATE FUNCTION retail.keep_store() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION 'store_id of %.% cannot be changed', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation',
              HINT = 'Create the row in the other store instead.';
END
$$;
REVOKE ALL ON FUNCTION retail.keep_store() FROM PUBLIC;

CREATE TABLE retail.stores (
    store_id VARCHAR(50) PRIMARY KEY,
    store_name VARCHAR(100) NOT NULL,
    store_location VARCHAR(100),
    store_type VARCHAR(50),
    region VARCHAR(50),
    time_zone VARCHAR(50) NOT NULL DEFAULT 'America/Los_Angeles',
    currency CHAR(3) NOT NULL DEFAULT 'USD',
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,

    -- Sealed contexts separate fields with | and stores with a comma, and * stands for every store.
    CONSTRAINT store_id_format CHECK (store_id ~ '^[a-z0-9][a-z0-9_-]*$'),
    CONSTRAINT currency_format CHECK (currency ~ '^[A-Z]{3}$')
);
COMMENT ON TABLE retail.stores IS 'The stores of the chain: each is a tenant.';
COMMENT ON COLUMN retail.stores.time_zone IS 'IANA time zone in which the store''s days begin and end';
COMMENT ON COLUMN retail.stores.currency IS 'ISO 4217 code of every amount of the store';

CREATE TRIGGER stores_touch BEFORE UPDATE ON retail.stores FOR EACH ROW EXECUTE FUNCTION retail.touch_updated_at();

INSERT INTO retail.stores (store_id, store_name, store_location, store_type, region) VALUES
    ('seattle', 'Zava Retail Seattle', 'Seattle, WA', 'flagship', 'west'),
    ('redmond', 'Zava Retail Redmond', 'Redmond, WA', 'standard', 'west'),
    ('bellevue', 'Zava Retail Bellevue', 'Bellevue, WA', 'standard', 'west'),
    ('online', 'Zava Retail Online', 'Digital', 'ecommerce', 'global');

CREATE TABLE retail.product_categories (
    category_id SERIAL PRIMARY KEY,
    category_name VARCHAR(100) NOT NULL UNIQUE,
    parent_category_id INTEGER REFERENCES retail.product_categories (category_id),
    description TEXT,
    is_active BOOLEAN NOT NULL DEFAULT TRUE
);
COMMENT ON TABLE retail.product_categories IS 'Seven top-level categories and the sub-categories below them, shared by all stores.';

INSERT INTO retail.product_categories (category_name, description) VALUES
    ('Electronics', 'Electronic devices and accessories'),
    ('Clothing', 'Apparel and fashion items'),
    ('Home & Garden', 'Home improvement and garden supplies'),
    ('Sports & Outdoors', 'Sports equipment and outdoor gear'),
    ('Books & Media', 'Books, movies, and digital media'),
    ('Health & Beauty', 'Health and beauty products'),
    ('Automotive', 'Car parts and automotive accessories');
