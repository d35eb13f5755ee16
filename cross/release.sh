#!/bin/sh
# Makes a release: the three packages by the zig route, what they consist of, and their checksums, in target/release-VERSION.
#
#     cross/release.sh [--advisories FOLDER | --advisories-unchecked] [--tree-as-it-is]
#
#     --advisories FOLDER       a clone of the RustSec database on this machine, instead of fetching it
#     --advisories-unchecked    release although nobody looked for known holes; the release says so in a file of its own
#     --tree-as-it-is           also with changes that are not committed; the release says so in its name
#
# It ends with an error at the first thing that does not hold: licences, sources and known holes of every dependency
# (deny.toml), glibc at most 2.31, binaries for ARM under 10 MB, packages under 4 MB, lintian without a word.
set -eu

DENY=0.20.2      # cargo-deny
CYCLONEDX=0.5.9  # cargo-cyclonedx
DATABASE=https://github.com/RustSec/advisory-db
FLOOR=2.31       # Debian 11, Raspberry Pi OS 11, Ubuntu 20.04
BINARY=10000000  # bytes, on the boxes; a PC has room
PACKAGE=4000000

fail() {
    echo "release.sh: $*" >&2
    exit 1
}

say() {
    echo "== $*"
}

advisories='' unchecked='' dirty=''
while [ $# -gt 0 ]; do
    case $1 in
    --advisories)
        [ -d "${2:-}" ] || fail "--advisories wants the folder of a RustSec database"
        advisories=$(cd "$2" && pwd)
        shift
        ;;
    --advisories-unchecked) unchecked=yes ;;
    --tree-as-it-is) dirty=yes ;;
    *) fail "$1 is not known; expected: cross/release.sh [--advisories FOLDER | --advisories-unchecked] [--tree-as-it-is]" ;;
    esac
    shift
done

cd "$(dirname "$0")/.."
for tool in cargo git lintian dpkg-deb sha256sum python3; do
    command -v $tool >/dev/null || fail "$tool is missing; run: apt-get install git lintian dpkg coreutils python3 (cargo: rustup)"
done
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
commit=$(git rev-parse HEAD)
mark=''
if [ -n "$(git status --porcelain)" ]; then
    [ -n "$dirty" ] || fail "the tree has changes that are not committed; commit them, or say --tree-as-it-is"
    mark=-changed
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/cross
made=$target/release-$version$mark
part=$made.part
rm -rf "$part"
trap 'rm -rf "$part"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$part"

# --- tools of the languages' own registry, in a folder of their own
PATH=$work/tools/bin:$PATH
export PATH
have() {
    cargo "$1" --version 2>/dev/null | grep -q " $2\$" && return
    say "cargo-$1 $2 is built once (a few minutes)"
    cargo install --quiet --locked --version "$2" --root "$work/tools" "cargo-$1" ||
        fail "cargo-$1 $2 could not be installed; the lines above say why (is the crates registry reachable?)"
}
have deny $DENY
have cyclonedx $CYCLONEDX

# what is looked at offline below must be here, for every target
cargo fetch --locked --quiet || fail "the dependencies cannot be fetched; the lines above say why (is the crates registry reachable?)"

say "licences, sources and bans of $(grep -c '^\[\[package\]\]' Cargo.lock) packages"
cargo deny --locked --offline check licenses bans sources || fail "deny.toml is not kept; the lines above say by what"

say "known holes"
if [ -n "$unchecked" ]; then
    echo "NOT CHECKED, as it was asked for"
    echo "Nobody looked for known holes in the dependencies of this release (--advisories-unchecked)." >"$part/ADVISORIES-UNCHECKED"
elif [ -n "$advisories" ]; then
    # cargo-deny takes no folder for an address, but has git do the fetching
    sed "s|^\[advisories\]|&\ndb-path = \"$part/advisories\"|" deny.toml >"$part/deny.toml"
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$advisories.insteadOf" GIT_CONFIG_VALUE_0=$DATABASE \
        cargo deny --locked --config "$part/deny.toml" check advisories ||
        fail "there are known holes, or $advisories is no RustSec database in git; the lines above say which"
    git -C "$advisories" log -1 --format='RustSec advisory database %H of %cI' >"$part/advisories.txt"
    rm -rf "$part/advisories" "$part/deny.toml"
else
    cargo deny --locked check advisories ||
        fail "there are known holes, or the database could not be fetched (the lines above say which); a copy on this machine: --advisories FOLDER; without a look: --advisories-unchecked"
fi

say "packages"
[ -n "${DEBEMAIL:-}" ] || echo "note: they name no person who answers for them; DEBFULLNAME and DEBEMAIL do"
LINKER=zig GLIBC=$FLOOR cross/build.sh all --deb
for arch in arm64 armhf amd64; do
    package=$work/scalecam_$version-1_$arch.deb
    [ -e "$package" ] || fail "$package was not made"
    dpkg-deb -x "$package" "$part/tree"
    binary=$part/tree/usr/bin/scalecam
    glibc=$(LC_ALL=C grep -ao 'GLIBC_2\.[0-9]*' "$binary" | sort -Vu | tail -n 1 | sed s/GLIBC_//)
    [ "$(printf '%s\n' $FLOOR "$glibc" | sort -V | tail -n 1)" = $FLOOR ] || fail "$arch needs glibc $glibc, more than $FLOOR"
    size=$(wc -c <"$binary") whole=$(wc -c <"$package")
    [ "$size" -lt $BINARY ] || [ $arch = amd64 ] || fail "the binary for $arch has $size bytes; the limit is $BINARY"
    [ "$whole" -lt $PACKAGE ] || fail "the package for $arch has $whole bytes; the limit is $PACKAGE"
    rm -rf "$part/tree"
    lintian --allow-root --fail-on error,warning "$package" || fail "lintian has something to say about $package"
    cp "$package" "$part/"
    echo "   $arch: binary $size bytes, package $whole bytes, glibc $glibc, lintian clean"
done

say "what it consists of"
# it writes beside Cargo.toml, whatever it is told
trap 'rm -rf "$part" scalecam-bom.json' EXIT
cargo cyclonedx --quiet --format json --spec-version 1.5 --target all --override-filename scalecam-bom ||
    fail "the list of parts could not be made; the lines above say why"
mv scalecam-bom.json "$part/scalecam-$version.cdx.json"
python3 - "$part/scalecam-$version.cdx.json" <<'PYTHON' || fail "the list of parts is not what it should be"
import json, sys
bom = json.load(open(sys.argv[1]))
assert bom["bomFormat"] == "CycloneDX" and bom["metadata"]["component"]["name"] == "scalecam"
print(f"   {len(bom['components'])} parts, CycloneDX {bom['specVersion']}")
PYTHON

echo "$commit$mark" >"$part/COMMIT"
(cd "$part" && sha256sum -- * >../sums.part && mv ../sums.part SHA256SUMS)
rm -rf "$made"
mv "$part" "$made"
say "made from $commit$mark, in $made; sign SHA256SUMS before you publish it"
(cd "$made" && cat SHA256SUMS)
