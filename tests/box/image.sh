#!/bin/sh
# Makes the disk, the kernel and the first root file system of the emulated checkout box, once; later calls find them.
#
#     tests/box/image.sh FOLDER
#
# FOLDER lies outside the source tree and keeps about 2 GB. Needs root: a foreign Debian is set up in a chroot.
# Everything comes from the Debian mirror that this machine's apt already uses.
set -eu

fail() {
    echo "box image: $*" >&2
    exit 1
}

# What this machine does not have or may not do, as opposed to what is wrong with this script.
unable() {
    echo "box image: $*" >&2
    exit 69
}

[ $# = 1 ] || fail "usage: image.sh FOLDER"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cache=$(cd "$1" && pwd)
suite=bookworm

# A change to what the image is made of makes a new image.
stamp=$(cat "$here/image.sh" "$here/guest/"* | sha256sum | cut -c 1-16)
if [ -e "$cache/disk-$stamp.img" ] && [ -e "$cache/initrd-$stamp.gz" ] && [ -e "$cache/vmlinuz" ]; then
    echo "$stamp"
    exit 0
fi

[ "$(id -u)" = 0 ] || unable "making the image needs root; run it once as root, later runs do not"
for tool in debootstrap:debootstrap qemu-aarch64-static:qemu-user-static mke2fs:e2fsprogs cpio:cpio depmod:kmod; do
    command -v "${tool%%:*}" >/dev/null || unable "${tool%%:*} is missing; apt-get install ${tool#*:}"
done
[ "$(df --output=avail -k "$cache" | tail -n 1)" -gt 4000000 ] || unable "$cache has less than 4 GB left; free some, or name another folder"

# The kernel runs ARM programs through qemu once it is told how.
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt || unable "$binfmt cannot be mounted; load the module binfmt_misc"
[ -e $binfmt/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register || unable "programs of arm64 cannot be registered with the kernel"

base=$cache/base-$suite.tar
if [ ! -e "$base" ]; then
    echo "box image: setting up Debian $suite for arm64 (5 to 15 minutes, once)" >&2
    # shellcheck disable=SC2016  # the names in $( ) are apt's own
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || unable "this machine's apt has no Debian mirror; add one to its sources and run apt-get update"
    rm -rf "$cache/base"
    debootstrap --arch=arm64 --variant=minbase --foreign \
        --include=systemd,systemd-sysv,udev,kmod,iproute2,procps,busybox-static \
        $suite "$cache/base" "$mirror" >"$cache/debootstrap.log" 2>&1 || unable "debootstrap failed; see $cache/debootstrap.log"
    chroot "$cache/base" /debootstrap/debootstrap --second-stage >>"$cache/debootstrap.log" 2>&1 ||
        unable "the second stage of debootstrap failed; see $cache/debootstrap.log"
    rm -rf "$cache/base/var/cache/apt/archives/"*.deb
    tar -C "$cache/base" -cf "$base.part" .
    mv "$base.part" "$base"
    rm -rf "$cache/base"
fi

if [ ! -e "$cache/kernel/done" ]; then
    echo "box image: unpacking the kernel" >&2
    rm -rf "$cache/kernel"
    mkdir -p "$cache/kernel"
    fetch=$here/../../cross/debian-fetch.sh
    meta=$("$fetch" arm64 $suite "$cache/debs" linux-image-arm64) || unable "the kernel cannot be had"
    name=$(dpkg-deb -f "$meta" Depends | sed 's/ .*//')
    deb=$("$fetch" arm64 $suite "$cache/debs" "$name") || unable "the kernel $name cannot be had"
    dpkg-deb -x "$deb" "$cache/kernel"
    # drivers that no checkout box test needs: a third of the size
    for part in gpu net/wireless net/ethernet infiniband; do
        rm -rf "$cache/kernel/lib/modules/"*"/kernel/drivers/$part"
    done
    rm -rf "$cache/kernel/lib/modules/"*/kernel/sound
    depmod -b "$cache/kernel" "$(ls "$cache/kernel/lib/modules")"
    cp "$cache/kernel/boot/"vmlinuz-* "$cache/vmlinuz"
    touch "$cache/kernel/done"
fi
version=$(ls "$cache/kernel/lib/modules")

echo "box image: making the disk" >&2
root=$cache/root
rm -rf "$root"
mkdir "$root"
tar -C "$root" -xf "$base"
mkdir -p "$root/lib/modules"
cp -a "$cache/kernel/lib/modules/$version" "$root/lib/modules/"
install -m 755 "$here/guest/agent" "$root/usr/local/sbin/box-agent"
install -m 644 "$here/guest/box-agent.service" "$root/etc/systemd/system/"
install -m 644 "$here/guest/wired.network" "$root/etc/systemd/network/"
chroot "$root" systemctl enable box-agent.service systemd-networkd.service 2>/dev/null
chroot "$root" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-networkd-wait-online.service systemd-timesyncd.service dpkg-db-backup.timer 2>/dev/null
echo box >"$root/etc/hostname"
# The practice service on the host calls itself localhost; seen from the box it is the gateway.
printf '127.0.0.1 box\n10.0.2.2 localhost\n' >"$root/etc/hosts"
echo "/dev/vda / ext4 defaults 0 1" >"$root/etc/fstab"
mkdir -p "$root/var/log/journal"

first=$cache/first
rm -rf "$first"
mkdir -p "$first/bin" "$first/lib/modules" "$first/proc" "$first/sys" "$first/dev" "$first/root"
cp "$root/bin/busybox" "$first/bin/"
: >"$first/modules"
for module in virtio_pci virtio_mmio virtio_blk crc32c_generic ext4; do
    modprobe -d "$cache/kernel" -S "$version" --show-depends "$module" | while read -r verb file _; do
        [ "$verb" = insmod ] || continue
        cp "$file" "$first/lib/modules/"
        echo "${file##*/}" >>"$first/modules"
    done
done
install -m 755 "$here/guest/init" "$first/init"
(cd "$first" && find . | cpio -o -H newc --quiet | gzip -1) >"$cache/initrd-$stamp.gz"

rm -f "$cache"/disk-*.img
# it says on standard output that it makes a file, and there only the stamp goes
mke2fs -q -t ext4 -d "$root" -L box "$cache/disk.part" 1600M >&2
mv "$cache/disk.part" "$cache/disk-$stamp.img"
rm -rf "$root" "$first"
echo "$stamp"
