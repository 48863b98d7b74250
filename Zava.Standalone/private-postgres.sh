#!/usr/bin/env bash
# A private PostgreSQL cluster for a developer's machine, run as a child process: it listens on the loopback only and
# stops when its standard input closes, so a host that dies in any way leaves nothing running.
#
#   private-postgres.sh bin                   the newest installed PostgreSQL that has pgvector, as a folder
#   private-postgres.sh locate DIR            DIR, or another place when the PostgreSQL user cannot enter it
#   private-postgres.sh init DIR              makes a cluster in DIR unless there is one
#   private-postgres.sh run DIR PORT [K=V…]   runs it in the foreground, with settings beside those of postgresql-settings.sh
set -euo pipefail

# PostgreSQL refuses to run as root: then it is run as the user that its package made.
run_as=()
[ "$(id -u)" != 0 ] || run_as=(setpriv --reuid postgres --regid postgres --init-groups)
clean=(env -i "PATH=$PATH" LANG=C.UTF-8 TZ=UTC)

# 0.8 brought the iterative scans that filtered search needs.
has_pgvector() {
    local control version
    control=$("$1/pg_config" --sharedir)/extension/vector.control
    [ -f "$control" ] || return 1
    version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$control")
    [ "$(printf '%s\n' 0.8 "$version" | sort -V | head -1)" = 0.8 ]
}

postgres_bin() {
    local bin
    for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
        if [ -x "$bin/postgres" ] && has_pgvector "$bin"; then
            echo "$bin"
            return
        fi
    done
    echo "No PostgreSQL server with pgvector 0.8 or newer is installed; ./zava up installs both on Debian and Ubuntu." >&2
    return 1
}

# A cluster is run by the version that made it.
cluster_bin() {
    local bin
    bin=/usr/lib/postgresql/$(cat "$1/data/PG_VERSION")/bin
    [ -x "$bin/postgres" ] || { echo "$1 was made by PostgreSQL $(cat "$1/data/PG_VERSION"), which is no longer installed." >&2; return 1; }
    echo "$bin"
}

# Whether the process that postmaster.pid names is a server of this cluster; a pid can be stale, reused or a zombie's.
server_is_running() {
    tr '\0' ' ' < "/proc/$1/cmdline" 2>/dev/null | grep -qF -- "-D $2/data "
}

stop_server_left_behind() {
    local pid
    [ -f "$1/data/postmaster.pid" ] || return 0
    pid=$(head -1 "$1/data/postmaster.pid")
    if server_is_running "$pid" "$1"; then
        echo "Stopping the PostgreSQL that an earlier run left behind (pid $pid)." >&2
        kill -INT "$pid"
        for _ in $(seq 100); do
            [ -f "$1/data/postmaster.pid" ] || return 0
            sleep .1
        done
        echo "PostgreSQL $pid does not stop; is another ./zava up using it?" >&2
        return 1
    fi
    rm -f "$1/data/postmaster.pid"
}

case ${1:-} in
bin)
    postgres_bin
    ;;
locate)
    mkdir -p "$2"
    dir=$(cd "$2" && pwd -P)
    # Read from / : the working folder itself may be closed to the PostgreSQL user.
    if (cd / && ${run_as[@]+"${run_as[@]}"} test -x "$dir" 2>/dev/null); then
        echo "$dir"
    else
        echo "/var/lib/postgresql/zava-$(printf %s "$dir" | sha256sum | cut -c1-12)"
    fi
    ;;
init)
    dir=$2
    [ ! -f "$dir/data/PG_VERSION" ] || exit 0
    bin=$(postgres_bin)
    umask 077
    mkdir -p "$dir"
    chmod 700 "$dir"
    (od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$dir/password")
    rm -rf "$dir/data.new" # what an interrupted initdb left
    mkdir "$dir/data.new"
    [ "$(id -u)" != 0 ] || chown -R postgres: "$dir"
    cd /
    ${run_as[@]+"${run_as[@]}"} "${clean[@]}" "$bin/initdb" -D "$dir/data.new" -U postgres --auth=scram-sha-256 --pwfile="$dir/password" \
        --encoding=UTF8 --locale=C.UTF-8 > /dev/null
    mv "$dir/data.new" "$dir/data" # only a complete cluster has the name
    ;;
run)
    dir=$2
    port=$3
    shift 3
    umask 077 # the server's log quotes statements
    settings=()
    for setting; do settings+=(-c "$setting"); done
    # Held by the wrapper and not by the server, so that it says whether a host lives, not whether PostgreSQL does.
    exec 9> "$dir/lock"
    flock -n 9 || { echo "$dir is in use by another ./zava; stop that one first." >&2; exit 1; }
    stop_server_left_behind "$dir"
    bin=$(cluster_bin "$dir")
    bash "$(dirname "$0")/postgresql-settings.sh" "$dir/data" > "$dir/zava.conf"
    [ "$(id -u)" != 0 ] || chown postgres: "$dir/zava.conf"
    cd /
    # A session of its own, or Ctrl-C in the terminal would stop PostgreSQL before the services that use it.
    exec setsid ${run_as[@]+"${run_as[@]}"} "${clean[@]}" bash -c '
        trap "" INT HUP
        exec 3<&0
        "$@" </dev/null >>"$0" 2>&1 3<&- 9>&- &
        server=$!
        { cat <&3 >/dev/null; kill -INT $server; } 2>/dev/null &
        wait $server' "$dir/log" "$bin/postgres" -D "$dir/data" -c config_file="$dir/zava.conf" \
        -c "port=$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= ${settings[@]+"${settings[@]}"}
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
