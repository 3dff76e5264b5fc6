#!/bin/bash
# Debian 12 as the root file system of a machine: systemd, git, lxc, nftables. Tag 1, and tag 2 with one package more.
# The same Debian packages in, the same bytes out. Root has no password: nobody logs in before another layer says how.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
work=$2

packages=(
  systemd systemd-sysv systemd-resolved libpam-systemd udev dbus login passwd
  kmod procps e2fsprogs dosfstools iproute2 iputils-ping nftables ca-certificates
  git lxc uidmap dnsmasq-base apparmor
)
# Nothing may change packages or wait for a writable root; the bridge of lxc-net is made by mosctl. The AppArmor profile of a
# container is made and loaded by LXC; those that Debian would load at each boot are for programs that aren't here.
masked=(
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
  lxc-net.service lxc.service lxc-monitord.service apparmor.service
)
mount_points=(config atomfs-cache scratch-writes factory/secure boot/efi)

make_tar() { # OUT.tar [PACKAGE…]
  local tar=$1 include
  shift
  include=$(IFS=,; echo "${packages[*]} $*" | tr ' ' ',')
  # The journal's folder goes because its ACLs fit in no layer, and so that the journal stays in memory.
  mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
    --customize-hook="copy-in '$here/root/etc' /" \
    --customize-hook="cd \"\$1\" && mkdir -p ${mount_points[*]}" \
    --customize-hook='chroot "$1" systemctl --quiet enable systemd-networkd.service systemd-resolved.service' \
    --customize-hook="chroot \"\$1\" systemctl --quiet mask ${masked[*]}" \
    --customize-hook='ln -sf ../run/systemd/resolve/stub-resolv.conf "$1"/etc/resolv.conf' \
    --customize-hook='rm -rf "$1"/etc/hostname "$1"/var/log/journal' \
    bookworm "$tar" ${MOS_DEBIAN_MIRROR:+"$MOS_DEBIAN_MIRROR"}
}

make_tar "$work/1.tar" & first=$!
make_tar "$work/2.tar" less & second=$!
wait "$first" && wait "$second"
echo '{"Entrypoint":["/sbin/init"],"StopSignal":"SIGRTMIN+3"}' >"$work/config.json"
for tag in 1 2; do node layouts/images/oci-layout.ts "$out" "$tag" "$work/config.json" "$work/$tag.tar"; done
