#!/usr/bin/env bash
# Builds the Go programs that tests and benchmarks use, through the Go module proxy: crane and regctl to check our
# work, and a registry with the referrers API. Debian 12's Go is too old for them and cannot fetch a newer toolchain by
# itself, so that one comes from the module proxy too.
set -euo pipefail
output=$1
name=$(basename "$output")
toolchain=go1.26.8
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac

newEnough() { [[ $(go env GOVERSION) =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21)); }
if newEnough; then
  export GOTOOLCHAIN=$toolchain+auto
else
  folder=$(GOFLAGS=-mod=mod go mod download -json "golang.org/toolchain@v0.0.1-$toolchain.linux-$arch" |
    sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  # Modules are unpacked without the executable bit.
  find "$folder/bin" "$folder/pkg/tool" -type f -exec chmod +x {} +
  export PATH=$folder/bin:$PATH GOROOT=$folder GOTOOLCHAIN=local
fi
export GOBIN=$PWD/$(dirname "$output")
mkdir -p "$GOBIN"
case $name in
  crane) go install github.com/google/go-containerregistry/cmd/crane@v0.22.1 ;;
  regctl) go install github.com/regclient/regclient/cmd/regctl@v0.11.7 ;;
  referrers-registry) go build -C test/helpers/registries/referrers-registry -o "$GOBIN/$name" . ;;
  *) echo "cannot build $name: not known here" >&2 && exit 2 ;;
esac
