# SPDX-License-Identifier: ISC
# holdfast: build, test and install with GNU make; everything lands in build/.
#
#   make run            set up what is missing, build, run a standalone node
#   make fleet          ... Redis, three nodes and HAProxy, all on loopback
#   make test           set up what is missing, build, run every test
#
#   make                build the programs (all)
#   make deps           install the Debian packages that are missing
#   make test-unit      the unit tests alone; also test-integration,
#                       test-fuzz (replay the fuzz seeds), test-lint,
#                       test-install (start a node from a DESTDIR)
#   make test-long      the integration tests in their long form: minutes to
#                       hours of kills; PYTEST_ARGS='-k crash' for some
#   make bench          build and run the benchmarks
#   make proof          kill everything many times, for the table in README.md;
#                       hours, or minutes with HOLDFAST_LONG=0
#   make fuzz           fuzz all parsers, FUZZ_SECONDS=60 in total
#   make lint           formatting, clang-tidy, rules of the tree, man pages
#   make format         reformat the tree with clang-format
#   make install        DESTDIR=, PREFIX=/usr/local and the *DIR below
#   make uninstall      remove what install put there
#   make dist           holdfast-VERSION.tar.gz of the last commit
#   make clean          remove build/
#
# Variables, each also good for `make test':
#   CC=clang            compiler (default gcc)
#   SAN=address,undefined   sanitizers
#   VARIANT=faults      with fault injection (-DHOLDFAST_FAULTS)
#   VARIANT=crashpoints ... and numbered crash points; makes the next, too
#   VARIANT=older       with another layout of the tables: what upgrades in the
#                       tests come from
#   WERROR=1            warnings are errors
#   V=1                 show the commands
#   CFLAGS= LDFLAGS=    optimisation and debugging flags of your own
#   PYTEST_ARGS='-k x'  passed to pytest by test and test-integration
# Each combination of CC, SAN and VARIANT has a build directory of its own
# (build, build/clang-asan, build/faults, ...), shown by `make show-build'.
#
# A source file is found by its folder: lib/, proto/, worker/,
# worker/gateway/, worker/relay/, supervisor/, supervisor/ctl/,
# tests/unit/test_*.c, tests/fuzz/fuzz_*.c, tests/bench/*.c,
# tests/layout/*.c and tests/integration/*.c.

VERSION = 0.1.0

ifeq ($(origin CC),default)
CC = gcc
endif
AR ?= ar
PYTHON = /usr/bin/python3
PKG_CONFIG = pkg-config
CFLAGS ?= -O2 -g
FUZZ_SECONDS ?= 60
PYTEST_ARGS ?=

PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec/holdfast
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/holdfast
BASHCOMPDIR = $(PREFIX)/share/bash-completion/completions
UNITDIR = $(PREFIX)/lib/systemd/system
SYSCONFDIR = /etc

# What `make run' needs, and what tests and lint need on top.
DEPS_BUILD = build-essential pkg-config libevent-dev libconfig-dev \
	libprotobuf-c-dev protobuf-c-compiler libssl-dev libjansson-dev \
	zlib1g-dev libxxhash-dev libsystemd-dev libhiredis-dev
DEPS_TEST = libcmocka-dev python3 python3-pytest python3-pytest-xdist \
	python3-websockets curl clang libclang-rt-14-dev clang-format \
	clang-tidy mandoc chromium iproute2 procps nodejs haproxy \
	redis-server

# ---- build directory ------------------------------------------------------

comma := ,
empty :=
space := $(empty) $(empty)
tag_cc := $(filter-out gcc cc,$(notdir $(firstword $(CC))))
tag_san := $(subst address-undefined,asan,$(subst $(comma),-,$(SAN)))
tags = $(strip $(1) $(if $(filter fuzz,$(1)),,$(tag_cc) $(tag_san)))
build_dir = build$(if $(call tags,$(1)),/$(subst $(space),-,$(call tags,$(1))))
BUILD := $(call build_dir,$(VARIANT))

ifneq ($(filter-out faults crashpoints older fuzz,$(VARIANT)),)
$(error VARIANT is faults, crashpoints or older, not '$(VARIANT)')
endif

