# Whether a program was built from what is here now. ./zava sources it; what it cannot tell it lets be built.

# Every file that a build can read, and how it is done. Of a file both times: git, rsync, tar and mv can bring another text with
# an old time of modification, but none of them a time of change (ctime). Only GNU's find prints them; elsewhere this fails.
list_sources() {
    echo "sdk $(command -v dotnet) $(dotnet --version) UseAspire=${UseAspire:-}"
    # The commit is in the version that programs report.
    git rev-parse HEAD 2> /dev/null || true
    list_files . \( -type d \( -name bin -o -name obj -o -name .git -o -name .vs -o -name node_modules \) \
        -o -path './.zava/*' ! -path ./.zava/feed.props \) -prune -o
}

list_files() { find "$@" ! -type d -printf '%p %s %T@ %C@\n' 2> /dev/null | LC_ALL=C sort; }

list_program() { list_files "$1/bin/Release"; }

is_up_to_date() {
    [ -f "$1/bin/built" ] && [ "$(list_sources && list_program "$1")" = "$(cat "$1/bin/built")" ]
}

# Runs a command that builds a program, and remembers what of; an edit that is made meanwhile makes the next build.
remember_build() {
    local program=$1 sources
    shift
    rm -f "$program/bin/built"
    sources=$(list_sources) || sources=
    "$@" || return
    [ -z "$sources" ] || { echo "$sources"; list_program "$program"; } > "$program/bin/built"
}
