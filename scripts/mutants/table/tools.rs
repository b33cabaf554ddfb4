// SPDX-License-Identifier: GPL-2.0-only

//! What is broken of the tools: make, the checks, and what they begin with.

use super::Mutant;

// It looks at what Kbuild has built, too.
const INSTALL: &str = "make test T=install";
const MAKE: &str = "cargo test --package lkmpg-tools-tests --test make";
const DOCTOR: &str = "cargo test --package lkmpg-tools-tests --test doctor";
const CHECK: &str = "cargo test --package lkmpg-tools-tests --test check";
const CACHE: &str = "cargo test --package lkmpg-tools-tests --test cache";
const EXERCISE: &str =
    "cargo test --package lkmpg-tools-tests --test exercise -- --skip those_of_the_book";
const METADATA: &str = "cargo test --package lkmpg-tools-tests --test rust_metadata";
const MODULE: &str = "cargo test --package lkmpg-tools-tests --test module";
// The table does not fit what is broken.
const ITSELF: &str = "cargo test --package lkmpg-mutants -- --skip the_table_fits";
const VM: &str = "cargo test --package lkmpg-tools-tests --test vm";
const WAYS: &str = "make test T=ways_around";

mutants! {
    MAKE => "Makefile": "what programs have in their documentation is not tested",
        "$(if $(IS_FOREIGN),,$(if $(T),$(if $(filter units,$(T)),--doctests),--doctests))"
        => "";
    MAKE => "Makefile": "the tests of one package alone are built",
        "$(CARGO) test --workspace"
        => "$(CARGO) test";
    MAKE => "Makefile": "what programs have in themselves is a test that is called so",
        "$(if $(filter units,$(T)),--lib --bins)"
        => "";
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
    CHECK => "scripts/check": "clippy does not look at the programs",
        "	check 'user-space lints' user_cargo clippy --quiet --workspace --all-targets -- -Dwarnings\n"
        => "";
    CHECK => "scripts/check": "the support crate's documentation is not built",
        "	check 'kernel documentation' scripts/doc \"$out\" \"$out-lint/doc\"\n"
        => "";
    CHECK => "scripts/check": "patches need not fit the kernel",
        "	check 'patches for upstream' patches\n"
        => "";
    CHECK => "scripts/check": "modules of others may have any format",
        "	[ -z \"$sources\" ] || check 'kernel format' kernel_format\n"
        => "";
    CHECK => "scripts/check": "our lints are not the modules'",
        "cat \"$own\" scripts/clippy.toml"
        => "cat \"$own\"";
    CHECK => "scripts/check": "clippy does not look at the modules",
        " CLIPPY=1"
        => "";
    CHECK => "scripts/check": "a module's lint is no error",
        "KRUSTFLAGS='-Dwarnings "
        => "KRUSTFLAGS='";
    CHECK => "scripts/check": "a program's lint is no error",
        "--all-targets -- -Dwarnings"
        => "--all-targets";
    CHECK => "scripts/check": "a warning of the C that the book breaks is no error",
        "M=book/broken modules KCFLAGS=-Werror"
        => "M=book/broken modules";
    CHECK => "scripts/check": "what has another format is written anew",
        "--edition 2021 --check"
        => "--edition 2021";
    CHECK => "scripts/check": "a way around the lints is none",
        "scripts/ways-around || return 1"
        => "true";
    CHECK => "scripts/check": "an exercise has ways around the lints",
        "\"$sources\" | grep '^book/exercises/'; }"
        => "\"$sources\" | grep '^exercises/'; }";
    CHECK => "scripts/check": "modules of others may go around the lints",
        "scripts/ways-around ${lax:+--unsafe}"
        => "scripts/ways-around --unsafe";
    CHECK => "scripts/check-examples": "an example that does not compile is fine",
        "|| fail 'the example does not compile'"
        => "|| :";
    CHECK => "scripts/check-examples": "what should not compile does",
        "|| fail 'the example of what does not compile does'"
        => "|| :";
    CHECK => "scripts/check-examples": "what does not compile fails for any reason",
        "|| fail \"no $error, but: $(cat \"$work/errors\")\""
        => "|| :";
    CHECK => "scripts/check-examples": "the compiler need not say what is shown",
        "\t\t\tfail \"but: $(cat \"$work/errors\")\""
        => "\t\t\t:";
    CHECK => "scripts/check-examples": "nobody compiles the book",
        " README.md book/src/*.md"
        => " README.md";
    INSTALL => "samples/Kbuild": "a folder of samples is not built",
        "obj-m += 28-input/\n"
        => "";
    MODULE => "scripts/gates": "of many modules the last goes through the gates",
        "modules+=(\"${module//-/_}\")"
        => "modules=(\"${module//-/_}\")";
    CACHE => "scripts/lib.sh": "another clang builds no other kernel",
        "\"$RUSTC\" -vV; \"$CLANG\" --version; "
        => "\"$RUSTC\" -vV; ";
    CACHE => "scripts/lib.sh": "another bindgen builds no other kernel",
        "\"$CLANG\" --version; \"$BINDGEN\" --version)"
        => "\"$CLANG\" --version)";
    CACHE => "scripts/kernel": "what is wished for is no reason to build a kernel",
        "\"$config$wishes\" \"$tools_id\""
        => "\"$config\" \"$tools_id\"";
    CACHE => "scripts/kernel": "a source that was changed is not built",
        "[ -z \"$(find \"$KERNEL_SRC\" -newer \"$folder/complete\" -type f -print -quit)\" ]"
        => "true";
    CACHE => "scripts/lib.sh": "two runs change the cache at once",
        "flock -n 9 || {"
        => "true || {";
    CACHE => "scripts/lib.sh": "what a run left half done stays",
        "\trm -rf \"$cache\"/tmp.*\n"
        => "";
    VM => "scripts/vm": "a runner is what it was",
        "-newer \"$stamp\" -print -quit"
        => "-newer \"$stamp\" -quit";
    MODULE => "scripts/module.mk": "what was compiled of a source that is gone stays in another folder",
        "$(call locked,scripts/forget $(MO) && $(call"
        => "$(call locked,$(call";
    MODULE => "scripts/module.mk": "of a workspace the root alone is tested",
        " $(call workspace,$1) --target"
        => " --target";
    MODULE => "scripts/module.mk": "of two packages the first is tested",
        "PACKAGES := $(wildcard $(DIR)/Cargo.toml $(DIR)/tests/Cargo.toml)"
        => "PACKAGES := $(firstword $(wildcard $(DIR)/Cargo.toml $(DIR)/tests/Cargo.toml))";
    MODULE => "scripts/module.mk": "a package that does not build is none",
        " || $(call FINISHED,false); }"
        => "; }";
    MAKE => "Makefile": "what was compiled of a source that is gone stays",
        "$(call locked,scripts/forget $(MO) && "
        => "$(call locked,";
    DOCTOR => "scripts/doctor": "a kernel that takes signed modules only is no problem",
        "[ \"$(config MODULE_SIG_FORCE)\" = y ]"
        => "[ \"$(config MODULE_SIG_FORCE)\" = n ]";
    DOCTOR => "scripts/doctor": "a machine that is locked down is no problem",
        "*\\[[ic]* ]]"
        => "*\\[[x]* ]]";
    DOCTOR => "scripts/doctor": "no machine has booted with Secure Boot",
        "-j4 -N1 \"$variable\""
        => "-j0 -N1 \"$variable\"";
    DOCTOR => "scripts/doctor": "what is locked down matters to all kernels",
        "\t[ \"$release\" = \"$running\" ] || return 0\n"
        => "";
    DOCTOR => "scripts/doctor": "another libclang will do",
        "elif [ \"${BASH_REMATCH[1]}\" != \"$clang\" ]; then"
        => "elif false; then";
    DOCTOR => "scripts/doctor": "a disk that is full is no problem",
        "if [ \"$free\" -ge \"$need\" ]; then"
        => "if true; then";
    METADATA => "scripts/rust-metadata": "what differs is delivered",
        "[ \"$n\" -gt 0 ] || return 0"
        => "[ \"$n\" -gt 1000000 ] || return 0";
    METADATA => "scripts/rust-metadata": "any source will do",
        "\trefuse 'of the source' < <(source_differences)\n"
        => "";
    METADATA => "scripts/rust-metadata": "Rust code that has other symbols will do",
        "\trefuse 'of the exported Rust symbols' < <(symbol_differences)\n"
        => "";
    EXERCISE => "scripts/exercise": "all is proved where nothing can be judged",
        "\t[ $passed -gt 0 ] || die \"nothing was proved: none of the $skipped can be judged on KERNEL=$kernel\"\n"
        => "";
    EXERCISE => "scripts/exercise": "what cannot be judged is not told",
        "\t\t\tsay \"$name cannot be judged on KERNEL=$kernel\"\n"
        => "";
    ITSELF => "scripts/mutants/main.rs": "whatever fails has noticed a mutant",
        "        _ if has_failed(log) => Outcome::Failed,\n"
        => "        _ if has_failed(log) || status.is_some() => Outcome::Failed,\n";
    ITSELF => "scripts/mutants/main.rs": "two break the same copy",
        "FlockOperation::NonBlockingLockExclusive"
        => "FlockOperation::NonBlockingLockShared";
    CHECK => "scripts/check": "a check that fails is forgotten",
        "\"$@\" || failed=\"$failed$name; \""
        => "\"$@\" || :";
    CHECK => "scripts/check": "samples may use raw bindings",
        "'bindings::|allow\\(unsafe_code'"
        => "'allow\\(unsafe_code'";
    CHECK => "scripts/check": "an empty list passes its check",
        "grep . || { echo \"there are no $1 to check\" >&2; return 1; }"
        => "cat";
    INSTALL => "scripts/install": "what is installed can only be read by root",
        "umask 022"
        => "umask 077";
    INSTALL => "scripts/install": "modules of another kernel are installed",
        "[ \"${found%% *}\" = \"$release\" ] ||"
        => "true ||";
    INSTALL => "scripts/install": "stale modules are installed",
        "built_modules \"$build\" samples |"
        => "find \"$build/samples\" -name '*.ko' |";
    INSTALL => "dkms.conf": "DKMS is not told where modules go",
        "DEST_MODULE_LOCATION+=(\"/extra/lkmpg-rs\")"
        => ":";
    DOCTOR => "scripts/doctor": "the doctor counts no problems",
        "\tproblems=$((problems + 1))\n"
        => "";
    DOCTOR => "scripts/doctor": "the doctor does not look which compiler it was",
        "\t\tcheck_kdir_rustc\n\t\tcheck_kdir_symbols\n\t\tcheck_signatures"
        => "\t\tcheck_kdir_symbols\n\t\tcheck_signatures";
    DOCTOR => "scripts/lib.sh": "a copied tree is taken for what it was copied from",
        "[ -z \"$built\" ] || [ \"$built\" -ef \"$1\" ]"
        => "true";
    MAKE => "scripts/lib.sh": "the caller's shell changes what the scripts do",
        "unset POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS CDPATH BASH_ENV ENV"
        => ":";
    WAYS => "scripts/ways-around": "a macro may be called as one that others use",
        "word == \"as\" and"
        => "False and";
    WAYS => "scripts/ways-around": "a part of the kernel crate that nobody has read is used",
        "not in PARTS | MACROS and"
        => "in () and";
    MAKE => "scripts/needs": "a module that a test names is not built",
        "grep -owE '[a-z0-9_]+' \"$file\""
        => "grep -owE '[a-z]+' \"$file\"";
    MAKE => "scripts/needs": "a test of all modules has a few",
        "grep -qE '\\b(subjects|apart|twins)\\b|TEXTS' \"$file\""
        => "grep -qE '\\b(apart|twins)\\b|TEXTS' \"$file\"";
    CACHE => "scripts/kernel": "a kernel's patches are forgotten",
        "for patch in ${patches_of[${kernel%+*}]-}; do"
        => "for patch in; do";
    CACHE => "scripts/kernel": "a kernel with another patch is the same",
        "patched=patched-$(cat \"${patches[@]}\" | sha256sum | cut -c 1-12)"
        => "patched=patched";
    WAYS => "scripts/ways-around": "any attribute is taken",
        "if words[n] not in known | {\")\"} and "
        => "if False and ";
    WAYS => "scripts/ways-around": "anything may be derived",
        "words[n] not in DERIVES | {\",\", \"(\"}"
        => "False";
    WAYS => "scripts/ways-around": "zerocopy is as good as read",
        "*endless(words), *matches(UNREAD, words)]"
        => "*endless(words)]";
    WAYS => "scripts/ways-around": "a module has macros of its own",
        "    r\"\\bmacro_rules\\b\": \"a macro makes of pieces what is refused: a function does, or a `const fn`\",\n"
        => "";
    WAYS => "scripts/ways-around": "a list of boxes is dropped, each within the one before",
        "() if is_lax else nested(words)"
        => "()";
    WAYS => "scripts/ways-around": "a device is referred to for ever",
        "*endless(words), "
        => "";
    WAYS => "scripts/ways-around": "what another type may be called as is the file's own",
        "return own - others"
        => "return own";
    WAYS => "scripts/ways-around": "a type that is left out is the file's own",
        "if depth or {\"cfg\", \"cfg_attr\"} & set(said) else"
        => "if depth else";
    WAYS => "scripts/ways-around": "what is named in a function hides no type of the file",
        "if depth and \"*\" in words[n:end]:"
        => "if False:";
    WAYS => "scripts/ways-around": "any type may be asked to be made of another",
        "return words[n + 1] == \"for\""
        => "return True";
    CHECK => "scripts/check": "a Kbuild may lift the lints",
        "[ -z \"$flags\" ] ||"
        => "true ||";
    CHECK => "scripts/check": "sources that Kbuild makes are not missed",
        "[ -z \"$made\" ] ||"
        => "true ||";
    CHECK => "scripts/check": "what is called as bindgen's file is not looked at",
        "grep -vxF -e \"$made/rust/bindings_generated.rs\" -e \"$made/lkm/bindings_generated.rs\""
        => "grep -v bindings_generated";
}
