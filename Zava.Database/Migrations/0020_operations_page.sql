-- The operations page says which migrations ran; their names are public anyway.
GRANT SELECT (scriptname, applied) ON retail.schema_versions TO mcp_user;
