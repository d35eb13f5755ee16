#!/bin/sh
# Builds scalecam for a checkout box: one command, no root, nothing on the host is changed.
#
#     cross/build.sh [arm64|armhf|amd64|all] [--musl] [--deb] [--test]
#
#     arm64 (default), armhf, amd64, or all three
#     --musl    one static file that needs nothing on the box
#     --deb     a Debian package as well, in target/cross
#     --test    runs the library's tests, under qemu where the processor is another
#
# It picks the standard library and the linker by what is there, and says what it picked. To decide yourself:
#     STD=installed|rustup|rust-src|debian    LINKER=gcc|zig    GLIBC=2.31 (zig only)
# A package is for boxes that are older than this machine, so --deb links by zig, which makes a binary for glibc 2.31;
# where zig cannot be had it is gcc, and the binary wants this machine's glibc. Without --deb it is the other way round:
# gcc is there at once, and zig is fetched only where there is none. --musl always takes zig, whose headers are musl's.
# DEBFULLNAME and DEBEMAIL, if they are set, become the package's maintainer.
# What it has to fetch lies under target/cross; deleting that folder undoes everything.
set -eu

ZIGBUILD=0.24.0 # the Python package cargo-zigbuild, which brings zig
CARGO_DEB=3.8.0
FLOOR=2.31 # Debian 11, Raspberry Pi OS 11, Ubuntu 20.04

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

usage() {
    echo "build.sh: $1; expected: cross/build.sh [arm64|armhf|amd64|all] [--musl] [--deb] [--test]" >&2
    exit 2
}

say() {
    echo "== $*"
}

archs='' libc=gnu deb='' test=''
for argument in "$@"; do
    case $argument in
    arm64 | armhf | amd64) archs="$archs $argument" ;;
    all) archs="arm64 armhf amd64" ;;
    --musl) libc=musl ;;
    --deb) deb=yes ;;
    --test) test=yes ;;
    -*) usage "$argument is no option" ;;
    *) usage "$argument is no architecture that scalecam is built for" ;;
    esac
done
archs=${archs:-arm64}

cd "$(dirname "$0")/.."

# What is missing is said before anything is made or fetched, and not after minutes of compiling.
for tool in cargo rustc cc; do
    command -v $tool >/dev/null ||
        fail "$tool is missing; install Rust (rustup, or your distribution's rustc and cargo) and a C compiler (gcc)"
done
if [ -n "$deb" ]; then
    for tool in dpkg-deb:dpkg gzip:gzip python3:python3; do
        command -v "${tool%%:*}" >/dev/null ||
            fail "${tool%%:*} is missing, which --deb needs; run: apt-get install ${tool#*:}, or leave --deb out"
    done
fi
work=${CARGO_TARGET_DIR:-$PWD/target}/cross
there=$work
while [ ! -d "$there" ]; do
    there=$(dirname "$there")
done
free=$(df -Pk "$there" | awk 'NR == 2 { print $4 }')
[ "${free:-0}" -gt 2500000 ] ||
    fail "less than 2.5 GB are free for $work; free some, or point CARGO_TARGET_DIR elsewhere"
mkdir -p "$work" 2>/dev/null || fail "$work cannot be made; make its parent writable, or point CARGO_TARGET_DIR elsewhere"
release=$(rustc -V | cut -d ' ' -f 2)
host=$(rustc -vV | sed -n 's/^host: //p')
part=''
trap '[ -z "$part" ] || rm -rf "$part"' EXIT
trap 'exit 1' INT TERM

# --- what an architecture is called by whom
name_parts() {
    case $1-$libc in
    arm64-gnu) target=aarch64-unknown-linux-gnu triplet=aarch64-linux-gnu qemu=qemu-aarch64 ;;
    arm64-musl) target=aarch64-unknown-linux-musl triplet=aarch64-linux-gnu qemu=qemu-aarch64 ;;
    armhf-gnu) target=armv7-unknown-linux-gnueabihf triplet=arm-linux-gnueabihf qemu=qemu-arm ;;
    armhf-musl) target=armv7-unknown-linux-musleabihf triplet=arm-linux-gnueabihf qemu=qemu-arm ;;
    amd64-gnu) target=x86_64-unknown-linux-gnu triplet=x86_64-linux-gnu qemu=qemu-x86_64 ;;
    amd64-musl) target=x86_64-unknown-linux-musl triplet=x86_64-linux-gnu qemu=qemu-x86_64 ;;
    esac
    small=$(echo "$target" | tr - _)
    large=$(echo "$small" | tr '[:lower:]' '[:upper:]')
}

