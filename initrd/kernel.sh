#!/bin/bash
# A kernel of Debian into a folder: kernel.sh OUT [PACKAGE], its cloud kernel unless told otherwise, makes OUT/vmlinuz, OUT/lib/modules/<release> as Debian has it, and
# OUT/modules/*.ko, links to all of them. Nothing of it is installed here.
set -euo pipefail
out=$1
of=${2:-linux-image-cloud-amd64}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work" # apt fetches as another user

package() { apt-cache depends --important "$of" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1; }
[ -n "$(package)" ] || apt-get update -q
cd "$work"
apt-get download -q "$(package)" || { apt-get update -q && apt-get download -q "$(package)"; }
dpkg-deb --extract ./*.deb files
mkdir files/modules
find files/lib/modules -name '*.ko' -exec ln -t files/modules {} +
mv files/boot/vmlinuz-* files/vmlinuz

cd - >/dev/null
rm -rf "$out"
mkdir -p "$out"
cp -a "$work"/files/{vmlinuz,modules,lib} "$out"
