#!/bin/bash
# A cache as a service: Debian's redis-server, as the user redis, its data in /var/lib/redis. Tag 1.
set -euo pipefail
out=$1
work=$2

mmdebstrap --quiet --mode=root --variant=essential --include=redis-server \
  bookworm "$work/1.tar" ${MOS_DEBIAN_MIRROR:+"$MOS_DEBIAN_MIRROR"}
zstd --quiet --rm -T2 -6 "$work/1.tar"
# It listens to all that reach it: the network of a service is its own, and its ports are those of the manifest.
echo '{"Entrypoint":["redis-server"],"Cmd":["--protected-mode","no","--dir","/var/lib/redis"],"User":"redis",
  "Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"WorkingDir":"/var/lib/redis","ExposedPorts":{"6379/tcp":{}},
  "Volumes":{"/var/lib/redis":{}}}' >"$work/config.json"
node layouts/images/oci-layout.ts "$out" 1 "$work/config.json" "$work/1.tar.zst"