ifeq ($(V),1)
Q =
say = @:
else
Q = @
say = @printf '  %-7s %s\n'
endif

# ---- flags ----------------------------------------------------------------
# pkg-config is asked when a recipe runs, never when this file is read: so
# `make deps' works on a machine that has nothing yet.

pc_libs = $(shell $(PKG_CONFIG) --libs $(1))
have_systemd = $(shell $(PKG_CONFIG) --exists libsystemd && echo libsystemd)
# TLS to Redis; Debian 12's hiredis is too old to have it.
have_redis_tls = $(shell $(PKG_CONFIG) --exists hiredis_ssl libssl && \
	echo hiredis_ssl libssl)
PC_ALL = libevent libconfig libprotobuf-c libcrypto jansson zlib libxxhash \
	hiredis $(have_redis_tls)
PC_CFLAGS = $(eval PC_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PC_ALL) \
	$$(have_systemd)) $$(if $$(have_systemd),-DHAVE_SYSTEMD) \
	$$(if $$(have_redis_tls),-DHAVE_HIREDIS_SSL))$(PC_CFLAGS)

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla \
	-Wconversion -Wno-sign-conversion $(if $(WERROR),-Werror)

variant_faults = -DHOLDFAST_FAULTS
variant_crashpoints = -DHOLDFAST_FAULTS -DHOLDFAST_CRASHPOINTS \
	-DHOLDFAST_KNOWS_OLDER
variant_older = -DHOLDFAST_OTHER_SLOT='"tests/layout/older_slot.h"' \
	-DHOLDFAST_OTHER_RECORD='"tests/layout/older_record.h"'
variant_fuzz =

ifneq ($(SAN),)
HARDEN = -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN_LD = -fsanitize=$(SAN)
else
HARDEN = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-clash-protection
endif
ifeq ($(VARIANT),fuzz)
HARDEN += -fsanitize=fuzzer-no-link
endif

hf_cppflags = -D_GNU_SOURCE -I. -I$(BUILD) -DHOLDFAST_VERSION='"$(VERSION)"' \
	$(variant_$(VARIANT)) $(PC_CFLAGS) $(CPPFLAGS)
hf_cflags = -std=c11 $(CFLAGS) -fPIE -fstack-protector-strong $(HARDEN)
hf_ldflags = $(CFLAGS) -pie -Wl,-z,relro,-z,now,-z,noexecstack \
	-Wl,--as-needed $(HARDEN_LD) $(LDFLAGS)
# The supervisor alone knows where things are installed.
path_cppflags = -DHOLDFAST_LIBEXECDIR='"$(LIBEXECDIR)"' \
	-DHOLDFAST_SYSCONFDIR='"$(SYSCONFDIR)"'

# ---- sources --------------------------------------------------------------

COMPONENTS = lib proto worker worker/gateway worker/relay supervisor \
	supervisor/ctl
# The supervisor is one program in several folders.
supervisor_folders = supervisor $(addprefix supervisor/,slot control upgrade \
	fleet)
folders_of = $(if $(filter supervisor,$(1)),$(supervisor_folders),$(1))
FOLDERS = $(foreach c,$(COMPONENTS),$(call folders_of,$(c)))

