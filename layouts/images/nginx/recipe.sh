#!/bin/bash
# A web server as a service: Debian's nginx and what it needs, one layer of tar+zstd. Tag 1, and tag 2 with another page on top.
set -euo pipefail
out=$1
work=$2

# Logs go where the container's manager reads them; the page says which version of the image serves it.
mmdebstrap --quiet --mode=root --variant=essential --include=nginx-light \
  --customize-hook='ln -sf /dev/stdout "$1"/var/log/nginx/access.log' \
  --customize-hook='ln -sf /dev/stderr "$1"/var/log/nginx/error.log' \
  --customize-hook='echo "nginx of mos, version 1" >"$1"/var/www/html/index.html' \
  bookworm "$work/1.tar" ${MOS_DEBIAN_MIRROR:+"$MOS_DEBIAN_MIRROR"}
zstd --quiet --rm -T2 -6 "$work/1.tar"
echo '{"Entrypoint":["nginx"],"Cmd":["-g","daemon off;"],"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
  "ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGQUIT"}' >"$work/config.json"
node layouts/images/oci-layout.ts "$out" 1 "$work/config.json" "$work/1.tar.zst"

install -d "$work/page/var/www/html"
echo "nginx of mos, version 2" >"$work/page/var/www/html/index.html"
tar --create --file "$work/page.tar" --directory "$work/page" --sort=name --owner=0 --group=0 --numeric-owner \
  --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX --format=posix --pax-option=delete=atime,delete=ctime .
node layouts/images/oci-layout.ts "$out" 2 "$work/config.json" "$work/1.tar.zst" "$work/page.tar"
