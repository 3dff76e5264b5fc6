#!/bin/bash
# Seven layers of tar+gzip, made by umoci: what a converter can get wrong. Tag 1.
set -euo pipefail
out=$1
work=$2
bundle=$work/bundle
root=$bundle/rootfs
image=$out:1
when=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)

layer() { # MESSAGE: what was changed in $root since the last one becomes a layer
  find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  umoci repack --refresh-bundle --image "$image" --history.created "$when" --history.created_by "$1" "$bundle"
}

umoci init --layout "$out"
umoci new --image "$image"
umoci config --image "$image" --created "$when" --history.created "$when" --architecture amd64 --os linux \
  --config.entrypoint /bin/sh --config.env PATH=/bin --config.workingdir /data
umoci unpack --image "$image" "$bundle"

mkdir -p "$root"/{bin,etc,dev,tmp} "$root"/data/{kept,removed,emptied,file-to-folder,folder-to-link/in,deep/a/b/c}
chmod 1777 "$root/tmp"
cp /bin/busybox "$root/bin/busybox"
for name in sh ls cat find; do ln "$root/bin/busybox" "$root/bin/$name"; done
for folder in kept removed emptied deep/a/b/c; do
  for n in $(seq 1 40); do echo "$folder $n" >"$root/data/$folder/$n"; done
done
rmdir "$root/data/file-to-folder" && echo file >"$root/data/file-to-folder"
layer 'busybox with hard links, and data'

rm -r "$root/data/removed" "$root/data/kept/7" "$root/bin/find"
echo changed >"$root/data/kept/8"
layer 'a folder, a file and one name of a hard link go: whiteouts'

rm "$root/data/file-to-folder" && mkdir "$root/data/file-to-folder" && echo now >"$root/data/file-to-folder/inside"
rm -r "$root/data/folder-to-link" && ln -s kept "$root/data/folder-to-link"
ln "$root/data/kept/9" "$root/data/link-into-lower"
layer 'a file becomes a folder, a folder a link; a hard link to a file of a lower layer'

mkdir "$work/opaque" && echo fresh >"$work/opaque/fresh"
touch --date="@$SOURCE_DATE_EPOCH" "$work/opaque" "$work/opaque/fresh"
umoci insert --opaque --image "$image" --history.created "$when" "$work/opaque" /data/emptied
rm -r "$bundle" && umoci unpack --image "$image" "$bundle"

mkdir "$root/data/removed" && echo again >"$root/data/removed/1"
mknod "$root/dev/null" c 1 3 && mknod "$root/dev/loop7" b 7 7 && mkfifo "$root/data/fifo"
layer 'a removed folder is there again, with less in it; device nodes'

cp /bin/busybox "$root/bin/ping" && setcap cap_net_raw+ep "$root/bin/ping"
setfattr -n user.mos -v 'an attribute' "$root/data/kept/1"
chown 33:33 "$root/data/kept/2" && chmod 4755 "$root/data/kept/2"
truncate -s 64M "$root/data/sparse" && printf x | dd of="$root/data/sparse" bs=1 seek=33554432 conv=notrunc status=none
layer 'capabilities, attributes, owners, set-uid, a sparse file'

long=$(printf 'l%.0s' $(seq 1 120))
mkdir -p "$root/data/$long/$long" && echo long >"$root/data/$long/$long/$long"
echo space >"$root/data/a name with spaces" && echo accent >"$root/data/Grüße"
touch --date='1999-12-31 23:59:59.123456789' "$root/data/old"
rm -r "$root/data/deep/a/b"
layer 'long and odd names, a time before and between seconds, a folder gone in the deep'

umoci gc --layout "$out"
