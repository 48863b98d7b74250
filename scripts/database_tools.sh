# What backup_database.sh and restore_database.sh share; sourced by them.
# shellcheck shell=bash

# Standard error belongs to the operator, standard output to the result.
say() { printf '%s\n' "$*" >&2; }
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }

# libpq reads the password from the environment: it is on no command line and in no log.
export PGHOST="${POSTGRES_HOST:-localhost}" PGPORT="${POSTGRES_PORT:-5432}" PGUSER="${POSTGRES_USER:-postgres}"
[ -z "${POSTGRES_PASSWORD:-}" ] || export PGPASSWORD="$POSTGRES_PASSWORD"
# Rows are compared as text, which has to be the same on both sides.
export PGTZ=UTC PGDATESTYLE=ISO PGCLIENTENCODING=UTF8 PGAPPNAME=zava-backup
live=${POSTGRES_DB:-retail_db}

# The newest client programs: pg_dump refuses a server that is newer than itself.
for bin in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    [ ! -x "$bin/pg_dump" ] || { PATH="$bin:$PATH"; break; }
done
for tool in psql pg_dump pg_restore sha256sum; do
    command -v "$tool" > /dev/null || fail "$tool is missing: install the PostgreSQL client programs (Debian: postgresql-client)."
done

sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }

# Tables of the shop with what is to be compared: rows, and a sum of 64 bits of each row's SHA-256, whatever their order. As
# zava_backup, whose policies let it read every row; the keys of sealed contexts and what hangs on them are in no backup.
table_sums='
SET ROLE zava_backup;
SET extra_float_digits = 1;
SELECT format($$SELECT %L, count(*), coalesce(sum((%s || encode(substr(sha256(convert_to(t::text, %L)), 1, 8), %L))::bit(64)::bigint::numeric), 0) FROM retail.%I t$$,
              relname, $$chr(120)$$, $$UTF8$$, $$hex$$, relname)
  FROM pg_class
 WHERE relnamespace = $$retail$$::regnamespace AND relkind = $$r$$ AND relname NOT IN ($$context_keys$$, $$query_logins$$)
 ORDER BY relname COLLATE "C" \gexec'

# Roles are made where they are missing, and those that are there are left alone: they may be in use. Without passwords: the
# seeder sets them, and a verifier in a backup could be attacked at leisure.
dump_roles="
SELECT format('DO \$\$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %L) THEN CREATE ROLE %I %s %s; %s END IF; END \$\$;', rolname, rolname,
              CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
              (SELECT string_agg(format('GRANT %I TO %I;', g.rolname, r.rolname), ' ' ORDER BY g.rolname)
                 FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid AND g.rolname ~ '^zava_'))
  FROM pg_roles r WHERE rolname ~ '^(mcp_user|zava_(owner|keeper|audit|query|monitor|worker|seeder|maintenance|backup|ops|q_[0-9a-f]+))\$' ORDER BY rolcanlogin, rolname COLLATE \"C\";
SELECT format('DO \$\$ BEGIN EXECUTE format(''REVOKE ALL ON DATABASE %%I FROM PUBLIC'', current_database()); END \$\$;');
SELECT format('DO \$\$ BEGIN EXECUTE format(''GRANT %s ON DATABASE %%I TO %I'', current_database()); END \$\$;', string_agg(privilege_type, ', ' ORDER BY privilege_type), r.rolname)
  FROM pg_database d, aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE datname = current_database() AND r.rolname ~ '^(mcp_user|zava_)' AND a.grantee <> d.datdba GROUP BY r.rolname ORDER BY r.rolname COLLATE \"C\";"