protos := $(wildcard proto/*.proto)
pb_c := $(protos:%.proto=$(BUILD)/%.pb-c.c)
pb_h := $(protos:%.proto=$(BUILD)/%.pb-c.h)
# Those of versions that never were, which a test build knows in addition.
other_layouts := $(if $(filter crashpoints,$(VARIANT)),$(patsubst \
	%.c,$(BUILD)/%.o,$(wildcard tests/layout/*.c)))

archive = $(BUILD)/libhf-$(notdir $(1)).a
objects = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(1)/main.c,$(wildcard \
	$(addsuffix /*.c,$(call folders_of,$(1)))))) \
	$(if $(filter proto,$(1)),$(pb_c:.c=.o) $(other_layouts))

archives := $(foreach c,$(COMPONENTS),$(call archive,$(c)))
base := $(call archive,proto) $(call archive,lib)
worker_base := $(call archive,worker) $(base)

# name of the program : folder of its main.c : what it links after its own
# archive, in this order
gateway_pc = libevent_core libcrypto zlib libprotobuf-c libxxhash
relay_pc = libevent jansson libprotobuf-c libcrypto libxxhash hiredis \
	$(have_redis_tls)
supervisor_pc = libevent libconfig jansson libprotobuf-c libcrypto \
	libxxhash hiredis $(have_systemd) $(have_redis_tls)
ctl_pc = jansson

.PHONY: all run fleet test test-unit test-integration test-fuzz test-lint \
	test-long test-install bench bench-programs proof fuzz fuzz-programs \
	lint lint-format lint-tidy format install uninstall clean dist help \
	deps deps-build show-build older-programs programs unit-programs FORCE
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

all: programs

define program
ifneq ($$(wildcard $(2)/main.c),)
PROGRAMS += $$(BUILD)/$(1)
$$(BUILD)/$(1): $$(BUILD)/$(2)/main.o $$(call archive,$(2)) $(3)
	$$(say) LINK $$@
	$$(Q)$$(CC) $$(hf_ldflags) -o $$@ $$(filter %.o %.a,$$^) \
	    $$(call pc_libs,$$($(notdir $(2))_pc)) -lm
endif
endef

$(eval $(call program,holdfast-gateway,worker/gateway,$(worker_base)))
$(eval $(call program,holdfast-relay,worker/relay,$(worker_base)))
$(eval $(call program,holdfastd,supervisor,$(base)))
$(eval $(call program,holdfastctl,supervisor/ctl,$(base)))

programs: $(PROGRAMS) $(archives)

ifeq ($(VARIANT),crashpoints)
programs: older-programs
older-programs:
	+$(Q)$(MAKE) --no-print-directory VARIANT=older programs
endif

# ---- compiling ------------------------------------------------------------

# A stamp changes only when its text does; what depends on it is then remade.
define stamp
$(Q)mkdir -p $(@D); printf '%s\n' $(1) >$@.$$$$; \
if cmp -s $@.$$$$ $@; then rm -f $@.$$$$; else mv -f $@.$$$$ $@; fi
endef
quote = '$(subst ','\'',$(strip $(1)))'

$(BUILD)/.flags-compile: FORCE
	$(call stamp,$(call quote,$(CC) $(hf_cppflags) $(hf_cflags) \
	    $(WARNINGS)))
$(BUILD)/.flags-link: FORCE
	$(call stamp,$(call quote,$(CC) $(hf_ldflags)))
$(BUILD)/.flags-paths: FORCE
	$(call stamp,$(call quote,$(path_cppflags)))

compile = $(CC) $(hf_cppflags) $(local_cppflags) $(hf_cflags) \
	$(local_warnings) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c $(BUILD)/.flags-compile | $(pb_h)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(compile)
$(BUILD)/%.pb-c.o: $(BUILD)/%.pb-c.c $(BUILD)/.flags-compile | $(pb_h)
	$(say) CC $<
	$(Q)$(compile)

local_warnings = $(WARNINGS)
$(pb_c:.c=.o): local_warnings = -w
# The client that a gateway serves: its bytes as numbers.
client_files := $(wildcard worker/gateway/client/holdfast.*)
client_incs := $(client_files:%=$(BUILD)/%.inc)
$(client_incs): $(BUILD)/%.inc: %
	$(say) EMBED $<
	$(Q)mkdir -p $(@D)
	$(Q)od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g' >$@
$(BUILD)/worker/gateway/client_file.o: $(client_incs)

supervisor_objects := $(call objects,supervisor) $(BUILD)/supervisor/main.o
$(supervisor_objects): local_cppflags = $(path_cppflags)
$(supervisor_objects): $(BUILD)/.flags-paths

$(BUILD)/%.pb-c.c $(BUILD)/%.pb-c.h &: %.proto
	$(say) PROTOC $<
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --proto_path=. --c_out=$(BUILD) $<

define archive_rule
$$(call archive,$(1)): $$(call objects,$(1)) $$(BUILD)/.list-$$(notdir $(1))
	$$(say) AR $$@
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $$(filter %.o,$$^)
$$(BUILD)/.list-$$(notdir $(1)): FORCE
	$$(call stamp,$$(call quote,$$(call objects,$(1))))
endef
$(foreach c,$(COMPONENTS),$(eval $(call archive_rule,$(c))))

$(PROGRAMS): $(BUILD)/.flags-link

FORCE:

# ---- tests ----------------------------------------------------------------
# tests/unit/test_X.c is a cmocka program; other files there are helpers that
# all of them link.  tests/fuzz/fuzz_X.c becomes a libFuzzer program in
# build/fuzz and, in every other build, a program that replays the seeds.

group = -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
test_pc = cmocka $(PC_ALL) $(have_systemd)

unit_names := $(patsubst %.c,%,$(wildcard tests/unit/test_*.c))
UNIT := $(unit_names:%=$(BUILD)/%)
unit_help := $(patsubst %.c,$(BUILD)/%.o,$(filter-out \
	$(wildcard tests/unit/test_*.c),$(wildcard tests/unit/*.c)) \
	$(if $(other_layouts),,$(wildcard tests/layout/*.c)))

$(UNIT): $(BUILD)/%: $(BUILD)/%.o $(unit_help) $(archives) $(BUILD)/.flags-link
	$(say) LINK $@
	$(Q)$(CC) $(hf_ldflags) -o $@ $(filter %.o,$^) $(group) \
	    $(call pc_libs,$(test_pc)) -lm

# A pure module of the load generator.
$(BUILD)/tests/unit/test_retry: $(BUILD)/tests/bench/common_retry.o

fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(fuzz_names:%=$(BUILD)/fuzz_%)
REPLAYS := $(fuzz_names:%=$(BUILD)/tests/fuzz/replay_%)

$(FUZZERS): $(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(archives) \
		$(BUILD)/.flags-link
	$(say) LINK $@
	$(Q)$(CC) $(hf_ldflags) -fsanitize=fuzzer -o $@ $(filter %.o,$^) \
	    $(group) $(call pc_libs,$(PC_ALL)) -lm

$(REPLAYS): $(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o \
		$(BUILD)/tests/fuzz/replay.o $(archives) $(BUILD)/.flags-link
	$(say) LINK $@
	$(Q)$(CC) $(hf_ldflags) -o $@ $(filter %.o,$^) $(group) \
	    $(call pc_libs,$(PC_ALL)) -lm

bench_help := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/common_*.c))
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(filter-out \
	tests/bench/common_%,$(wildcard tests/bench/*.c)))

$(BENCHES): $(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(bench_help) $(base) \
		$(BUILD)/.flags-link
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(hf_ldflags) -o $@ $(filter %.o %.a,$^) \
	    $(call pc_libs,$(PC_ALL)) -lm

# Programs that integration tests run beside a node.
beside_help := $(patsubst %.c,$(BUILD)/%.o,$(wildcard \
	tests/integration/common_*.c))
BESIDE := $(patsubst tests/integration/%.c,$(BUILD)/integration/%,$(filter-out \
	tests/integration/common_%,$(wildcard tests/integration/*.c)))

$(BESIDE): $(BUILD)/integration/%: $(BUILD)/tests/integration/%.o \
		$(beside_help) $(base) $(BUILD)/.flags-link
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(hf_ldflags) -o $@ $(filter %.o %.a,$^) \
	    $(call pc_libs,$(PC_ALL)) -lm

unit-programs: $(UNIT) $(REPLAYS)
bench-programs: $(BENCHES) $(BESIDE)
fuzz-programs: $(FUZZERS)

# Sub-makes: on a new machine the packages come first, and the flags are read
# again after that.  They use all CPUs unless a -j was given.
jobs = $(if $(filter -j% --jobserver%,$(MFLAGS)),,-j$(shell nproc))
sub = +$(Q)$(MAKE) --no-print-directory $(jobs)
run_tests = $(PYTHON) tests/run.py --build $(BUILD) \
	--faults-build $(call build_dir,crashpoints) \
	--older-build $(call build_dir,older) \
	--pytest-args=$(call quote,$(PYTEST_ARGS))

run: deps-build
	$(sub) all
	exec $(BUILD)/holdfastd -c etc/holdfast-dev.conf

fleet: deps
	$(sub) all
	@exec $(PYTHON) -uB tests/fleet/fleet.py --build $(BUILD)

test: deps
	$(sub) all unit-programs bench-programs
	$(sub) VARIANT=crashpoints programs
	@$(run_tests) unit fuzz integration lint

test-unit:
	$(sub) unit-programs
	@$(run_tests) unit

test-fuzz:
	$(sub) unit-programs
	@$(run_tests) fuzz

test-integration:
	$(sub) all bench-programs
	$(sub) VARIANT=crashpoints programs
	@$(run_tests) integration

test-long:
	$(sub) all bench-programs
	$(sub) VARIANT=crashpoints programs
	@HOLDFAST_LONG=1 $(run_tests) integration

test-lint:
	@$(run_tests) lint

test-install:
	$(sub) all
	@$(PYTHON) tests/install.py $(foreach v,CC SAN VARIANT WERROR,$(if \
	    $($(v)),$(call quote,$(v)=$($(v)))))

bench:
	$(sub) all bench-programs
	$(if $(wildcard tests/bench/run.py),HOLDFAST_BUILD=$(abspath $(BUILD)) \
	    $(PYTHON) tests/bench/run.py,@echo 'tests/bench has no run.py')

proof:
	$(sub) all bench-programs
	$(sub) VARIANT=crashpoints programs
	@$(PYTHON) tests/proof.py --build $(abspath $(BUILD)) \
	    --faults-build $(abspath $(call build_dir,crashpoints)) \
	    --pytest-args=$(call quote,$(PYTEST_ARGS))

fuzz:
	$(sub) VARIANT=fuzz CC=clang SAN=address,undefined fuzz-programs
	@$(PYTHON) tests/fuzz/run.py --build build/fuzz \
	    --seconds $(FUZZ_SECONDS) $(fuzz_names)

# ---- lint -----------------------------------------------------------------

test_folders := tests/unit tests/fuzz tests/bench tests/integration \
	tests/layout
c_sources := $(wildcard $(foreach d,$(FOLDERS) $(test_folders),$(d)/*.c))
c_headers := $(wildcard $(foreach d,$(FOLDERS) $(test_folders),$(d)/*.h))
TIDY := $(c_sources:%.c=$(BUILD)/tidy/%.ok)

lint:
	$(sub) -k lint-format lint-tidy; status=$$?; \
	    $(run_tests) lint && exit $$status

lint-format:
	$(say) FORMAT 'all sources'
	$(Q)bad=0; for f in $(c_sources) $(c_headers); do \
	    clang-format $$f | cmp -s - $$f || { bad=1; \
	    echo "$$f: not formatted (make format does it)"; }; \
	done; exit $$bad

lint-tidy: $(TIDY)

# Checked again when the object was made again, so that headers count too.
tidy_config = .clang-tidy tests/.clang-tidy tests/lint/queue_model.h
$(TIDY): $(BUILD)/tidy/%.ok: %.c $(BUILD)/%.o $(tidy_config)
	$(say) TIDY $<
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(hf_cppflags) $(path_cppflags) -std=c11 \
	    -include tests/lint/queue_model.h 2>$@.err || \
	    { cat $@.err; exit 1; }
	$(Q)rm -f $@.err; touch $@

format:
	clang-format -i $(c_sources) $(c_headers)

# ---- packages -------------------------------------------------------------

# $(1): Debian packages
define install_packages
@if ! command -v dpkg-query >/dev/null; then \
	echo 'not a Debian system; needed: $(strip $(1))'; exit 0; \
fi; \
missing=; \
for p in $(1); do \
	s=$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null); \
	case $$s in installed*) ;; *) missing="$$missing $$p" ;; esac; \
done; \
if [ -z "$$missing" ]; then echo 'all packages are installed'; exit 0; fi; \
echo "installing:$$missing"; \
as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
$$as_root apt-get update -qq && \
$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	--no-install-recommends $$missing
endef

deps:
	$(call install_packages,$(DEPS_BUILD) $(DEPS_TEST))

deps-build:
	$(call install_packages,$(DEPS_BUILD))

# ---- install --------------------------------------------------------------

INSTALL = install
root = $(DESTDIR)
man_pages = $(wildcard man/*.[1-8])
workers = $(filter $(BUILD)/holdfast-%,$(PROGRAMS))
completion = $(wildcard etc/holdfastctl.bash)
unit_file = $(wildcard etc/holdfastd.service)
conf_file = $(wildcard etc/holdfast.conf)
examples = $(patsubst etc/%,%,$(filter-out $(completion) $(unit_file) \
	$(conf_file),$(wildcard etc/* etc/*/*)))
