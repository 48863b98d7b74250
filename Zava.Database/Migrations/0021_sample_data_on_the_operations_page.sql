-- The operations page says which sample data was loaded, and when. It names no store.
GRANT SELECT ON retail.sample_data TO mcp_user;
