#!/bin/bash
# What a live medium boots: the layers of hostfs, and one with cryptsetup, for an install, and with what the live system is
# for, in /mos-action. Tags
# livecd (nothing is done by itself), provision and install; livecd-console is livecd with the console of hostfs:1-console.
set -euo pipefail
out=$1
work=$2
hostfs=build/images/hostfs

blob() { # LAYOUT-RELATIVE DIGEST
  echo "$hostfs/blobs/${1/://}"
}
layers() { # TAG
  local manifest
  manifest=$(jq -r --arg tag "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag).digest' "$hostfs/index.json")
  jq -r '.layers[].digest' "$(blob "$manifest")"
}
links() { # TAG: its layers as files in WORK, whose names are put out
  local number=0
  for digest in $(layers "$1"); do
    ln -f "$(blob "$digest")" "$work/$1-$number.tar"
    echo "$work/$1-$((number++)).tar"
  done
}

# From Debian's packages, the rest of what they need is there. To the places that /sbin and /lib lead to.
tools=$work/tools
(cd "$work" && apt-get download -q cryptsetup-bin libpopt0)
for package in "$work"/*.deb; do dpkg-deb --extract "$package" "$tools"; done

echo '{"Entrypoint":["/sbin/init"],"StopSignal":"SIGRTMIN+3"}' >"$work/config.json"
for action in livecd provision install; do
  units=$work/$action/usr/lib/systemd/system
  install -d "$units/multi-user.target.wants"
  install -m 0644 layouts/units/mos-live{,-reboot}.service "$units"
  install -D -m 0755 "$tools/sbin/cryptsetup" "$work/$action/usr/sbin/cryptsetup"
  install -D -m 0644 "$(readlink -f "$tools"/usr/lib/*/libpopt.so.0)" "$work/$action/usr/lib/$(uname -m)-linux-gnu/libpopt.so.0"
  for name in mos-live mos-live-reboot; do ln -s "../$name.service" "$units/multi-user.target.wants/"; done
  echo "$action" >"$work/$action/mos-action"
  tar --create --file "$work/$action.tar" --directory "$work/$action" --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$SOURCE_DATE_EPOCH" --format=posix --pax-option=delete=atime,delete=ctime .
  node layouts/images/oci-layout.ts "$out" "$action" "$work/config.json" $(links 1) "$work/$action.tar"
done
node layouts/images/oci-layout.ts "$out" livecd-console "$work/config.json" $(links 1-console) "$work/livecd.tar"
