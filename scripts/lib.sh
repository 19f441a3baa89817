# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the scripts here: sourced, never run.
set -euo pipefail

# The repository, wherever the script was called from; and where everything that is made goes.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${QEBEK_BUILD:-$top/build}

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Run a command as root: directly, or with sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "must be root for '$*', and there is no sudo"
    fi
}

# The host's own Debian release ("bookworm"), and nothing on other systems.
host_suite() {
    (. /etc/os-release && [ "${ID:-}" = debian ] && printf '%s\n' "${VERSION_CODENAME:-}")
}

# Where this machine gets Debian from, as its own apt is configured (either style of sources file, any mirror): the
# address that its release is taken from.
debian_uri() {
    local suite uri
    suite=$(host_suite) || die "this is not Debian: install the packages by hand and put QEMU 10.0 or newer into PATH"
    uri=$(apt-get indextargets --format '$(RELEASE) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk -v suite="$suite" '$1 == suite || ($2 == suite && $1 !~ /-/) { print $3; exit }')
    [ -n "$uri" ] || die "apt has no source for $suite: check /etc/apt/sources.list and /etc/apt/sources.list.d"
    printf '%s\n' "$uri"
}

# Debian's own keys, which sign every suite of the archive.
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
