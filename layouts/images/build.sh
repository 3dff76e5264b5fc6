#!/bin/bash
# Makes images: build.sh NAME…  Each NAME is a folder here with a recipe, called as `recipe.sh OUT WORK`: OUT is the OCI
# layout it makes, WORK a folder on the same file system that is removed afterwards. The result, build/images/NAME,
# stays as long as the recipe and what it is made from stay the same.
set -euo pipefail
cd "$(dirname "$0")/../.."
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600} LC_ALL=C TZ=UTC
export PATH=$PWD/node_modules/.bin:$PATH

# What an image is made from, besides its recipe: other images first, then files.
declare -A needed=([hostfs]=debian [livecd]='debian hostfs')
declare -A inputs=([hostfs]="build/mosctl build/images/debian/index.json $(echo layouts/units/mos-*)"
  [livecd]="build/images/hostfs/index.json $(echo layouts/units/mos-live*)")

key_of() {
  { find "layouts/images/$1" -type f -print0 | sort -z | xargs -0 sha256sum
    sha256sum layouts/images/oci-layout.ts
    sha256sum ${inputs[$1]:-/dev/null}; } | sha256sum | cut -d' ' -f1
}

mkdir -p build/images
exec 9>build/images/.lock
flock 9
for name in $(for wanted; do echo ${needed[$wanted]:-} "$wanted"; done); do
  key=$(key_of "$name")
  target=build/images/$name
  if [ "$(cat "$target/.key" 2>/dev/null)" = "$key" ]; then continue; fi
  echo "making $target"
  made=$(mktemp -d build/images/.making-XXXXXX)
  trap 'rm -rf "$made"' EXIT
  mkdir "$made/work"
  "layouts/images/$name/recipe.sh" "$made/image" "$made/work"
  echo "$key" >"$made/image/.key"
  rm -rf "$target"
  mv "$made/image" "$target"
  rm -rf "$made"
done
