# SPDX-License-Identifier: GPL-2.0-only
#
# KERNEL=dev|debug|debian…|host chooses the kernel, CONFIG=FILE adds options to it,
# KDIR=/path chooses any other prepared tree,
# T='name...' some samples' tests, V=1 shows the commands. M=DIR is about another folder's
# modules: see scripts/module.mk.

# What is empty was not chosen.
$(foreach it,KERNEL KDIR CONFIG LLVM RUSTC BINDGEN,$(if $($(it)),,$(eval override undefine $(it))))

# The machine's own kernel is called host, and by what `uname -r` says.
KERNEL	?= $(if $(filter install uninstall,$(MAKECMDGOALS)),host,dev)
ifeq ($(KERNEL),host)
override KERNEL := $(shell uname -r)
endif
# M=DIR: the modules of another folder. From the environment it is somebody else's.
ifneq ($(filter command%,$(origin M)),)
export LKMPG_M := $(abspath $(M))
else
override undefine LKMPG_M
endif
# CONFIG=FILE: KERNEL with more options is a kernel of its own, KERNEL+NAME.
ifneq ($(filter command%,$(origin CONFIG)),)
export LKMPG_CONFIG := $(abspath $(CONFIG))
override KERNEL := $(firstword $(subst +, ,$(KERNEL)))+$(basename $(notdir $(CONFIG)))
ifeq ($(wildcard $(LKMPG_CONFIG)),)
$(error CONFIG=$(CONFIG): there is no file $(LKMPG_CONFIG))
endif
ifneq ($(KDIR)$(filter debian% 0% 1% 2% 3% 4% 5% 6% 7% 8% 9%,$(KERNEL)),)
$(error CONFIG=$(CONFIG) is for kernels that are built here, such as KERNEL=dev and debug)
endif
else
override undefine LKMPG_CONFIG
endif
BUILD	:= $(LKMPG_M:%=%/)build
OUT	:= $(BUILD)/$(KERNEL)
CARGO	?= cargo
Q	:= $(if $(V),,@)

export KERNEL DESTDIR
ifdef JUNIT
export LKMPG_JUNIT := $(if $(filter /%,$(JUNIT)),,$(or $(LKMPG_M),$(CURDIR))/)$(JUNIT)
endif

# What is built is looked for in build/cargo, and the guest's programs are static.
unexport CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR
unexport RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS

# What the caller's shell happens to have, and would change a build: it counts on
# the command line only.
STRAY	:= $(foreach it,$(filter ARCH SUBARCH CROSS_COMPILE CC CPATH C_INCLUDE_PATH BINDGEN_EXTRA_CLANG_ARGS% \
		HOST%FLAGS HOSTCC HOSTLD HOSTRUSTC K%FLAGS KBUILD_% CONFIG_% LOCALVERSION KERNELRELEASE MAKEFILES \
		BASH_ENV BASH_FUNC_% BASHOPTS SHELLOPTS ENV CDPATH GREP_OPTIONS POSIXLY_CORRECT TAR_OPTIONS,$(.VARIABLES)),\
		$(if $(filter environment%,$(origin $(it))),$(it)))
unexport $(STRAY)

# Kbuild, compilers and shells give these in a path a meaning of their own.
UNFIT	:= $$ ' " \# & % ; : , = ( ) < > | * ? [ ] { } ! ^ `
check-path = $(foreach it,$(firstword $(if $(word 2,x$1x),space) $(foreach it,$(UNFIT),$(findstring $(it),$1))),\
	$(error a kernel module cannot be built with a path that has a $(it) in it: $1))
$(call check-path,$(CURDIR))

# What the caller chose: the file that is read next has what was chosen before.
CHOSEN	:= $(foreach it,LLVM RUSTC RUSTDOC RUSTFMT CLIPPY_DRIVER BINDGEN LIBCLANG_PATH,\
		$(if $(filter environment command,$(origin $(it))),$(it)='$($(it))'))

