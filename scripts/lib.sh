# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What scripts/setup, scripts/kernel and scripts/doctor share: where things are
# kept, how they speak, and which tools they choose. Sourced, by bash.
#
# shellcheck disable=SC2034 # Much of what is set here is for the scripts that source this.

# bash -p took no functions and no settings from the caller's shell; the rest of what
# would make programs behave in another way goes here.
unset POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS CDPATH BASH_ENV ENV

set -eu -o pipefail
shopt -s nullglob lastpipe

program=${0##*/}
top=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
# Where modules are built: of this checkout, or of the folder of make's M=.
build=${LKMPG_M:-$top}/build
cache=${XDG_CACHE_HOME:-${HOME:?is needed to find the cache folder}/.cache}/lkmpg-rs

# The oldest tools that will do, and the bindgen that is built where none is.
rustc_min=1.85.0
bindgen_min=0.71.1
bindgen_min_llvm22=0.72.1
llvm_min=17
bindgen_version=0.72.1
chosen=$cache/tools/chosen
bindgen_built=$cache/tools/bindgen-$bindgen_version/bin/bindgen
# The last mdBook that the oldest cargo builds; the next series lays pages out in another way.
mdbook_min=0.4.40
mdbook_version=0.4.52
mdbook_built=$cache/tools/mdbook-$mdbook_version/bin/mdbook

# The text at a script's head is its help.
case ${1-} in
-h | --help)
	sed -n '4,/^$/s/^# \{0,1\}//p' "$0"
	exit
	;;
esac

# This machine's processor, as the table below names it.
here=$(uname -m)
case $here in
x86_64) here=x86 ;;
aarch64) here=arm64 ;;
esac

# The kernels that are built here, each with the fragments of its configuration: a later
# one wins over an earlier. The second names the processor. KERNEL+NAME is one of them with
# what make's CONFIG=NAME.config adds.
declare -A fragments_of=(
	[dev]="dev $here" [debug]="dev $here debug" [debug-kobject]="dev $here debug kobject" [trace]="dev $here trace"
	[x86]='dev x86' [debug-x86]='dev x86 debug'
	[arm64]='dev arm64' [debug-arm64]='dev arm64 debug'
	[riscv64]='dev riscv64' [debug-riscv64]='dev riscv64 debug'
)
kernels='dev, debug, debug-kobject, trace; x86, arm64, riscv64, debug-x86, debug-arm64, debug-riscv64; debian, debian-cloud, debian-rt, debian-7.2, debian-arm64; host, or what uname -r says'

# The processors: what Kbuild, Debian, clang and rustc call each, and what QEMU boots there, in the
# folder that the kernel was built in. scripts/vm-runner/src/processor.rs knows QEMU's side.
processors='
x86     x86     amd64   x86_64-linux-gnu  x86_64-unknown-linux-gnu    vmlinux
arm64   arm64   arm64   aarch64-linux-gnu aarch64-unknown-linux-gnu   arch/arm64/boot/Image
riscv64 riscv   riscv64 riscv64-linux-gnu riscv64gc-unknown-linux-gnu arch/riscv/boot/Image
'

# Debian's kernels: of a series, of a flavour, and of a processor, if it is not this machine's.
debian_kernel='^debian(-[0-9]+\.[0-9]+)?(-cloud|-rt)?(-x86|-arm64)?$'