# --- the standard library: installed, by rustup, from source that rustup brings, from Debian's source package
std_is_installed() {
    for file in "$(rustc --print target-libdir --target "$target")"/libstd-*.rlib; do
        [ -e "$file" ] && return 0
    done
    return 1
}

by_rustup() {
    command -v rustup >/dev/null && rustup "$1" add "$2" >"$work/rustup.log" 2>&1
}

source_by_rustup() {
    library=$(rustc --print sysroot)/lib/rustlib/src/rust/library
    [ -e "$library/std/Cargo.toml" ] || { by_rustup component rust-src && [ -e "$library/std/Cargo.toml" ]; }
}

unpacked_source() {
    for file in "$work/rust-src-$release"/usr/src/*/library/std/Cargo.toml; do
        [ -e "$file" ] && library=${file%/std/Cargo.toml} && return 0
    done
    return 1
}

source_by_debian() {
    unpacked_source && return 0
    for suite in trixie-backports sid testing stable-backports; do
        package=$(cross/debian-fetch.sh amd64 $suite "$work/debian" "rust-src=$release*" 2>"$work/debian.log") || continue
        part=$work/rust-src-$release.part
        rm -rf "$part" "$work/rust-src-$release"
        { dpkg-deb -x "$package" "$part" && mv "$part" "$work/rust-src-$release"; } ||
            fail "$package cannot be unpacked in $work; is the disk full?"
        part=''
        unpacked_source && return 0
        fail "$package does not hold the standard library where it is looked for (usr/src/*/library)"
    done
    return 1
}

# The whole project could be built with -Zbuild-std; doing it once for an empty crate keeps the switch for unstable
# features away from the project and its dependencies, and the library is built only once.
build_std() {
    sysroot=$work/sysroot-$target-$release
    [ -d "$sysroot" ] && return
    part=$work/std-$target
    # What calls this asks for its success, so nothing here ends by itself when it fails.
    rm -rf "$part"
    mkdir -p "$part/src" || fail "$part cannot be made"
    printf '[package]\nname = "nothing"\nedition = "2024"\n\n[workspace]\n' >"$part/Cargo.toml"
    echo '#![no_std]' >"$part/src/lib.rs"
    # Programs that end at a panic, as this one does, take only a panic_abort that was built that way.
    cat >"$part/rustc" <<'END'
#!/bin/sh
case " $* " in *" --crate-name panic_abort "*) exec "$@" -Cpanic=abort ;; esac
exec "$@"
END
    chmod +x "$part/rustc"
    (
        cd "$part"
        RUSTC_WRAPPER=$part/rustc RUSTFLAGS=-Cembed-bitcode=yes RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT=$library CARGO_TARGET_DIR=$part/target \
            cargo build --release --target "$target" -Zbuild-std=std,panic_abort,proc_macro,test
    ) || fail "the standard library could not be built from $library; the lines above say why"
    libs=$part/root/lib/rustlib/$target/lib
    { mkdir -p "$libs" && cp "$part/target/$target/release/deps/"*.rlib "$libs" && rm -f "$libs"/libnothing-*.rlib &&
        mv "$part/root" "$sysroot"; } || fail "the standard library cannot be kept in $sysroot; is the disk full?"
    rm -rf "$part"
    part=''
}

pick_std() {
    sysroot=''
    case ${STD:-any} in any | installed) std_is_installed && std="already installed" && return ;; esac
    case ${STD:-any} in any | rustup) by_rustup target "$target" && std="by rustup target add" && return ;; esac
    case ${STD:-any} in any | rust-src)
        source_by_rustup && build_std && std="built from rustup's rust-src" && return
        ;;
    esac
    case ${STD:-any} in any | debian)
        source_by_debian && build_std && std="built from Debian's rust-src" && return
        ;;
    esac
    fail "no standard library of Rust $release for $target (tried: ${STD:-installed, rustup, rust-src, debian}); run: rustup target add $target"
}