ifneq ($(filter vm test soak fuzz bench coverage,$(MAKECMDGOALS)),)
ifdef KDIR
$(error KDIR is for building, and the VM boots the kernel named by KERNEL: unset KDIR)
endif
ifneq ($(filter 0% 1% 2% 3% 4% 5% 6% 7% 8% 9%,$(KERNEL)),)
$(error the machine's own kernel $(KERNEL) is for building: the VM boots KERNEL=dev, debug, debian and others)
endif
endif

# What rustc calls what runs here, and in the guest.
HERE	:= $(shell scripts/here)
TARGET	:= $(HERE)
export CARGO_BUILD_TARGET := $(HERE)

ifdef KDIR
$(call check-path,$(KDIR))
OUT	:= $(BUILD)/$(or $(file <$(KDIR)/include/config/kernel.release),kdir)
# What goes with the compiler is beside it, not first on the PATH.
BESIDE	:= $(shell '$(or $(RUSTC),rustc)' --print sysroot 2>/dev/null)/bin
RUSTDOC	?= $(wildcard $(BESIDE)/rustdoc)
RUSTFMT	?= $(wildcard $(BESIDE)/rustfmt)
CLIPPY_DRIVER ?= $(wildcard $(BESIDE)/clippy-driver)
else
# Which KDIR and tools: written by scripts/kernel.
-include $(OUT)/kernel/toolchain.mk
endif

# The tools that were chosen for this kernel, or by the caller.
TOOLS	:= $(foreach tool,LLVM RUSTC RUSTDOC RUSTFMT CLIPPY_DRIVER BINDGEN PAHOLE,\
		$(if $($(tool)),$(tool)='$($(tool))'))
TOOLS	+= $(foreach it,ARCH CC,$(if $(filter file command,$(origin $(it))),$(it)='$($(it))'))
# On all CPUs, unless -j says how many.
JOBS	= $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
# A module that calls what is freed after its init must not link, whatever the kernel's own are allowed.
STRICT	= CONFIG_SECTION_MISMATCH_WARN_ONLY=
# Where the modules are built; MO= says where else.
MO	:= $(OUT)
# For a kernel without debug information the modules' objects have the lines of their sources, which
# splats and gdb are told with. In the modules themselves they would make each guest slower to start.
LINES	= $(if $(findstring CONFIG_DEBUG_INFO=y,$(file <$(KDIR)/include/config/auto.conf)),,yes)
# Kbuild asks the compiler at each start which options it takes: scripts/cc remembers what this one said.
CLANG	:= $(if $(filter undefined default,$(origin CC)),$(and $(LLVM),$(filter %/,$(LLVM))clang$(filter -%,$(LLVM))))
ifdef CLANG
TOOLS	+= CC='$(CURDIR)/scripts/cc'
export LKMPG_CC := $(CLANG)
export LKMPG_ANSWERS := $(abspath $(OUT))/.answers-$(shell stat -Lc %i-%Y-%s "$$(command -v '$(CLANG)')" 2>/dev/null)
endif
# $(call kbuild,FOLDER,OUTPUT,RUSTFLAGS)
kbuild	= $(MAKE) -C '$(KDIR)' M='$1' MO='$(abspath $2)' $(TOOLS) $(JOBS) $(if $(V),,-s) \
	$(if $(LINES),LDFLAGS_MODULE='-T $(CURDIR)/scripts/no-debug.lds $(LDFLAGS_MODULE)') KCFLAGS='$(if $(LINES),-g1) $(KCFLAGS)' \
	KRUSTFLAGS='$(if $(LINES),-Cdebuginfo=1) $3 $(KRUSTFLAGS)'
KBUILD	= $(call kbuild,$(CURDIR),$(MO)) $(STRICT)
# $(call locked,COMMANDS): one make at a time; what has 9>&- may outlive it. The shell
# would become its last command, and close its own file: hence the colon.
locked	= (flock 9 && $1 && :) 9>$(MO)/.lock
# $(call if-changed,OUTPUT,SOURCES): in a kernel of the caller's anything may have changed. One that is
# built again, of KERNEL_SRC, is complete later.
if-changed = $(if $(filter file,$(origin KDIR)),scripts/if-changed $1 $2 Makefile scripts/no-debug.lds \
	scripts/clippy.toml $(wildcard $(OUT)/kernel/complete) --)

# For another processor cargo builds only what runs there, with the compiler that its libraries go with.
IS_FOREIGN = $(filter-out $(HERE),$(TARGET))
# Not the kernel's, if that is one of Debian's.
FOREIGN	= RUSTC='$(USER_RUSTC)'
BENCH	:= lkmpg-vm lkmpg-report lkmpg-mutants lkmpg-model lkmpg-runner-tests lkmpg-tools-tests
GUESTS	= --target $(TARGET) --workspace $(addprefix --exclude ,$(BENCH))
# Scripts that have cargo build for the guest are told so.
TELL	= $(if $(IS_FOREIGN),TARGET=$(TARGET) $(FOREIGN))

# Whether any of the modules is in Rust.
RUST	:= yes

ifdef LKMPG_M
include scripts/module.mk
else

.PHONY: all
all: kernel
	+$(Q)$(MAKE) --no-print-directory $(JOBS) kbuild programs

.PHONY: help
help:
	@sed -n 's/^#: //p' Makefile

#: make              build the modules and the clients for KERNEL (default: dev)
#: make vm           set everything up, build, and boot the VM into a shell
#: make test         set up, build, and run every test; T='chardev sleep' some, EXCEPT=twins
#:                   all of them but some, T=units what is in the programs and the documentation;
#:                   JUNIT=FILE writes the report for a CI service
#: make test-debian  what README.md promises, in a bare Debian 13 (takes root; PARTS=, ROOT=)
#: make soak         load all modules for 30 minutes, and the tests of what fails, and of loading, at
#:                   full length (hours); MINUTES=5 only that, for so long
#: make exercise     the book's exercises, with what is done; E=NAME begins one, builds what you have
#:                   made of it, and says what is missing
#: make fuzz         trinity, a fuzzer of system calls, on each node, as root and as a user, in a
#:                   guest for each (hours); T=chardev one module's, NODE=, AS=, SEED=, CALLS=
#: make bench        compare the samples with their twins in C; T=sleep one, T=start the bench itself
#: make coverage     what of rust/ and samples/ the tests reach; T=chardev one's
#: make mutants      break the project in many places, a few at a time, in a copy, and say
#:                   what no test notices (hours); T=chardev some
#: make check        formatting, lints, documentation, shell, the unsafe policy
#: make doctor       say what is missing or mismatched, and what mends it
#: make book         the book as HTML, EPUB and PDF, in build/book
#: make doc          the support crate's documentation, in build/doc
#: make rust-analyzer  rust-project.json for editors
#: make install      put the modules for KERNEL (default: host) where modprobe finds them
#:                   (as root; DESTDIR, SIGN_KEY and SIGN_CERT); make uninstall removes them
#: make clean        remove build/ (kernels stay in the cache)
#: make clean-cache  remove kernels, sources and tools not used for DAYS=30
#:
#: make M=DIR        the same for the modules of another folder: also vm, test, gates, check,
#:                   doctor, rust-analyzer and clean (docs/your-module.md)
#:
#: KERNEL=debug      the kernel with the sanitizers; KERNEL=trace with what looks inside
#: CONFIG=FILE       the kernel with more options: what FILE.config adds, as CONFIG_TUN=y
#: KERNEL=arm64      the kernel of another processor, emulated; also riscv64 (docs/processors.md)
#: KERNEL=debian     Debian's own; also debian-cloud, debian-rt, debian-7.2, debian-arm64
#: KERNEL=host       the machine's own, to build for only; KERNEL=RELEASE another of
#:                   Debian's, by what uname -r says
#: KDIR=/path        any other prepared kernel tree with CONFIG_RUST=y

# Of some tests it is known which modules they load: these alone are built, if all were before. Kbuild
# then removes its list, which stays that of all.
ORDER	= $(MO)/modules.order
SOME	= cp $(ORDER) $(ORDER).all && $(CHANGED) $(KBUILD) rust/lkm.o $(LKMPG_ONLY:.o=.ko) 9>&- && mv $(ORDER).all $(ORDER)
CHANGED	= $(call if-changed,$(MO),Kbuild $(shell sed -n 's/^obj-m := //p' Kbuild))

# The kernel's settings may only just have come to be: read this file again.
.PHONY: modules clients
modules: kernel
	+$(Q)$(MAKE) --no-print-directory kbuild

.PHONY: kbuild
kbuild:
	@echo 'modules:$(foreach it,$(LKMPG_ONLY), $(basename $(notdir $(it)))) for $(if $(filter file,$(origin KDIR)),the kernel $(KERNEL),KDIR=$(KDIR)), in $(MO)' >&2
	$(Q)mkdir -p $(MO)
	+$(Q)$(call locked,scripts/forget $(MO) && $(if $(LKMPG_ONLY),$(SOME),$(CHANGED) $(KBUILD) modules 9>&-))

clients: kernel
	+$(Q)$(MAKE) --no-print-directory programs

.PHONY: programs
programs:
	+$(Q)$(CARGO) build --quiet --release --workspace --bins
ifneq ($(IS_FOREIGN),)
	+$(Q)$(FOREIGN) $(CARGO) build --quiet --release $(GUESTS) --bins
endif

.PHONY: vm
vm: all
	$(Q)scripts/vm --kernel $(KERNEL)

# As Cargo finds them, those of the guest first, and what is tested here: the bench, and what the
# programs and their documentation have in themselves.
OURS	:= $(basename $(notdir $(wildcard */*/tests/*.rs))) units
TESTS	:= $(basename $(notdir $(wildcard tests/*.rs))) $(if $(filter coverage,$(MAKECMDGOALS)),,$(OURS))
# What scripts/bench knows: those with a twin in C, and others.
BENCHES	:= $(patsubst tests/twins/%_c.c,%,$(wildcard tests/twins/*_c.c)) blkram chan docs growth html_parser start vnet
SAMPLES	= $(basename $(filter %.o,$(shell sed -n '/^obj-/p' samples/*/Kbuild)))
# $(call check-names,GOALS,WHAT,NAMES,ALL): a wrong name is told before anything is built.
check-names = $(if $(filter $1,$(MAKECMDGOALS)),$(if $(filter-out $4,$3),\
	$(error there is no $2 $(filter-out $4,$3): there are $4)))
$(call check-names,test soak coverage,test,$(T) $(EXCEPT),$(TESTS))
$(call check-names,bench,bench,$(T),$(BENCHES))
$(call check-names,fuzz,module,$(T),$(SAMPLES))
$(if $(filter test soak fuzz bench coverage,$(MAKECMDGOALS)),$(foreach it,MINUTES LKMPG_SMP LKMPG_JOBS LKMPG_TIMEOUT,\
	$(if $($(it)),$(if $(shell printf %s '$($(it))' | grep -xE '[1-9][0-9]*'),,\
		$(error $(it)=$($(it)): it is a whole number above 0)))))
ifdef EXCEPT
override T := $(filter-out $(EXCEPT),$(or $(T),$(TESTS)))
$(if $(T),,$(error EXCEPT='$(EXCEPT)' leaves no test))
endif

# Builds the tests, and says which they are, to file 8: all of all packages, unless T says which. Of another
# processor's only those are built that run in its guest.
THEIRS	= $(if $(EXCEPT),$(filter-out $(OURS),$(T)),$(T))
.PHONY: .tests
.tests: programs
	$(Q)$(if $(IS_FOREIGN),$(FOREIGN) $(CARGO) test $(GUESTS) $(or $(addprefix --test ,$(THEIRS)),--test '*'),\
		$(CARGO) test --workspace $(addprefix --test ,$(filter-out units,$(T))) $(if $(filter units,$(T)),--lib --bins)) \
		--no-run --message-format=json-render-diagnostics >&8

# Runs them, once the modules are built as well.
.PHONY: .suite
.suite:
	$(if $(IS_FOREIGN),$(if $(and $(EXCEPT),$(THEIRS)),,$(foreach it,$(filter $(OURS),$(T)),\
		$(error the test $(it) runs on this machine: KERNEL=dev, and not KERNEL=$(KERNEL)))))
	+$(Q)list=$$($(MAKE) --no-print-directory $(JOBS) kbuild .tests 8>&1 >&2) && \
		printf '%s\n' "$$list" | scripts/vm --suite $(if $(IS_FOREIGN),,$(if $(T),$(if $(filter units,$(T)),--doctests),--doctests))

SUITE	= $(MAKE) --no-print-directory .suite T='$(T)'

# How often a module is loaded and unloaded while something comes in.
.PHONY: test
test: export LKMPG_LOADS := $(or $(LKMPG_LOADS),20)
test: export LKMPG_ONLY := $(if $(T),$(shell scripts/needs $(OUT)/modules.order $(T)))
test: kernel
	+$(Q)$(SUITE)

# The tests of reliability at their full length, and those that load a module again and again; or
# one for as long as is said.
.PHONY: soak
soak: export LKMPG_SMP := $(or $(LKMPG_SMP),2)
soak: export LKMPG_TIMEOUT := 100000
soak: export LKMPG_FAULTS := $(or $(LKMPG_FAULTS),all)
soak: export LKMPG_ROUNDS := $(or $(LKMPG_ROUNDS),1000)
soak: export LKMPG_CALLS := $(or $(LKMPG_CALLS),50000)
soak: export LKMPG_LOADS := $(or $(LKMPG_LOADS),200)
soak: export LKMPG_MIB := $(or $(LKMPG_MIB),10240)
soak: export LKMPG_MINUTES := $(or $(MINUTES),30)
LOADING	= $(if $(filter soak,$(MAKECMDGOALS)),$(basename $(notdir $(shell grep -l LKMPG_LOADS tests/*.rs))))
soak: T := $(or $(T),$(if $(MINUTES),soak,faults storm hostile soak $(LOADING)))
soak: kernel
	+$(Q)$(SUITE)

# The modules are those of one exercise: what is here need not be built.
.PHONY: exercise
exercise:
	+$(Q)scripts/exercise $(E)

# What knows nothing of this project: not a part of the tests, since no run is like the other.
.PHONY: fuzz
fuzz: all
	$(Q)scripts/fuzz $(T)

.PHONY: bench
bench: all
	+$(Q)$(MAKE) --no-print-directory .bench

# The kernel may only just have come to be, and with it what tells its processor.
.PHONY: .bench
.bench:
	+$(Q)$(TELL) scripts/bench $(T)

.PHONY: coverage
coverage: all
	+$(Q)$(MAKE) --no-print-directory .coverage

.PHONY: .coverage
.coverage:
	+$(Q)env $(TOOLS) scripts/coverage $(OUT) $(T)

# It takes the gates of a folder.
.PHONY: gates
gates:
	$(error whose gates? make M=DIR gates. Those of the samples are tests: make test T='faults storm hostile')

.PHONY: mutants
mutants: kernel
	$(Q)$(CARGO) run --quiet --release --package lkmpg-mutants -- $(T)

.PHONY: check
check: modules
	+$(Q)$(MAKE) --no-print-directory .check

.PHONY: .check
.check: export KTREE := $(KDIR)
.check:
	+$(Q)env $(TOOLS) scripts/check $(OUT)

.PHONY: doc .doc
doc: modules
	+$(Q)$(MAKE) --no-print-directory .doc

.doc:
	$(Q)env $(TOOLS) scripts/doc $(OUT)

.PHONY: book
book:
	$(Q)scripts/setup --book
	$(Q)scripts/book

.PHONY: rust-analyzer .rust-analyzer
rust-analyzer: modules
	+$(Q)$(MAKE) --no-print-directory .rust-analyzer

.rust-analyzer:
	+$(Q)LKMPG_RUSTC=$(or $(RUSTC),rustc) $(KBUILD) RUSTC=$(CURDIR)/scripts/rustc-of-2021 rust-analyzer
	$(Q)scripts/rust-project $(OUT) $(PROJECT)

# These build nothing, so that nothing is built by root.
.PHONY: install uninstall
install:
	$(Q)KTREE='$(KDIR)' scripts/install $(OUT)

uninstall:
	$(Q)scripts/install --remove $(OUT)

# What dkms.conf runs. It installs no packages.
.PHONY: dkms
dkms:
	$(Q)scripts/kernel $(KERNEL)
	+$(Q)$(MAKE) --no-print-directory kbuild
	+$(Q)$(MAKE) --no-print-directory .dkms

# What dkms.conf promises is what was built, no less and no more.
.PHONY: .dkms
.dkms:
	$(Q)$(MAKE) -s --no-print-directory -f scripts/samples.mk CONFIG='$(KDIR)/.config' | sort >$(OUT)/samples.promised
	$(Q)sed -n '/^samples/s/\.o$$//p' $(OUT)/modules.order | sort | diff $(OUT)/samples.promised - || \
		{ echo 'dkms: "<" is in dkms.conf and was not built, ">" was built and is not in dkms.conf' >&2; false; }

.PHONY: clean
clean:
	rm -rf build rust-project.json

.PHONY: clean-cache
clean-cache:
	$(Q)scripts/clean-cache $(DAYS)

# What takes root, the network and long.
.PHONY: test-debian
test-debian:
	$(Q)scripts/test-debian $(or $(ROOT),/var/tmp/lkmpg-rs-debian) $(PARTS)
	$(Q)scripts/test-rust-metadata
	$(Q)scripts/test-dkms

endif # LKMPG_M

# A tree of the caller's is taken as it is, if it will do.
.PHONY: kernel
kernel:
ifneq ($(filter undefined file,$(origin KDIR)),)
	$(Q)env -u LIBCLANG_PATH $(CHOSEN) scripts/setup
	$(Q)env -u LIBCLANG_PATH $(CHOSEN) scripts/kernel $(KERNEL)
else
	$(Q)KDIR='$(KDIR)' scripts/doctor --kdir $(if $(RUST),,c)
endif

.PHONY: doctor
doctor:
	$(Q)IGNORED='$(STRAY)' scripts/doctor
