// SPDX-License-Identifier: GPL-2.0-only

//! What is broken of the tools: make, the checks, and what they begin with.

use super::{MAKE, Mutant};

mutants! {
    MAKE => "Makefile": "what programs have in their documentation is not tested",
        "$(if $(IS_FOREIGN),,$(if $(T),$(if $(filter units,$(T)),--doctests),--doctests))"
        => "";
    MAKE => "Makefile": "the tests of one package alone are built",
        "$(CARGO) test --workspace"
        => "$(CARGO) test";
    MAKE => "Makefile": "what programs have in themselves is a test that is called so",
        "$(subst --test units,--lib --bins,$(addprefix --test ,$(T)))"
        => "$(addprefix --test ,$(T))";
    MAKE => "Makefile": "what is left out is tested",
        "override T := $(filter-out $(EXCEPT),$(or $(T),$(TESTS)))"
        => "override T := $(or $(T),$(TESTS))";
    MAKE => "Makefile": "what is not built is tested",
        "kbuild .tests 8>&1 >&2) && \\"
        => "kbuild .tests 8>&1 >&2); \\";
    MAKE => "Makefile": "a soak is as long as a test",
        "soak: export LKMPG_MINUTES := $(or $(MINUTES),30)\n"
        => "";
    MAKE => "Makefile": "a soak does not load modules again and again",
        "faults storm hostile soak $(LOADING))"
        => "faults storm hostile soak)";
    MAKE => "Makefile": "cargo builds where the caller's shell says",
        "unexport CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR\n"
        => "";
    MAKE => "Makefile": "the guest's programs are built as the caller's shell says",
        "unexport RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS\n"
        => "";
    MAKE => "Makefile": "a module that calls what is freed after its init links",
        "$(call kbuild,$(CURDIR),$(MO)) $(STRICT)"
        => "$(call kbuild,$(CURDIR),$(MO))";
}