# --- the linker: Debian's cross gcc, else zig from the Python registry
fetch_zig() {
    [ -e "$work/venv/done" ] && return 0
    command -v python3 >/dev/null || return 1
    part=$work/venv
    rm -rf "$part"
    if python3 -m venv "$part" >"$work/zig.log" 2>&1 &&
        "$part/bin/pip" install --quiet "cargo-zigbuild==$ZIGBUILD" >>"$work/zig.log" 2>&1; then
        touch "$part/done"
        part=''
        return
    fi
    rm -rf "$part"
    part=''
    return 1
}

by_gcc() {
    # Its headers are glibc's: what SQLite finds there by name, musl has not.
    [ $libc = gnu ] || return 1
    gcc=$triplet-gcc
    command -v "$gcc" >/dev/null || return 1
    linker=$gcc
    export "CARGO_TARGET_${large}_LINKER=$linker" "CC_$small=$gcc" "AR_$small=$triplet-ar"
}

by_zig() {
    fetch_zig || return 1
    linker=zig
}

pick_linker() {
    order='gcc zig'
    [ -z "$deb" ] || order='zig gcc'
    for each in ${LINKER:-$order}; do
        case $each in
        gcc) by_gcc && return ;;
        zig) by_zig && return ;;
        *) fail "LINKER=$each is not known; expected gcc or zig" ;;
        esac
    done
    [ $libc = gnu ] ||
        fail "no linker for $target: a static file is linked by zig alone (not with LINKER=gcc), which comes from the Python registry; run: apt-get install python3-venv; $work/zig.log says why it could not be fetched"
    fail "no linker for $target; run: apt-get install gcc-$(echo "$triplet" | tr _ -) (or install python3-venv, and zig is fetched from the Python registry; $work/zig.log says why it was not)"
}

# build|test, further arguments
cargo_for() {
    verb=$1
    shift
    flags=''
    [ -z "$sysroot" ] || flags="--sysroot=$sysroot"
    # One with -Zbuild-std has no start files of its own for musl; zig has.
    [ -z "$sysroot" ] || [ $libc = gnu ] || flags="$flags -Clink-self-contained=no"
    [ -z "$flags" ] || export "CARGO_TARGET_${large}_RUSTFLAGS=$flags"
    if [ "$linker" = zig ]; then
        floor=$target
        [ $libc = musl ] || floor=$target.${GLIBC:-2.31}
        verb=$(echo "$verb" | sed s/build/zigbuild/)
        PATH=$work/venv/bin:$PATH cargo-zigbuild "$verb" --release --locked --target "$floor" "$@"
    else
        cargo "$verb" --release --locked --target "$target" "$@"
    fi
}

# The highest version among the symbols that the binary takes from the box's glibc.
glibc_needed() {
    LC_ALL=C grep -ao 'GLIBC_2\.[0-9]*' "$1" | sort -Vu | tail -n 1 | sed s/GLIBC_//
}

# --- tests on another processor
find_emulator() {
    for emulator in $qemu-static $qemu; do
        command -v "$emulator" >/dev/null && return
    done
    fail "qemu-user is missing, which runs the tests for $1; run: apt-get install qemu-user-static"
}

pick_runner() {
    skipped=''
    [ "$target" != "$host" ] || return 0
    find_emulator "$1"
    runner=$emulator
    # A libc of the other processor that is installed on this machine is found without help. Pointing at a second one
    # would mix the loader of one with the library of the other, and the first thread would hang.
    if [ $libc = gnu ] && [ ! -e "/lib/$triplet/libc.so.6" ]; then
        root=/usr/$triplet
        if [ ! -e "$root/lib/libc.so.6" ]; then
            root=$work/root-$1
            fetch_libc "$1"
        fi
        runner="$emulator -L $root"
    fi
    export "CARGO_TARGET_${large}_RUNNER=$runner"
    # Emulated programs get the host's kernel through a translator that lacks the terminal calls that the
    # agent makes (TCGETS2) and answers calls on strange devices with an error of its own. Those tests run natively, and the
    # terminal itself is proven on the emulated box.
    # Nor does it know TCP's own account of a connection (TCP_INFO).
    skipped="--skip practice::scale::tests --skip kernel::video::tests::what_is_no_camera --skip kernel::tcp::tests"
    echo "   tests under: $runner, without those of terminals, devices and TCP's account ($skipped)"
}

