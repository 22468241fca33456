# shellcheck shell=bash
# Shared by the scripts beside it: source it, do not run it.
# Promises: ROOT is the top of the checkout, BIN its virtual environment; what is said for people goes to stderr.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # read by the scripts that source this
BIN=$ROOT/.venv/bin
# Of the machine, not of the checkout: there is one engine for all of them.
# shellcheck disable=SC2034
STATE=${CUBE_SCRIPTS_STATE:-/var/run/cube-scripts}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Print the comment at the top of the calling script: it is the help text.
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

# apt_install PACKAGE...: install those that are missing. On failure: apt's last lines, and exit 1.
apt_install() {
    local missing=() package log
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "install ${missing[*]} first: there is no apt-get here to do it"
    [ "$(id -u)" = 0 ] || fail "install ${missing[*]} first: only root can (apt-get install ${missing[*]})"
    say "installing ${missing[*]} with apt-get"
    log=$(mktemp)
    if ! {
        apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install ${missing[*]}"
    fi
    rm -f "$log"
}

# runs PID PROGRAM: whether that process lives and is that program. One that ended and was never waited for is dead.
runs() {
    local status
    status=$(cat "/proc/$1/status" 2>/dev/null) || return 1
    grep -q "^Name:[[:space:]]$2\$" <<<"$status" && ! grep -q '^State:[[:space:]]Z' <<<"$status"
}

# started_at PID: when the kernel started it, in clock ticks. With the pid it names one process for ever.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20 || true; }
