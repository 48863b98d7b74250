# What start_seeder.sh does, for Windows: starts the seeder's Container Apps job and waits until it has ended.
$ErrorActionPreference = 'Stop'

$group = $env:AZURE_RESOURCE_GROUP
$timeout = if ($env:SEEDER_TIMEOUT) { [int]$env:SEEDER_TIMEOUT } else { 900 }
if (-not $group) { throw 'AZURE_RESOURCE_GROUP is not set: it names the resource group of the application.' }
if (-not (Get-Command az -ErrorAction SilentlyContinue)) { throw 'az is missing: install the Azure CLI, sign in with az login, and run this again.' }

$execution = az containerapp job start --name seeder --resource-group $group --query name --output tsv
if ($LASTEXITCODE -ne 0) { throw "The job seeder in $group could not be started; see the message above." }
Write-Output "Seeder started: $execution"

for ($waited = 0; ; $waited += 5) {
    $status = az containerapp job execution show --name seeder --resource-group $group --job-execution-name $execution --query properties.status --output tsv
    if ($status -eq 'Succeeded') { break }
    if ($status -in 'Failed', 'Stopped', 'Degraded') {
        throw "The seeder ended as ${status}: see its log (az containerapp job logs show --name seeder --container seeder --execution $execution --resource-group $group)."
    }
    if ($waited -ge $timeout) { throw "The seeder is still $status after $timeout seconds; it goes on." }
    Start-Sleep -Seconds 5
}
Write-Output 'The database is migrated. The services become ready by themselves.'
