#!/usr/bin/env bash
# The main job told step by step on real images, below build/demo, with nginx as a service at port 8080 (MOS_DEMO_PORT) meanwhile.
# In the end nothing outside of build/demo is changed, and nothing stays mounted. As root: images are mounted, services started.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/build:$PATH"
demo=$PWD/build/demo
images=$PWD/build/images
machine=$demo/machine
export XDG_DATA_HOME=$demo/vendor
[ "$(id -u)" = 0 ] || { echo 'cannot mount images: run `make demo` as root' >&2; exit 1; }

# Without device-mapper there is no dm-verity: whole images are hashed before each mount then, which must be asked for.
integrity=()
grep -qs device-mapper /proc/misc || integrity=(--integrity digest)

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() {
  printf '$ %s\n' "$(printf '%s ' "$@" | sed "s#$PWD/##g")"
  "$@"
}
port=${MOS_DEMO_PORT:-8080}
unmount() {
  [ -d "$machine" ] || return 0
  mosctl stop --quiet --all -r "$machine" >/dev/null || true
  mosctl umount --quiet --all -r "$machine" || true
}
trap unmount EXIT
unmount
rm -rf "$demo"
mkdir -p "$machine/factory/secure"

say '1. A vendor: one keyset has every key and certificate.'
run trust keyset add --org 'Example Ltd' example
run trust keyset list

say '2. An image: ordinary tar layers become verified squashfs layers, the same bytes each time.'
run mosb image convert "oci:$images/layered:1" "oci:$demo/converted:layered"
run mosb image inspect "oci:$demo/converted:layered"

import_file() { # version of the manifest and of web
  cat >"$demo/manifest-$1.yaml" <<YAML
version: 1
product: default
update_type: complete
release: $1
targets:
  - service_name: hostfs
    source: oci:$images/debian:1
    version: 1.0.0
    service_type: hostfs
    nsgroup: none
    network: { type: none }
  - service_name: site
    source: oci:$images/layered:1
    version: 1.0.0
    service_type: fs-only
    nsgroup: none
    network: { type: none }
  - service_name: web
    source: oci:$images/nginx:$1
    version: $1.0.0
    service_type: container
    nsgroup: web
    network: { type: simple, ports: [{ host: $port, container: 80 }] }
    health: { http: { port: 80, path: / } }
YAML
}

say '3. Publish: convert, copy, sign; here into a folder (zot:), a registry works the same.'
import_file 1
run cat "$demo/manifest-1.yaml"
run mosb manifest publish --project example:default --repo "zot:$demo/repo" --name machine/demo:1 --skip-bootkit "$demo/manifest-1.yaml"
run mosb manifest verify --ca "$XDG_DATA_HOME/machine/trust/keys/example/manifest-ca/cert.pem" "zot:$demo/repo:machine/demo:1"

say '4. Install: the machine knows one thing, the CA; everything else is verified against it.'
cp "$XDG_DATA_HOME/machine/trust/keys/example/manifest-ca/cert.pem" "$machine/factory/secure/manifestCA.pem"
run mosctl install -r "$machine" --plan "zot:$demo/repo:machine/demo:1"
run mosctl install -r "$machine" "zot:$demo/repo:machine/demo:1"
run mosctl status -r "$machine"

say '5. Mount: the root file system of the machine, read-only, and a target of files.'
run mosctl mount --target hostfs --ro "${integrity[@]}" -r "$machine" --dest "$demo/hostfs"
run cat "$demo/hostfs/etc/debian_version"
run mosctl activate -t site "${integrity[@]}" -r "$machine"
run ls "$machine/mnt/atom/site"

say '6. A service: nginx in a container of its own, its root file system is the verified layers themselves.'
run mosctl activate -t web "${integrity[@]}" -r "$machine"
run curl -s "http://127.0.0.1:$port/"
run mosctl ps -r "$machine"
run mosctl exec -r "$machine" web -- nginx -v

say '7. Update: only what changed is fetched.'
import_file 2
run mosb manifest publish --project example:default --repo "zot:$demo/repo" --name machine/demo:2 --skip-bootkit "$demo/manifest-2.yaml"
run mosctl update -r "$machine" "zot:$demo/repo:machine/demo:2"
run mosctl diff -r "$machine"
run mosctl log -r "$machine"

say '8. The new nginx takes over when it is well; a client that asks 200 times a second tells what it saw.'
coproc client { exec node test/helpers/http-client.ts "http://127.0.0.1:$port/"; }
said=${client[0]} tell=${client[1]}
run mosctl activate -t web "${integrity[@]}" -r "$machine"
run curl -s "http://127.0.0.1:$port/"
eval "exec $tell>&-"
cat <&"$said"
echo
run mosctl stop -r "$machine" web

say '9. Back: the old content as a new generation; numbers only grow.'
run mosctl rollback -r "$machine" --to 1 --reason "to show it"
run mosctl log -r "$machine"
run mosctl why -r "$machine"

say '10. An attacker changes one byte of a stored image.'
blob=$(find "$machine/atomfs-cache/mos/blobs/sha256" -type f -size +50M | head -n 1)
printf 'X' | dd of="$blob" bs=1 seek=20000000 conv=notrunc status=none
run mosctl verify -r "$machine" || echo "(exit code $?)"

say 'Done. Everything is below build/demo.'
