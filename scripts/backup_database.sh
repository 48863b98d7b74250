#!/usr/bin/env bash
# Backs the shop's database up, and proves the backup by restoring it.
#
#   scripts/backup_database.sh
#
# POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
#                        the server (localhost, 5432, retail_db, postgres) and a login that may become zava_backup and make a database
# BACKUP_DIR             where to keep backups (/backups/postgresql)
# RETENTION_DAYS         how long, here and in Azure (30)
# AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY
#                        if both are set, the backup is also kept in the container database-backups of that account
#
# A backup is four files: .dump (pg_dump's custom format), .roles.sql, .manifest (rows and a sum for each table) and .sha256,
# which is written last: what has none is no backup. It prints the name of the dump.
set -euo pipefail
umask 077 # customers' data
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/database_tools.sh
. "$here/database_tools.sh"

[ $# = 0 ] || fail "backup_database.sh takes no arguments; settings are environment variables."
folder=${BACKUP_DIR:-/backups/postgresql}
days=${RETENTION_DAYS:-30}
[[ $days =~ ^[1-9][0-9]{0,4}$ ]] || fail "RETENTION_DAYS must be a number of days from 1, not '$days'."
mkdir -p "$folder" || fail "BACKUP_DIR $folder cannot be made."
name=retail_backup_$(date -u +%Y%m%d_%H%M%S)
work=$(mktemp -d "$folder/.$name.XXXXXX")
scratch=zava_verify_$$
trap 'rm -rf "$work"; [ -z "${verifying:-}" ] || sql --dbname=postgres --command="DROP DATABASE IF EXISTS $scratch" > /dev/null 2>&1 || :' EXIT

# A table that zava_backup cannot read in full would be dumped in part, without a word.
unread=$(sql --dbname="$live" --command="
    SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c
     WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('context_keys', 'query_logins')
       AND (NOT has_table_privilege('zava_backup', c.oid, 'SELECT')
            OR c.relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND 'zava_backup'::regrole = ANY (p.polroles)
                                                   AND p.polcmd IN ('r', '*') AND pg_get_expr(p.polqual, p.polrelid) = 'true'))") ||
    fail "$live on $PGHOST:$PGPORT cannot be read as $PGUSER."
[ -z "$unread" ] || fail "zava_backup may not read all of retail: $unread. Nothing was written."

# One snapshot for dump, sums and roles: a session keeps it open until the dump is done.
say "Backing up $live on $PGHOST:$PGPORT …"
coproc keeper { sql --dbname="$live"; }
printf '%s\n' 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();' >&"${keeper[1]}"
IFS= read -r snapshot <&"${keeper[0]}" || fail "No snapshot of $live could be taken."
pg_dump --dbname="$live" --role=zava_backup --enable-row-security --snapshot="$snapshot" --format=custom --no-blobs --no-publications --no-subscriptions \
    --exclude-table-data=retail.context_keys --exclude-table-data=retail.query_logins --file="$work/$name.dump" ||
    fail "pg_dump failed; nothing was kept."
{
    printf 'database %s\nserver %s\ncontext_keys %s\n' "$live" "$(sql --dbname="$live" --command='SHOW server_version')" \
        "$(sql --dbname="$live" --command="SET ROLE zava_backup; SELECT string_agg(id, ',' ORDER BY id) FROM retail.context_key_ids() AS id")"
    sql --dbname="$live" --field-separator=' ' <<< "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '$snapshot'; $table_sums" | sed 's/^/table /'
} > "$work/$name.manifest"
sql --dbname="$live" --command="$dump_roles" > "$work/$name.roles.sql"
printf '%s\n' 'COMMIT;' '\q' >&"${keeper[1]}"
(cd "$work" && sha256sum "$name.dump" "$name.roles.sql" "$name.manifest" > "$name.sha256")

say "Verifying: restoring it into $scratch …"
verifying=yes
POSTGRES_DB=$live bash "$here/restore_database.sh" "$work/$name.dump" "$scratch" > /dev/null || fail "The backup could not be restored; nothing was kept."
sql --dbname=postgres --command="DROP DATABASE $scratch"
verifying=
for part in dump roles.sql manifest sha256; do mv "$work/$name.$part" "$folder/$name.$part"; done

if [ -n "${AZURE_STORAGE_ACCOUNT:-}" ] && [ -n "${AZURE_STORAGE_KEY:-}" ]; then
    # az reads account and key from the environment.
    command -v az > /dev/null || fail "$folder/$name.dump is good, but was not uploaded: az, the Azure CLI, is missing."
    say "Uploading to the container database-backups of $AZURE_STORAGE_ACCOUNT …"
    for part in dump roles.sql manifest sha256; do
        az storage blob upload --container-name database-backups --name "$name.$part" --file "$folder/$name.$part" --only-show-errors > /dev/null ||
            fail "$folder/$name.dump is good, but $name.$part was not uploaded."
    done
    before=$(date -u -d "$days days ago" +%Y-%m-%dT%H:%M:%SZ)
    az storage blob list --container-name database-backups --prefix retail_backup_ --num-results '*' --only-show-errors --output tsv \
        --query "[?properties.lastModified < '$before'].name" |
        while IFS= read -r old; do az storage blob delete --container-name database-backups --name "$old" --only-show-errors > /dev/null < /dev/null; done
fi

find "$folder" -maxdepth 1 -name 'retail_backup_*' -type f -mtime "+$days" -delete
say "Backed up: $(du -h "$folder/$name.dump" | cut -f1), $(grep -c '^table ' "$folder/$name.manifest") tables, $(awk '$1 == "table" { rows += $3 } END { print rows + 0 }' "$folder/$name.manifest") rows."
printf '%s\n' "$folder/$name.dump"
