#!/bin/bash
# Debian 12 with the programs that tests inside a virtual machine compare with; no part of what is shipped. Tag 1.
set -euo pipefail
out=$1
work=$2
programs=attr,cryptsetup-bin,dmsetup,e2fsprogs,erofs-utils,git,kmod,libcap2-bin,lxc,openssl,squashfs-tools,strace,util-linux
mmdebstrap --quiet --mode=root --variant=minbase --include="$programs" \
  --customize-hook='mkdir -p "$1"/repo' \
  bookworm "$work/1.tar" ${MOS_DEBIAN_MIRROR:+"$MOS_DEBIAN_MIRROR"}
echo '{"Entrypoint":["/bin/bash"]}' >"$work/config.json"
node layouts/images/oci-layout.ts "$out" 1 "$work/config.json" "$work/1.tar"
