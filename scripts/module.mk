# SPDX-License-Identifier: GPL-2.0-only
#
# make M=DIR: the modules of a folder that has a Kbuild, or a Makefile with obj-m, in the
# kernel's usual form. What is built of them goes to DIR/build/KERNEL; nothing changes
# here but build/, or the cache if that cannot be written to (scripts/own).
# Read by ../Makefile.

$(call check-path,$(M))
DIR	:= $(LKMPG_M)
$(call check-path,$(DIR))
FILE	:= $(firstword $(wildcard $(DIR)/Kbuild $(DIR)/Makefile))
ifeq ($(wildcard $(DIR)/.),)
$(error M=$(M): there is no folder $(DIR))
endif
ifeq ($(realpath $(DIR)),$(realpath $(CURDIR)))
$(error M=$(M) is lkmpg-rs itself: leave it out)
endif
NO_OBJ	:= say "obj-m += NAME.o" there, for NAME.rs or NAME.c
ifeq ($(FILE),)
$(error there is neither a Kbuild nor a Makefile in $(DIR): write a Kbuild, and $(NO_OBJ))
endif
ifeq ($(shell grep -E '^[^#]*(obj-|include)' $(FILE)),)
$(error $(FILE) names no module: $(NO_OBJ))
endif

# The support crate is for modules in Rust. The kernel's own build passes it on.
OWN	:= $(shell scripts/own)
LKM	:= $(OWN)/$(notdir $(OUT))/lkm
RUST	:= $(shell find $(DIR) -mindepth 1 \( -name '.*' -o -name build -o -name tests -o -name lkmpg-rs \) -prune \
		-o -name '*.rs' -print -quit)
WITH_LKM = $(if $(RUST),--extern lkm=$(LKM)/liblkm.rmeta -Zcross-crate-inline-threshold=always)

.PHONY: all modules
all: kernel
	+$(Q)$(MAKE) --no-print-directory $(JOBS) kbuild guest

modules: kernel
	+$(Q)$(MAKE) --no-print-directory $(JOBS) kbuild

# What a guest begins with. That for this machine's processor comes with scripts/vm.
.PHONY: guest
guest:
	+$(Q)$(if $(IS_FOREIGN),CARGO_TARGET_DIR=$(OWN)/cargo $(FOREIGN) $(CARGO) build --quiet --release $(GUESTS) --bin lkmpg-guest,:)

# The kernel's settings may only just have come to be: this is another make.
.PHONY: kbuild
kbuild: $(if $(RUST),lkm)
	@echo 'modules: of $(DIR), for $(if $(filter file,$(origin KDIR)),the kernel $(KERNEL),KDIR=$(KDIR)), in $(MO)' >&2
	$(Q)mkdir -p $(MO)
	+$(Q)$(call locked,scripts/forget $(MO) && $(call kbuild,$(DIR),$(MO),$(WITH_LKM)) modules 9>&-)
	$(Q)[ -s $(MO)/modules.order ] || { echo '$(FILE) makes no module for this kernel' >&2; false; }

.PHONY: lkm
lkm:
	$(Q)mkdir -p $(LKM)
	+$(Q)flock --close $(LKM)/.lock $(call if-changed,$(LKM),rust) $(call kbuild,$(CURDIR)/rust,$(LKM)) modules

.PHONY: vm
vm: all
	$(Q)scripts/vm --kernel $(KERNEL)

