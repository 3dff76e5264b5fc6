# `make` builds the executable; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
BIN := $(CURDIR)/node_modules/.bin
# npm must not run on the node that it replaces.
OUTER_PATH := $(PATH)
export PATH := $(BIN):$(PATH)
DESTDIR ?=
PREFIX ?= /usr
SOURCES := $(shell find cmd pkg initrd -name '*.ts' 2>/dev/null) package.json setup/executable.ts

.PHONY: attacks crash cycles hangs live power-cuts all help setup check docs format images vm demo test test-unit vm-secure clean install tools bench bench-formats
all: build/mosctl ## build/mosctl with its links mosb, trust, atomfs

help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

setup: build/.packages node_modules/.installed ## Debian packages and npm modules that are missing (as root)

build/.packages: setup/debian-packages.txt setup/packages.sh
	@mkdir -p build
	setup/packages.sh $<
	@touch $@

# Not `npm ci`: it wants every optional package of other systems in the lock file, and some registries have none.
node_modules/.installed: package.json package-lock.json
	PATH="$(OUTER_PATH)" npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

build/mosctl: node_modules/.installed $(SOURCES)
	node setup/executable.ts $@
	for name in mosb trust atomfs; do ln -sf mosctl build/$$name; done

TOOLS := build/tools/crane build/tools/regctl build/tools/referrers-registry
tools: $(TOOLS) ## crane, regctl and a registry with referrers, for tests and benchmarks
build/tools/%: setup/go-tools.sh
	setup/go-tools.sh $@
build/tools/schemathesis: setup/schemathesis.sh
	@mkdir -p $(@D)
	setup/schemathesis.sh $@
build/tools/python-tuf: setup/python-tuf.sh
	@mkdir -p $(@D)
	setup/python-tuf.sh $@
build/tools/referrers-registry: $(wildcard test/helpers/registries/referrers-registry/*)

install: build/mosctl build/preinit ## install into DESTDIR, below PREFIX
	install -D -m 0755 build/preinit '$(DESTDIR)$(PREFIX)/lib/mos/preinit'
	install -D -m 0755 build/mosctl '$(DESTDIR)$(PREFIX)/bin/mosctl'
	for name in mosb trust atomfs; do ln -sf mosctl '$(DESTDIR)$(PREFIX)/bin/'$$name; done
	install -D -m 0644 -t '$(DESTDIR)$(PREFIX)/lib/systemd/system' layouts/units/mos-boot.service layouts/units/mos-boot-complete.service layouts/units/mos-boot-limit.service layouts/units/mos-boot-limit.timer layouts/units/mos-api.socket layouts/units/mos-api.path layouts/units/mos-api.service
	install -D -m 0644 layouts/units/mos-api.sysusers '$(DESTDIR)$(PREFIX)/lib/sysusers.d/mos-api.conf'

format: node_modules/.installed ## format and sort imports
	biome check --write .

images: setup build/mosctl ## the images of layouts/images, into build/images (as root)
	layouts/images/build.sh debian hostfs livecd layered busybox nginx postgres redis

demo: setup build/mosctl ## the main job told step by step on real images, in build/demo (as root)
	layouts/images/build.sh debian layered nginx
	setup/demo.sh

VM_PARTS := build/kernel/vmlinuz build/kernel-full/vmlinuz build/preinit
build/kernel/vmlinuz: initrd/kernel.sh
	initrd/kernel.sh $(@D)
# Debian's other kernel, which has the drivers of watchdogs.
build/kernel-full/vmlinuz: initrd/kernel.sh
	initrd/kernel.sh $(@D) linux-image-amd64
build/preinit: initrd/preinit.c
	gcc -static -Os -s -Wall -Wextra -Werror -o $@ $<

vm: images $(VM_PARTS) ## make a machine, boot it in QEMU on this terminal (as root)
	node setup/vm.ts

vm-secure: images $(VM_PARTS) ## the life of a machine under Secure Boot, told step by step: installed, updated, attacked (as root)
	layouts/images/build.sh guest
	node setup/vm-secure.ts

check: node_modules/.installed ## format, lint, types, unit tests: before each commit
	biome check --error-on-warnings .
	tsc -p .
	ava

test-unit: node_modules/.installed ## the unit tests alone
	ava

docs: node_modules/.installed ## docs/cli.md and docs/errors.md, made of the code
	node setup/docs.ts

crash: setup build/mosctl ## stop every operation at each of its points; tells how many (as root, about 20 minutes)
	CRASH_POINTS=all TEST_GROUP=crash ava

power-cuts: setup build/mosctl images $(VM_PARTS) ## cut the power of a machine at every moment of its life; tells how many (as root, hours)
	POWER_CUTS=all TEST_GROUP=vm ava --timeout 5h test/vm/cuts/life.test.ts
	TEST_GROUP=vm/long ava --timeout 2h test/vm/long/firmware.test.ts

hangs: setup build/mosctl images $(VM_PARTS) ## boots, starts of services and a health gate that hang, given up by the machine itself (as root, 16 to 20 minutes)
	TEST_GROUP=vm/long ava test/vm/long/hangs.test.ts

LIVE_TESTS := livecd provision hardware live-registry live-attacks
live: setup build/mosctl images $(VM_PARTS) ## live media from power-on to an installed machine, on disks of all kinds, and attacks on them (as root, about 20 minutes)
	TEST_GROUP=vm/long ava $(LIVE_TESTS:%=test/vm/long/%.test.ts)

attacks: setup build/mosctl images $(VM_PARTS) ## make every attack, print what refused each (as root, about 25 minutes)
	layouts/images/build.sh guest
	node setup/attacks.ts

cycles: setup build/mosctl ## start and stop a service a thousand times, and look for what is left (as root, about 40 minutes)
	MOS_CYCLES=1000 TEST_GROUP=linux ava --timeout 120m test/linux/services/many.test.ts --match '*again and again*'

test: setup build/mosctl $(TOOLS) build/tools/schemathesis build/tools/python-tuf images $(VM_PARTS) ## everything; the last line counts
	layouts/images/build.sh guest
	node setup/test.ts

bench: setup build/mosctl build/tools/crane build/tools/referrers-registry $(VM_PARTS) ## mos beside what one would take instead, into docs/bench.md (as root); BENCH=fetch,… PAIRS=n
	layouts/images/build.sh debian guest
	node setup/bench/main.ts

bench-formats: images ## squashfs and erofs layers beside each other, as in pkg/atomfs/README.md (as root)
	node setup/bench-formats.ts

clean: ## remove what was built (images and packages too)
	rm -rf build
