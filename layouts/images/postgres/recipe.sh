#!/bin/bash
# A database as a service: Debian's PostgreSQL, as the user postgres, its data below /var/lib/postgresql/data. Tag 1.
# Without its compiler for expressions, which is larger than all the rest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
work=$2

data=var/lib/postgresql/data
mmdebstrap --quiet --mode=root --variant=essential --skip=cleanup/run --include=postgresql-15 \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --essential-hook='mkdir -p "$1"/etc/postgresql-common && echo "create_main_cluster = false" >"$1"/etc/postgresql-common/createcluster.conf' \
  --customize-hook='rm -rf "$1"/usr/lib/*/libLLVM* "$1"/usr/lib/postgresql/15/lib/{llvmjit.so,llvmjit_types.bc,bitcode}' \
  --customize-hook="copy-in '$here/root/usr' /" \
  --customize-hook="chroot \"\$1\" install -d -o postgres -g postgres -m 0700 /$data" \
  --customize-hook='chroot "$1" install -d -o postgres -g postgres -m 2775 /run/postgresql' \
  bookworm "$work/1.tar" ${MOS_DEBIAN_MIRROR:+"$MOS_DEBIAN_MIRROR"}
zstd --quiet --rm -T2 -6 "$work/1.tar"
# SIGINT is its fast shutdown: it does not wait for clients.
echo '{"Entrypoint":["postgres-service"],"Cmd":["-c","listen_addresses=*"],"User":"postgres",
  "Env":["PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","PGDATA=/'$data'/15","LANG=C.UTF-8"],
  "WorkingDir":"/var/lib/postgresql","ExposedPorts":{"5432/tcp":{}},"Volumes":{"/'$data'":{}},"StopSignal":"SIGINT"}' >"$work/config.json"
node layouts/images/oci-layout.ts "$out" 1 "$work/config.json" "$work/1.tar.zst"
