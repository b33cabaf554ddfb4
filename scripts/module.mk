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
RUST	:= $(shell find $(DIR) -mindepth 1 \( -name '.*' -o -name build -o -name tests -o -type l \) -prune \
		-o -name '*.rs' -print -quit)
WITH_LKM = $(if $(RUST),KRUSTFLAGS='--extern lkm=$(LKM)/liblkm.rmeta -Zcross-crate-inline-threshold=always $(KRUSTFLAGS)')

.PHONY: all modules
all modules: kernel
	+$(Q)$(MAKE) --no-print-directory $(JOBS) kbuild

# The kernel's settings may only just have come to be: this is another make.
.PHONY: kbuild
kbuild: $(if $(RUST),lkm)
	@echo 'modules: of $(DIR), for $(if $(filter file,$(origin KDIR)),the kernel $(KERNEL),KDIR=$(KDIR)), in $(MO)' >&2
	$(Q)mkdir -p $(MO)
	$(Q)scripts/forget $(MO)
	+$(Q)flock --close $(MO)/.lock $(call kbuild,$(DIR),$(MO)) $(WITH_LKM) modules
	$(Q)[ -s $(MO)/modules.order ] || { echo '$(FILE) makes no module for this kernel' >&2; false; }

.PHONY: lkm
lkm:
	$(Q)mkdir -p $(LKM)
	+$(Q)flock --close $(LKM)/.lock $(call kbuild,$(CURDIR)/rust,$(LKM)) modules

.PHONY: vm
vm: all
	$(Q)scripts/vm --kernel $(KERNEL)

.PHONY: check .check
check: modules
	+$(Q)$(MAKE) --no-print-directory .check

.check: export KTREE := $(KDIR)
.check:
	+$(Q)env $(TOOLS) scripts/check $(OUT)

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