# Scripts, and the tests of cargo packages: of DIR, with all in its workspace if it is the root of one, and of
# DIR/tests, if that is none of these. A wrong name is told before anything is built.
SCRIPTS	:= $(wildcard $(DIR)/tests/*.sh)
PACKAGES := $(wildcard $(DIR)/Cargo.toml $(DIR)/tests/Cargo.toml)
ifneq ($(and $(filter test .test,$(MAKECMDGOALS)),$(word 2,$(PACKAGES))),)
ROOT	:= $(shell $(CARGO) locate-project --workspace --message-format plain --manifest-path $(DIR)/tests/Cargo.toml)
PACKAGES := $(if $(filter $(realpath $(DIR)/Cargo.toml),$(realpath $(ROOT))),$(firstword $(PACKAGES)),$(PACKAGES))
endif
# $(call tests-of,PACKAGE): the names that --test takes there.
workspace = $(shell grep -q '^ *\[workspace[].]' $1 && echo --workspace)
tests-of = $(basename $(notdir $(wildcard $(1:%Cargo.toml=%tests/*.rs)) $(if $(call workspace,$1),$(filter-out \
	$(addsuffix tests/%,$(dir $(filter-out $1,$(PACKAGES)))) $(DIR)/lkmpg-rs/%,$(wildcard $(1:%Cargo.toml=%*/tests/*.rs))))))
NAMES	:= $(sort $(basename $(notdir $(SCRIPTS))) $(foreach it,$(PACKAGES),$(call tests-of,$(it))))
GATES	:= faults storm hostile
ifneq ($(filter gates,$(MAKECMDGOALS)),)
ifneq ($(filter-out $(GATES),$(T)),)
$(error there is no gate $(filter-out $(GATES),$(T)): there are $(GATES))
endif
endif

ifneq ($(filter test,$(MAKECMDGOALS)),)
ifeq ($(SCRIPTS)$(PACKAGES),)
$(error there is no test in $(DIR)/tests: put a script NAME.sh there, which passes by its exit status, or a cargo package)
endif
ifneq ($(filter-out $(NAMES),$(T)),)
$(error there is no test $(filter-out $(NAMES),$(T)): there are $(NAMES))
endif
CLOSED	:= $(strip $(foreach it,$(SCRIPTS),$(if $(shell test -x $(it) || echo no),$(it))))
ifneq ($(CLOSED),)
$(error a test that cannot be run: chmod +x $(CLOSED))
endif
endif
RUN	:= $(foreach it,$(SCRIPTS),$(if $(filter $(or $(T),%),$(basename $(notdir $(it)))),$(it)))
# All that the packages have, unless T says which.
RUN_RUST := $(foreach it,$(PACKAGES),$(if $(T),$(if $(filter $(T),$(call tests-of,$(it))),$(it)),$(it)))

# The guest has no libraries.
STATIC	= CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-C target-feature=+crt-static'
CARGO_TESTS = $(if $(IS_FOREIGN),$(FOREIGN),$(STATIC)) \
		CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_DEV_STRIP=debuginfo $(CARGO) test \
		--manifest-path $1 $(call workspace,$1) --target $(TARGET) --target-dir $(BUILD)/cargo \
		--no-run --message-format=json-render-diagnostics $(if $(T),$(addprefix --test ,$(filter $(T),$(call tests-of,$1))))
# What ends in another way may not have said so.
FINISHED = echo '{"reason":"build-finished","success":$1}'

.PHONY: test .test
test: all
	+$(Q)$(MAKE) --no-print-directory .test

# The kernel may only just have come to be, and with it what tells its processor.
.test:
	$(Q){ $(foreach it,$(RUN_RUST),$(call CARGO_TESTS,$(it)) &&) $(call FINISHED,true) || $(call FINISHED,false); } | \
		scripts/vm --suite --kernel $(KERNEL) $(addprefix --script ,$(RUN))

.PHONY: gates .gates
gates: all
	+$(Q)$(MAKE) --no-print-directory .gates

.gates:
	+$(Q)$(TELL) scripts/gates $(OUT) $(or $(T),$(GATES))

.PHONY: check .check
check: modules
	+$(Q)$(MAKE) --no-print-directory .check

.check: export KTREE := $(KDIR)
.check:
	+$(Q)env $(TOOLS) scripts/check $(OUT)

# What a dkms.conf runs. It installs no packages.
.PHONY: dkms
dkms:
	$(Q)scripts/kernel $(KERNEL)
	+$(Q)$(MAKE) --no-print-directory kbuild

.PHONY: rust-analyzer .rust-analyzer
rust-analyzer: modules
	+$(Q)$(MAKE) --no-print-directory .rust-analyzer

.rust-analyzer:
	+$(Q)LKMPG_RUSTC=$(or $(RUSTC),rustc) $(call kbuild,$(DIR),$(MO)) RUSTC=$(CURDIR)/scripts/rustc-of-2021 rust-analyzer
	$(Q)LKMPG_LKM=$(LKM) scripts/rust-project $(OUT) $(or $(PROJECT),$(DIR))

# Of DIR/build, what was built here: there may be more in it.
.PHONY: clean
clean:
	rm -rf $(patsubst %/.lock,%,$(wildcard $(BUILD)/*/.lock)) $(BUILD)/cargo $(DIR)/rust-project.json
	@rmdir $(BUILD) 2>/dev/null || true
