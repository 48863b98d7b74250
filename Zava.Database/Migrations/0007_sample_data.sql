-- What the seeder loaded, so that it loads once.

CREATE TABLE retail.sample_data (
    loaded_at TIMESTAMP WITH TIME ZONE PRIMARY KEY DEFAULT CURRENT_TIMESTAMP,
    scale INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    as_of DATE NOT NULL
);
COMMENT ON TABLE retail.sample_data IS 'Arguments of the sample data in this database; empty where the data is a retailer''s own.';
GRANT SELECT ON retail.sample_data, retail.schema_versions TO zava_backup;