fetch_libc() {
    [ -d "$root" ] && return
    # shellcheck disable=SC1091
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
    packages=$(cross/debian-fetch.sh "$1" "$suite" "$work/debian" libc6 libgcc-s1) || fail "no libc for $1 to run the tests with"
    part=$root.part
    for package in $packages; do
        dpkg-deb -x "$package" "$part"
    done
    mv "$part" "$root"
    part=''
}

# --- the package
fetch_cargo_deb() {
    command -v cargo-deb >/dev/null && return
    PATH=$work/tools/bin:$PATH
    export PATH
    command -v cargo-deb >/dev/null && return
    say "cargo-deb $CARGO_DEB is built once (a few minutes)"
    # built for this machine, whatever is set for the target
    cargo install --quiet --locked --version $CARGO_DEB --root "$work/tools" cargo-deb ||
        fail "cargo-deb could not be installed; the lines above say why (or install it yourself: cargo install cargo-deb)"
}

make_deb() {
    fetch_cargo_deb
    part=$work/deb
    rm -rf "$part"
    mkdir -p "$part"
    # compressed in earnest below, when everything is in it
    cargo deb --quiet --fast --no-build --no-strip --target "$target" --output "$part/made.deb" ||
        fail "cargo-deb could not make the package; the lines above say why"
    dpkg-deb -R "$part/made.deb" "$part/tree"
    # What the binary needs is measured, not assumed: it differs with the linker and the machine.
    needs=''
    [ -z "$glibc" ] || needs="libc6 (>= $glibc), "
    ! LC_ALL=C grep -aq 'libgcc_s\.so\.1' "$binary" || needs="${needs}libgcc-s1, "
    sed -i "s/^Depends: libc6 ([^)]*), /Depends: $needs/" "$part/tree/DEBIAN/control"
    # Who builds a package for others is its maintainer, by Debian's own variables.
    [ -z "${DEBEMAIL:-}" ] ||
        sed -i "s|^Maintainer: .*|Maintainer: ${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>|" "$part/tree/DEBIAN/control"
    # What is linked into the binary asks for its licences to come along.
    notices=$part/tree/usr/share/doc/scalecam/third-party-notices
    { cross/notices.py "$target" >"$notices" && gzip -9n "$notices"; } || fail "the licences of what the binary holds cannot be collected; the lines above say why"
    (cd "$part/tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) >"$part/md5sums"
    mv "$part/md5sums" "$part/tree/DEBIAN/md5sums"
    package=$work/$(sed -n 's/^Package: //p' "$part/tree/DEBIAN/control")_$(sed -n 's/^Version: //p' "$part/tree/DEBIAN/control")_$1.deb
    dpkg-deb --root-owner-group -Zxz -b "$part/tree" "$part/new.deb" >/dev/null
    mv "$part/new.deb" "$package"
    rm -rf "$part"
    part=''
    echo "   package: $package, $(wc -c <"$package") bytes"
}

for arch in $archs; do
    name_parts "$arch"
    say "$arch: $target, Rust $release"
    [ -z "$test" ] || [ "$target" = "$host" ] || find_emulator "$arch"
    pick_linker
    pick_std
    echo "   standard library: $std"
    echo "   linker: $linker"
    cargo_for build --bin scalecam || fail "cargo could not build for $target; the lines above say why"
    binary=${CARGO_TARGET_DIR:-target}/$target/release/scalecam
    glibc=$(glibc_needed "$binary")
    echo "   binary: $binary, $(wc -c <"$binary") bytes, needs $([ -n "$glibc" ] && echo "glibc $glibc" || echo "no libc (static)")"
    if [ -n "$glibc" ] && [ "$(printf '%s\n' "$FLOOR" "${glibc:-0}" | sort -V | tail -n 1)" != $FLOOR ]; then
        echo "   note: that is newer than $FLOOR, so it starts on systems like this machine's and on later ones only; LINKER=zig asks for less"
    fi
    if [ -n "$test" ]; then
        pick_runner "$arch"
        # shellcheck disable=SC2086  # a list of words
        cargo_for test --lib -- $skipped || fail "the tests failed for $target; the lines above say which"
    fi
    [ -z "$deb" ] || make_deb "$arch"
done
