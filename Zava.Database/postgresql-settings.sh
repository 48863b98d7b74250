#!/usr/bin/env bash
# PostgreSQL's settings, for the container of Zava.AppHost and the private cluster of ./zava up alike: prints a configuration
# file that is sized from the memory of the machine, or of the container that it runs in.
#
#   postgresql-settings.sh DATA_DIRECTORY
#
# ZAVA_POSTGRES_MEMORY  megabytes that are PostgreSQL's (default: a quarter of what there is, because the services share it)
set -euo pipefail
data=${1:?usage: postgresql-settings.sh DATA_DIRECTORY}

# What there is, in MB: the machine's memory, or a container's limit where that is less (cgroup v2, v1).
available() {
    local megabytes limit file
    megabytes=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
        [ -r "$file" ] || continue
        read -r limit < "$file"
        # Without a limit it says max, or a number near 2^63.
        if [[ $limit =~ ^[0-9]{1,18}$ ]] && [ $((limit >> 20)) -lt "$megabytes" ]; then megabytes=$((limit >> 20)); fi
    done
    echo "$megabytes"
}

between() { echo $(($3 < $1 ? $1 : $3 > $2 ? $2 : $3)); }

memory=${ZAVA_POSTGRES_MEMORY:-$(($(available) / 4))}
if ! [[ $memory =~ ^[0-9]{1,8}$ ]] || [ $((10#$memory)) -lt 128 ]; then
    echo "ZAVA_POSTGRES_MEMORY must be a number of megabytes from 128, not '$memory'." >&2
    exit 1
fi
memory=$((10#$memory))
connections=200

cat <<CONF
# Made by postgresql-settings.sh at each start, for $memory MB. What initdb found out (locale, time zone) comes first.
include '$data/postgresql.conf'

# Memory
# A quarter: what is read often stays here, the rest in the system's cache.
shared_buffers = $(between 32 16384 $((memory / 4)))MB
# What the planner may expect to be cached, here or by the system; nothing is allocated.
effective_cache_size = $((memory * 3 / 4))MB
# For each sort and hash, of which a statement may have several: a quarter of the memory if every connection had one.
work_mem = $(between 4 64 $((memory / 4 / connections)))MB
# VACUUM and index builds. A vector index that fits is built about three times as fast as one that does not.
maintenance_work_mem = $(between 64 2048 $((memory / 8)))MB
# Three of them run at once, beside everything else.
autovacuum_work_mem = 64MB
# Parallel queries find room here before /dev/shm, of which a container has 64 MB.
min_dynamic_shared_memory = $(between 0 128 $((memory / 32)))MB
# A vector index built in parallel writes past its memory in pgvector before 0.8.2.
max_parallel_maintenance_workers = 0
# A query that sorts without end fails before it fills the disk. For each session.
temp_file_limit = 4GB

# Connections
# The server's pool of 100, its logins for free SQL, the worker, and people.
max_connections = $connections

# Write-ahead log
# A bulk load's records are written in large pieces.
wal_buffers = 16MB
# Checkpoints by time and not by volume, for this size of shop.
max_wal_size = 1GB

# Planner
# On solid-state disks a random page costs little more than the next one.
random_page_cost = 1.1
# They answer many requests at once.
effective_io_concurrency = 200

# Monitoring
# Statements by total time, for retail.slow_queries. It has to be loaded at the start.
shared_preload_libraries = 'pg_stat_statements'
# Utility statements keep their literals, and those of free SQL may quote anything.
pg_stat_statements.track_utility = off

# Log
# Statements of more than a second. Ours have parameters, and what is in them is left out: they are customers' data.
log_min_duration_statement = 1s
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
# How long a checkpoint took tells of a disk that is too slow.
log_checkpoints = on
# Who came and went, and for how long.
log_connections = on
log_disconnections = on
# A second is a long time to wait for a lock; a sort of 100 MB on disk says that work_mem is too small for it.
log_lock_waits = on
log_temp_files = 100MB
# Time, process and line; then, for sessions, login and database.
log_line_prefix = '%t [%p-%l] %q%u@%d '
CONF
