#!/bin/bash
# What one would boot the same image with: Debian's initramfs-tools, and a script that opens each layer by veritysetup.
# build.sh KERNEL LAYERS OUT: KERNEL is build/kernel, LAYERS a file with a line `SHA256 HASH-OFFSET ROOT-HASH` of each layer,
# bottom first, OUT the initrd.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$(realpath "$1")
layers=$(realpath "$2")
out=$(realpath "$3")
release=$(ls "$kernel/lib/modules")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
  --include=busybox,cryptsetup-bin,initramfs-tools,kmod,zstd bookworm "$work/root" ${MOS_DEBIAN_MIRROR:+"$MOS_DEBIAN_MIRROR"}
mkdir -p "$work/root/lib/modules"
cp -a "$kernel/lib/modules/$release" "$work/root/lib/modules/"
install -m 0755 "$here/hook" "$work/root/etc/initramfs-tools/hooks/layers"
install -m 0755 "$here/boot" "$work/root/etc/initramfs-tools/scripts/layers"
install -m 0644 "$layers" "$work/root/etc/layers"
echo CONFIG_RD_ZSTD=y >"$work/root/boot/config-$release"
chroot "$work/root" depmod "$release"
chroot "$work/root" mkinitramfs -o /initrd "$release"
cp "$work/root/initrd" "$out"
