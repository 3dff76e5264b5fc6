#!/bin/bash
# What a machine boots: Debian (build/images/debian) and, as a layer of its own, mosctl. Tags 1 and 2 follow Debian's.
# Tags 1-console and 2-console have one layer more: root may log in on the console with the password "mos". They are
# for `make vm` and its tests; whoever knows the password owns the machine.
set -euo pipefail
out=$1
work=$2
debian=build/images/debian

pack() { # FOLDER OUT.tar
  tar --create --file "$2" --directory "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --format=posix --pax-option=delete=atime,delete=ctime .
}

base_tar() { # TAG
  local manifest
  manifest=$(jq -r --arg tag "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag).digest' "$debian/index.json")
  echo "$debian/blobs/sha256/$(jq -r '.layers[0].digest' "$debian/blobs/${manifest/://}" | cut -d: -f2)"
}

install -D -m 0755 build/mosctl "$work/mosctl/usr/bin/mosctl"
for name in mosb trust atomfs; do ln -s mosctl "$work/mosctl/usr/bin/$name"; done
units=$work/mosctl/usr/lib/systemd/system
install -D -m 0644 -t "$units" layouts/units/mos-{boot,boot-complete,boot-limit,api}.service layouts/units/mos-boot-limit.timer layouts/units/mos-api.{socket,path}
install -D -m 0644 layouts/units/mos-api.sysusers "$work/mosctl/usr/lib/sysusers.d/mos-api.conf"
enable() { # TARGET UNIT…: nobody can in the machine, whose /etc begins anew at each boot
  install -d "$units/$1.wants"
  for unit in "${@:2}"; do ln -s "../$unit" "$units/$1.wants/"; done
}
enable sysinit.target mos-boot-limit.timer
enable multi-user.target mos-boot.service mos-boot-complete.service
enable sockets.target mos-api.socket
enable paths.target mos-api.path
pack "$work/mosctl" "$work/mosctl.tar"

install -d "$work/console/etc"
tar --extract --to-stdout --file "$(base_tar 1)" ./etc/shadow |
  sed "s|^root:[^:]*:|root:$(openssl passwd -6 -salt console mos):|" >"$work/console/etc/shadow"
chmod 0640 "$work/console/etc/shadow"
pack "$work/console" "$work/console.tar"

echo '{"Entrypoint":["/sbin/init"],"StopSignal":"SIGRTMIN+3"}' >"$work/config.json"
for tag in 1 2; do
  ln "$(base_tar "$tag")" "$work/base-$tag.tar"
  node layouts/images/oci-layout.ts "$out" "$tag" "$work/config.json" "$work/base-$tag.tar" "$work/mosctl.tar"
  node layouts/images/oci-layout.ts "$out" "$tag-console" "$work/config.json" "$work/base-$tag.tar" "$work/mosctl.tar" "$work/console.tar"
done