# processor_of KERNEL: sets what is in the table of the one that it runs on.
processor_of() {
	local fragments
	read -ra fragments <<<"${fragments_of[${1%+*}]-debian $here}"
	[[ ! $1 =~ $debian_kernel ]] || [ -z "${BASH_REMATCH[3]}" ] || fragments[1]=${BASH_REMATCH[3]#-}
	use_processor "${fragments[1]}"
}

# use_processor NAME
use_processor() {
	processor=$1
	read -r arch debian triple target image < <(sed -n "s/^$1 //p" <<<"$processors") ||
		die "there are no kernels here for a machine that is a $1" \
			'Those that can be built are for x86-64, arm64 and riscv64: KERNEL=arm64.'
}

# is_foreign: whether that is not this machine's.
is_foreign() {
	[ "$processor" != "$here" ]
}

# is_kernel NAME: whether there is such a KERNEL.
is_kernel() {
	[[ $1 =~ $debian_kernel || $1 =~ ^(host|[0-9][^/[:space:]]*)$ ]] || [ -n "${fragments_of[${1%+*}]-}" ]
}

# Whose packages are fetched, if not this machine's.
architecture=''

say() {
	printf '%s: %s\n' "$program" "$1" >&2
}

# die WHAT [REMEDY]…
die() {
	say "error: $1"
	[ $# -eq 1 ] || printf '  %s\n' "${@:2}" >&2
	exit 1
}

# at_least MINIMUM VERSION: compares the first three numbers of two versions.
at_least() {
	local i min has
	IFS=. read -ra min <<<"$1"
	IFS=. read -ra has <<<"${2%%[!0-9.]*}"
	for i in 0 1 2; do
		[ "${has[i]:-0}" -eq "${min[i]:-0}" ] || break
	done
	[ "${has[i]:-0}" -ge "${min[i]:-0}" ]
}

# lock: one run at a time changes the cache. What the run starts holds the lock
# as well, so nothing that outlives an aborted run collides with the next one.
lock() {
	[[ $cache =~ ^[[:alnum:]/._+@~-]*$ ]] ||
		die "the kernel cannot be built in $cache, whose name has a character that Kbuild does not take" \
			'Name another folder in XDG_CACHE_HOME.'
	mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] ||
		die "the cache folder $cache cannot be written" \
			'Make it writable, or name another one in XDG_CACHE_HOME.'
	exec 9>"$cache/lock"
	flock -n 9 || {
		say "waiting for another run, which holds $cache/lock"
		flock 9
	}
	rm -rf "$cache"/tmp.*
}

# used FOLDER…: the date of a folder in the cache is when it was last used. It may be
# somebody else's.
used() {
	local folder
	for folder; do
		[[ $folder != "$cache"/* ]] || touch -c "$folder" 2>/dev/null || true
	done
}

# is_where_it_was_built TREE: Kbuild's makefile in a tree that was built with O= leads to
# where that was.
is_where_it_was_built() {
	local built
	built=$(sed -n 's/^export KBUILD_OUTPUT = //p' "$1/Makefile")
	[ -z "$built" ] || [ "$built" -ef "$1" ]
}

# others_files DEPTH: the first file in build/ or the cache, so deep, that is not ours.
others_files() {
	local user=${DOCTOR_USER:-$EUID}
	[ "$user" -eq 0 ] || find "$build" "$cache" -maxdepth "$1" ! -uid "$user" -print -quit 2>/dev/null || true
}

# What a `sudo make` left would end in walls of "Permission denied".
refuse_others_files() {
	local file
	file=$(others_files "$1")
	[ -z "$file" ] || die "$file belongs to $(stat -c %U "$file"), and you are $(id -un)" "$(take_back)"
}

take_back() {
	echo "sudo chown -R $(id -un): $build $cache"
}

# first_file FILE…: the first that is there.
first_file() {
	local file
	for file; do
		[ ! -f "$file" ] || { echo "$file" && return; }
	done
	return 1
}

# make_command: the make that builds what this run is about.
make_command() {
	echo "make${KDIR:+ KDIR=$KDIR}${KERNEL:+ KERNEL=$KERNEL}"
}

# built_modules BUILD FOLDERS: the modules of those folders (a|b) that Kbuild's last run
# made in BUILD. What else lies there is of sources that are gone.
built_modules() {
	local module modules make
	make="Build them first, as yourself: $(make_command)"
	modules=$(sed -nE "s#^(.*/)?(($2)/.*)\.o\$#$1/\2.ko#p" "$1/modules.order" 2>/dev/null) && [ -n "$modules" ] ||
		die "there are no modules in $1" "$make"
	while IFS= read -r module; do
		[ -f "$module" ] || die "$module is missing, though Kbuild says that it made it" "$make"
		echo "$module"
	done <<<"$modules"
}

seconds() {
	if [ "$1" -lt 60 ]; then
		printf '%d s' "$1"
	else
		printf '%d min %02d s' $(($1 / 60)) $(($1 % 60))
	fi
}

# stage NAME STEPS COMMAND…: runs COMMAND with its output in a log, and shows how
# far it is. STEPS is about how many lines it prints; 0: not known; -1: nothing is shown
# before the first, since until then it may ask for a password.
stage() {
	local name=$1 steps=$2 log start=$SECONDS status
	shift 2
	log=$cache/logs/${name// /-}.log
	mkdir -p "$cache/logs"
	# Not `COMMAND || …`, which would turn errexit off in COMMAND.
	set +e
	(set -e && "$@") </dev/null 2>&1 | progress "$name" "$steps" "$log"
	status=$?
	set -e
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$status" -ne 0 ]; then
		tail -n 30 "$log" >&2
		die "$name failed after $(seconds $((SECONDS - start))). These were the last lines of its log, $log"
	fi
	say "$name took $(seconds $((SECONDS - start)))"
}

progress() {
	local name=$1 steps=$2 line='' part n=0 start=$SECONDS next=$((SECONDS + 30)) far=''
	exec 3>"$3"
	while true; do
		if IFS= read -r -t 1 part; then
			printf '%s\n' "$line$part" >&3
			line='' n=$((n + 1))
		elif [ $? -gt 128 ]; then
			line+=$part
		else
			break
		fi
		[ "$n" -gt 0 ] || [ "$steps" -ge 0 ] || continue
		[ "$steps" -le 0 ] || far="$((n < steps ? n * 100 / steps : 99)) %, "
		if [ -t 2 ]; then
			printf '\r\033[K%s: %s: %s%s' "$program" "$name" "$far" "$(seconds $((SECONDS - start)))" >&2
		elif [ "$SECONDS" -ge "$next" ]; then
			say "$name: $far$(seconds $((SECONDS - start)))"
			next=$((SECONDS + 30))
		fi
	done
	printf '%s' "$line$part" >&3
	exec 3>&-
}

# tools: chooses the tools, here and nowhere else. Sets the variables below, each
# empty when nothing that is there will do, and tools_id, which differs with
# every version. RUSTC, CARGO, LLVM, LIBCLANG_PATH or BINDGEN in the environment
# are taken, or are an error. A complete choice is remembered until a tool changes.
tool_names=(RUSTC RUSTDOC RUSTFMT CLIPPY_DRIVER CARGO LLVM CLANG LIBCLANG_PATH BINDGEN)
declare -A asked_for
for name in "${tool_names[@]}" MDBOOK; do asked_for[$name]=${!name-}; done

tools() {
	local asked="# $PATH ${RUSTUP_TOOLCHAIN-} ${RUST_LIB_SRC-} ${asked_for[*]}" name
	! recall_tools || return 0

	choose RUSTC rust_fault < <(on_path rustc; echo /usr/bin/rustc)
	choose_rust_companions
	choose CARGO cargo_fault < <(on_path cargo; echo "${RUSTC%/*}/cargo")
	choose LLVM llvm_fault < <(printf '%s\n' -{30..17} 1)
	choose_libclang
	choose BINDGEN bindgen_fault < <(on_path bindgen; echo "$bindgen_built")
	tools_id=
	for name in "${tool_names[@]}"; do [ -n "${!name}" ] || return 0; done
	tools_id=$("$RUSTC" -vV; "$CLANG" --version; "$BINDGEN" --version)
	remember_tools
}

# user_toolchain: how cargo builds for the guest of the kernel in $folder, which is of another processor.
user_toolchain() {
	local clang name=${target//-/_}
	clang="--target=$triple --sysroot=$folder/root -fuse-ld=$(type -P "$(llvm_tool "$LLVM" ld.lld)")"
	echo "TARGET := $target"
	echo "USER_RUSTC := $RUSTC"
	echo "export LKMPG_CLANG := $CLANG"
	echo "export CARGO_TARGET_${name^^}_RUSTFLAGS := --sysroot $folder/root/usr -Clink-arg=${clang// / -Clink-arg=}"
	echo "export CC_$name := $CLANG"
	# To compile takes no linker, and cc makes errors of warnings.
	echo "export CFLAGS_$name := $clang -Wno-unused-command-line-argument"
}

# choose_mdbook: the same for the book's tool, which nothing else needs.
choose_mdbook() {
	choose MDBOOK mdbook_fault < <(on_path mdbook; echo "$mdbook_built")
}

mdbook_fault() {
	local fault
	fault=$(version_fault "$1" $mdbook_min)
	[ -n "$fault" ] || ! at_least 0.5 "$(version "$1")" || fault='is of a series that the book was not tried with'
	echo "$fault"
}

recall_tools() {
	local first dates=''
	[ -f "$chosen" ] && IFS= read -r first <"$chosen" && [ "$first" = "$asked" ] || return 1
	# shellcheck source=/dev/null
	(. "$chosen" && [ "$(tool_dates)" = "$dates" ]) && . "$chosen"
}

remember_tools() {
	local name
	mkdir -p "${chosen%/*}" 2>/dev/null && [ -w "${chosen%/*}" ] || return 0
	{
		printf '%s\n' "$asked"
		for name in "${tool_names[@]}" tools_id; do printf '%s=%q\n' "$name" "${!name}"; done
		printf 'dates=%q\n' "$(tool_dates)"
	} >"$chosen.$$"
	mv "$chosen.$$" "$chosen"
}

# The last file is where rustup keeps which toolchain is the default.
tool_dates() {
	stat -L -c '%n %Y %s' "$RUSTC" "$CARGO" "$CLANG" "$BINDGEN" \
		"${RUSTUP_HOME:-$HOME/.rustup}/settings.toml" 2>/dev/null || true
}

on_path() {
	type -aP "$1" | awk '!seen[$0]++' || true
}

# choose NAME CHECK <CANDIDATES: sets the variable NAME to the first candidate
# in which CHECK finds no fault, or to nothing.
choose() {
	local -n choice=$1
	local asked=${asked_for[$1]} fault candidate candidates
	mapfile -t candidates
	[ -z "$asked" ] || candidates=("$asked")
	choice=
	for candidate in "${candidates[@]}"; do
		fault=$("$2" "$candidate")
		if [ -z "$fault" ]; then
			choice=$candidate
			return
		fi
	done
	[ -z "$asked" ] || die "$1=$asked $fault" "Name another in $1, or unset it to have one chosen."
}

# The compiler itself is used, not rustup's proxy, whose answer depends on the
# folder it is called in; and so are the tools beside it, which match it.
choose_rust_companions() {
	local bin
	RUSTDOC='' RUSTFMT='' CLIPPY_DRIVER=''
	[ -n "$RUSTC" ] || return 0
	bin=$("$RUSTC" --print sysroot)/bin
	RUSTC=$bin/rustc RUSTDOC=$bin/rustdoc RUSTFMT=$bin/rustfmt CLIPPY_DRIVER=$bin/clippy-driver
}

# bindgen must read headers with the libclang of the clang that compiles them.
choose_libclang() {
	local lib
	CLANG='' LIBCLANG_PATH=''
	[ -n "$LLVM" ] || return 0
	CLANG=$(type -P "$(llvm_tool "$LLVM" clang)")
	lib=$(readlink -f "$CLANG")
	LIBCLANG_PATH=${asked_for[LIBCLANG_PATH]:-${lib%/bin/*}/lib}
}

# llvm_tool LLVM NAME: the command, as the kernel's Makefile derives it.
llvm_tool() {
	case $1 in
	*/) echo "$1$2" ;;
	-*) echo "$2$1" ;;
	*) echo "$2" ;;
	esac
}

# version COMMAND: the first dotted number that it prints when asked, or nothing.
version() {
	! [[ $("$1" --version 2>/dev/null) =~ [0-9]+(\.[0-9]+)+ ]] || echo "${BASH_REMATCH[0]}"
}

# version_fault COMMAND MINIMUM and the checks below say why a tool will not do,
# and nothing if it will.
version_fault() {
	local found
	found=$(version "$1")
	if [ -z "$found" ]; then
		echo 'is missing or does not run'
	elif ! at_least "$2" "$found"; then
		echo "is version $found, older than $2"
	fi
}

rust_fault() {
	local fault sysroot tool
	fault=$(version_fault "$1" $rustc_min)
	if [ -n "$fault" ]; then
		echo "$fault"
		return
	fi
	sysroot=$("$1" --print sysroot)
	if [ ! -e "${RUST_LIB_SRC:-$sysroot/lib/rustlib/src/rust/library}/core/src/lib.rs" ]; then
		echo 'has no library source (rust-src)'
		return
	fi
	for tool in rustc rustdoc rustfmt clippy-driver; do
		[ -x "$sysroot/bin/$tool" ] || echo "has no $tool in $sysroot/bin"
	done
}

cargo_fault() {
	version_fault "$1" $rustc_min
}

# Older bindgens misread what libclang tells them from LLVM 22 on.
bindgen_fault() {
	local oldest=$bindgen_min
	if [ -n "${CLANG-}" ] && at_least 22 "$(version "$CLANG")"; then oldest=$bindgen_min_llvm22; fi
	version_fault "$1" "$oldest"
}

llvm_fault() {
	local name
	for name in clang ld.lld llvm-ar llvm-nm llvm-objcopy llvm-strip; do
		if ! type -P "$(llvm_tool "$1" $name)" >/dev/null; then
			echo "has no $name"
			return
		fi
	done
	version_fault "$(llvm_tool "$1" clang)" $llvm_min
}
