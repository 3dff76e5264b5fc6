#!/bin/bash
# The smallest service: Debian's static busybox, which serves a page. One layer, no C library. Tag 1.
set -euo pipefail
out=$1
work=$2

root=$work/root
mkdir -p "$root"/{bin,etc,srv}
(cd "$work" && apt-get download --quiet --option APT::Sandbox::User=root busybox-static >/dev/null && dpkg-deb --extract busybox-static_*.deb package)
install -m 0755 "$work/package/bin/busybox" "$root/bin/busybox"
for name in $("$root/bin/busybox" --list | grep -vx busybox); do ln "$root/bin/busybox" "$root/bin/$name"; done
printf 'root:x:0:0:root:/:/bin/sh\nwww:x:80:80:www:/srv:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nwww:x:80:\n' >"$root/etc/group"
echo 'busybox of mos, version 1' >"$root/srv/index.html"
tar --create --file "$work/1.tar" --directory "$root" --sort=name --owner=0 --group=0 --numeric-owner \
  --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX --format=posix --pax-option=delete=atime,delete=ctime .
# As the first process of a container it sees no signal that it does not ask for, and it asks for none.
echo '{"Entrypoint":["httpd","-f","-v","-p","8080"],"Cmd":["-h","/srv"],"User":"www","Env":["PATH=/bin"],
  "ExposedPorts":{"8080/tcp":{}},"StopSignal":"SIGKILL"}' >"$work/config.json"
node layouts/images/oci-layout.ts "$out" 1 "$work/config.json" "$work/1.tar"
