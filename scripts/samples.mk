# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: make -s -f scripts/samples.mk CONFIG=FILE
#
# Prints the samples that Kbuild builds for a kernel with that configuration, as
# FOLDER/NAME, one a line. They are looked for as Kbuild does: in obj-m, from folder
# to folder.

-include $(CONFIG)

each = $(foreach it,$2,$(if $(filter %/,$(it)),$(call walk,$1/$(it:/=)),$(info $1/$(it:.o=))))
walk = $(eval obj-m :=)$(eval obj := $1)$(eval src := $1)$(eval include $1/Kbuild)$(call each,$1,$(obj-m))

.PHONY: all
all:
	@:

$(call walk,samples)
