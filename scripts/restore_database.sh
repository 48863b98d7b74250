#!/usr/bin/env bash
# Restores a backup of backup_database.sh into a database of its own and compares every table with what was backed up.
#
#   scripts/restore_database.sh FILE [TARGET] [--replace]
#
# TARGET     the database to make (retail_db_restored). One that an earlier restore made is made anew.
# --replace  needed where TARGET is the live database (POSTGRES_DB), or one that no restore made: it is kept under another name.
#
# POSTGRES_* as for backup_database.sh. Everything is checked before anything is touched, and TARGET appears when all is there.
# Then run the seeder with --no-sample-data: it installs the context key and the passwords, which no backup holds.
set -euo pipefail
umask 077
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/database_tools.sh
. "$here/database_tools.sh"

replace=
arguments=()
for argument; do
    case $argument in
    --replace) replace=yes ;;
    -*) fail "restore_database.sh has no option '$argument'." ;;
    *) arguments+=("$argument") ;;
    esac
done
[ "${#arguments[@]}" -ge 1 ] && [ "${#arguments[@]}" -le 2 ] || fail "usage: restore_database.sh FILE [TARGET] [--replace]"
file=${arguments[0]}
target=${arguments[1]:-retail_db_restored}
[[ $target =~ ^[a-z_][a-z0-9_]{0,39}$ ]] || fail "TARGET must be 1 to 40 small letters, digits and underscores, not '$target'."
case $target in postgres | template0 | template1) fail "TARGET must not be $target." ;; esac
base=${file%.dump}
[ "$base" != "$file" ] || fail "FILE must be a .dump of backup_database.sh, not '$file'."

# The backup is whole and as it was written.
for part in dump roles.sql manifest sha256; do
    [ -f "$base.$part" ] || fail "$base.$part is missing: this is no complete backup. Nothing was touched."
done
for part in dump roles.sql manifest; do
    grep -q "^[0-9a-f]\{64\}  $(basename "$base").$part\$" "$base.sha256" || fail "$base.sha256 has no sum of $(basename "$base").$part. Nothing was touched."
done
(cd "$(dirname "$base")" && sha256sum --check --strict --status "$(basename "$base").sha256") || fail "$file or a file beside it is damaged: the sums differ. Nothing was touched."
pg_restore --list "$file" > /dev/null || fail "$file cannot be read. Nothing was touched."

# Who owns TARGET?
new=${target}_restoring
mark="Restored by restore_database.sh"
there=$(sql --dbname=postgres --command="SELECT coalesce(shobj_description(oid, 'pg_database'), '') = '$mark' FROM pg_database WHERE datname = '$target'") ||
    fail "The server $PGHOST:$PGPORT cannot be reached as $PGUSER."
if [ -n "$there" ] && [ -z "$replace" ]; then
    [ "$target" != "$live" ] || fail "$target is the live database: say --replace to put the backup in its place. Nothing was touched."
    [ "$there" = t ] || fail "The database $target was not made by a restore: name another, or say --replace. Nothing was touched."
fi

say "Restoring $file into $target on $PGHOST:$PGPORT …"
# What a restore that was interrupted left.
sql --dbname=postgres --command="DROP DATABASE IF EXISTS $new" 2> /dev/null || fail "$new, left by another restore, is in use: end that first."
sql --dbname=postgres --command="CREATE DATABASE $new" --command="COMMENT ON DATABASE $new IS '$mark'"
sql --dbname="$new" --file="$base.roles.sql" > /dev/null || fail "The roles could not be made; $target was not touched."
pg_restore --dbname="$new" --exit-on-error --single-transaction "$file" || fail "pg_restore failed; $target was not touched."
sql --dbname="$new" --command='ANALYZE'

say "Comparing every table …"
sums=$(sql --dbname="$new" --field-separator=' ' <<< "$table_sums" | sed 's/^/table /') || fail "The restored tables cannot be read; $target was not touched."
diff <(grep '^table ' "$base.manifest") <(printf '%s\n' "$sums") >&2 || fail "The restored tables differ from those that were backed up (table, rows, sum); $target was not touched."

if [ -n "$there" ] && { [ "$there" != t ] || [ "$target" = "$live" ]; }; then
    kept=${target}_before_$(date -u +%Y%m%d_%H%M%S)
    say "Ending the sessions of $target, which is kept as $kept …"
    # No session may come in between; the names are changed in one transaction.
    sql --dbname=postgres --command="ALTER DATABASE $target ALLOW_CONNECTIONS false" \
        --command="SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$target'" > /dev/null
    sql --dbname=postgres --single-transaction --command="ALTER DATABASE $target RENAME TO $kept" --command="ALTER DATABASE $new RENAME TO $target" ||
        { sql --dbname=postgres --command="ALTER DATABASE $target ALLOW_CONNECTIONS true"; fail "$target could not be replaced: it is as it was."; }
    sql --dbname=postgres --command="ALTER DATABASE $kept ALLOW_CONNECTIONS true" --command="COMMENT ON DATABASE $target IS NULL"
else
    [ -z "$there" ] || sql --dbname=postgres --command="DROP DATABASE $target" || fail "$target is in use: end its sessions and run this again."
    sql --dbname=postgres --command="ALTER DATABASE $new RENAME TO $target"
fi
say "Restored and compared: $target. Its context keys are to be installed: $(sed -n 's/^context_keys //p' "$base.manifest")."
printf '%s\n' "$target"
