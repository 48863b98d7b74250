#!/bin/sh
# Migrates a deployed database: starts the seeder's Container Apps job and waits until it has ended. It can be run again at any time.
# azd runs it after each deployment; after aspire deploy, run it by hand.
#
# AZURE_RESOURCE_GROUP  where the application is (azd sets it)
# SEEDER_TIMEOUT        seconds to wait (900)
set -eu
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }

group=${AZURE_RESOURCE_GROUP:?"set it to the resource group of the application"}
timeout=${SEEDER_TIMEOUT:-900}
command -v az > /dev/null || fail "az is missing: install the Azure CLI, sign in with az login, and run this again."

execution=$(az containerapp job start --name seeder --resource-group "$group" --query name --output tsv) ||
    fail "The job seeder in $group could not be started; see the message above."
printf 'Seeder started: %s\n' "$execution"

waited=0
while :; do
    status=$(az containerapp job execution show --name seeder --resource-group "$group" --job-execution-name "$execution" \
        --query properties.status --output tsv) || status=Unknown
    case $status in
    Succeeded) echo "The database is migrated. The services become ready by themselves."; exit 0 ;;
    Failed | Stopped | Degraded) fail "The seeder ended as $status: see its log (az containerapp job logs show --name seeder --container seeder --execution $execution --resource-group $group)." ;;
    esac
    [ "$waited" -lt "$timeout" ] || fail "The seeder is still $status after $timeout seconds; it goes on."
    sleep 5
    waited=$((waited + 5))
done