# the unit file in the tree names the default PREFIX
set_paths = sed -e 's|/usr/local/sbin|$(SBINDIR)|g' \
	-e 's|/usr/local/bin|$(BINDIR)|g' \
	-e 's|/etc/holdfast|$(SYSCONFDIR)/holdfast|g'

install:
	$(sub) all
	$(INSTALL) -d $(root)$(SBINDIR) $(root)$(BINDIR) $(root)$(LIBEXECDIR) \
	    $(root)$(DOCDIR)
	$(if $(filter %/holdfastd,$(PROGRAMS)),$(INSTALL) -m 755 \
	    $(BUILD)/holdfastd $(root)$(SBINDIR)/holdfastd)
	$(if $(filter %/holdfastctl,$(PROGRAMS)),$(INSTALL) -m 755 \
	    $(BUILD)/holdfastctl $(root)$(BINDIR)/holdfastctl)
	$(if $(workers),$(INSTALL) -m 755 $(workers) $(root)$(LIBEXECDIR))
	$(INSTALL) -m 644 README.md NEWS.md LICENSE $(root)$(DOCDIR)
	$(foreach m,$(man_pages),$(INSTALL) -D -m 644 $(m) \
	    $(root)$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)) &&) :
	$(if $(conf_file),$(INSTALL) -D -m 644 $(conf_file) \
	    $(root)$(SYSCONFDIR)/holdfast/holdfast.conf.example)
	$(if $(completion),$(INSTALL) -D -m 644 $(completion) \
	    $(root)$(BASHCOMPDIR)/holdfastctl)
	$(if $(unit_file),$(INSTALL) -d $(root)$(UNITDIR) && $(set_paths) \
	    $(unit_file) >$(root)$(UNITDIR)/holdfastd.service)
	$(foreach e,$(examples),if [ -f etc/$(e) ]; then $(INSTALL) -D -m 644 \
	    etc/$(e) $(root)$(DOCDIR)/examples/$(e); fi &&) :

