#!/bin/sh
# Downloads Debian packages of any architecture and suite without root and without touching the host's apt.
#
#     cross/debian-fetch.sh ARCHITECTURE SUITE FOLDER PACKAGE[=VERSION]...
#
# The mirror is the one that this machine's apt already uses. The private lists are kept in
# FOLDER/apt-ARCHITECTURE-SUITE, the packages come to lie in FOLDER. Prints one file name per line. DEBIAN_KEYRING names
# another keyring than Debian's own package of it.
set -eu

fail() {
    echo "debian-fetch: $*" >&2
    exit 1
}

[ $# -ge 4 ] || fail "usage: debian-fetch.sh ARCHITECTURE SUITE FOLDER PACKAGE[=VERSION]..."
arch=$1 suite=$2 folder=$3
shift 3
command -v apt-get >/dev/null || fail "apt-get is not here; this route needs Debian or Ubuntu"

# shellcheck disable=SC2016  # the names in $( ) are apt's own
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1)
[ -n "$mirror" ] || fail "this machine's apt has no Debian mirror; add one to its sources and run apt-get update"
keys=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
[ -r "$keys" ] || fail "$keys is missing; apt-get install debian-archive-keyring"

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
root=$folder/apt-$arch-$suite
mkdir -p "$root/lists/partial" "$root/cache/archives/partial" "$root/etc/sources.list.d" "$root/etc/preferences.d"
: >"$root/status"
echo "deb [signed-by=$keys] $mirror $suite main" >"$root/etc/sources.list"
cat >"$root/apt.conf" <<END
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "$root";
Dir::State::lists "$root/lists";
Dir::State::status "$root/status";
Dir::Cache "$root/cache";
Dir::Etc "$root/etc";
Dir::Etc::sourcelist "$root/etc/sources.list";
Dir::Etc::sourceparts "$root/etc/sources.list.d";
Dir::Etc::preferencesparts "$root/etc/preferences.d";
END
APT_CONFIG=$root/apt.conf
export APT_CONFIG
apt-get -q update >"$root/log" 2>&1 || fail "the lists of $suite cannot be had from $mirror: $(grep -m 1 '^E:' "$root/log")"
# into a folder of its own first: other architectures and versions of the same name may lie there
new=$root/new
for package in "$@"; do
    rm -rf "$new"
    mkdir "$new"
    (cd "$new" && apt-get -q download "$package") >"$root/log" 2>&1 ||
        fail "$package for $arch cannot be had from $suite: $(grep -m 1 '^E:' "$root/log")"
    for file in "$new"/*.deb; do
        mv "$file" "$folder/" || fail "$file cannot be moved to $folder; is the disk full?"
        echo "$folder/${file##*/}"
    done
done