uninstall:
	rm -f $(root)$(SBINDIR)/holdfastd $(root)$(BINDIR)/holdfastctl
	rm -f $(foreach m,$(man_pages),$(root)$(MANDIR)/man$(subst \
	    .,,$(suffix $(m)))/$(notdir $(m)))
	rm -f $(root)$(SYSCONFDIR)/holdfast/holdfast.conf.example
	rm -f $(root)$(BASHCOMPDIR)/holdfastctl
	rm -f $(root)$(UNITDIR)/holdfastd.service
	rm -rf $(root)$(LIBEXECDIR) $(root)$(DOCDIR)
	-rmdir $(root)$(SYSCONFDIR)/holdfast 2>/dev/null

# ---- the rest -------------------------------------------------------------

dist:
	git archive --format=tar.gz --prefix=holdfast-$(VERSION)/ \
	    -o holdfast-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

help:
	@sed -n '1d;/^#/!q;s/^# \{0,1\}//;p' Makefile

show-build:
	@echo $(BUILD)

# Not for goals that only call sub-makes: those read them.
ifneq ($(filter-out clean help deps deps-build dist format show-build run \
	fleet test test-% lint fuzz proof install uninstall, \
	$(or $(MAKECMDGOALS),all)),)
-include $(wildcard $(foreach d,$(FOLDERS) \
	$(test_folders),$(BUILD)/$(d)/*.d))
endif
