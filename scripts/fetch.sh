# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What is fetched from Debian, kernel sources and packages, without installing any
# of them. Sourced after lib.sh.
#
# shellcheck disable=SC2154 # lib.sh sets what is not set here.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# The space that fetching and unpacking a kernel source takes, in MiB.
source_space=2200
# The series that this project was tried with, best first.
tested_series='7.3 7.2'

# start_work: takes the cache, and sets work, a folder in it that ends with the run.
start_work() {
	[ -z "${work-}" ] || return 0
	lock
	work=$(mktemp -d "$cache/tmp.XXXXXX")
	trap 'rm -rf "$work"' EXIT
}

# need_space MIB WHAT
need_space() {
	local free
	free=$(df --output=avail -m "$cache" | tail -n 1)
	[ "$free" -ge "$1" ] ||
		die "$2 takes $1 MiB in $cache, where $((free)) MiB are free" \
			'Make room, or name another folder in XDG_CACHE_HOME.'
}

# has_compiler FOLDER: whether the rustc is there that its toolchain.mk names.
has_compiler() {
	[ -e "$1/toolchain.mk" ] && [ -x "$(sed -n 's/^RUSTC := //p' "$1/toolchain.mk")" ]
}

# used_with_parts FOLDER: a kernel of Debian's, or its metadata, with what in the cache it is made of.
used_with_parts() {
	local rustc
	rustc=$(sed -n 's/^RUSTC := //p' "$1/toolchain.mk")
	used "$1" "$(readlink -f "$1/build/..")" "$(readlink -f "$1/build/source")" "$cache/headers/usr" "${rustc%/usr/bin/rustc}"
}

### Packages

# open_apt SUITES: an apt of our own, in the cache, which verifies signatures as the
# machine's apt does. That one lends the address of its mirror and its proxies, and
# is otherwise left alone. The commands of apt that follow see these suites and no
# others, brought up to date, and no installed package.
open_apt() {
	local names
	[ "${opened-}" != "$architecture $1" ] || return 0
	apt=$cache/apt${architecture:+-$architecture}
	[ -r "$keyring" ] && type -P apt-get >/dev/null ||
		die 'this is not Debian, from whose packages a part has to come' \
			"It takes apt-get, and $keyring of the package debian-archive-keyring." \
			'A kernel source of your own, a tree or a tarball, can be named in KERNEL_SRC.'
	read -ra names <<<"$1"
	stage 'look at what Debian offers' 0 update_apt "${names[@]}"
	export APT_CONFIG=$apt/apt.conf
	opened="$architecture $1"
}

update_apt() {
	local mirror
	mkdir -p "$apt"/lists/partial "$apt"/archives/partial
	while IFS= read -r mirror; do
		write_apt_files "$mirror" "$@"
		# A suite that the mirror lacks makes this fail, and the others do.
		APT_CONFIG=$apt/apt.conf apt-get -q update || true
		[ -z "$(APT_CONFIG=$apt/apt.conf apt-cache pkgnames linux-source-)" ] || return 0
	done < <(mirrors debian)
	echo "No mirror that the machine's apt knows offers kernel sources in $*."
	return 1
}

# mirrors ARCHIVE: the addresses from which the machine's own apt gets Debian itself
# (debian), or what mends it (debian-security).
mirrors() {
	apt-get --print-uris update |
		sed -nE "s#^'(.*/$1(\.list)?)/dists/[a-z]+(-updates|-backports|-security)?/main/.*#\1#p" |
		awk '!seen[$0]++'
}

# write_apt_files MIRROR SUITES: what mends a suite comes last, from a mirror of its own.
write_apt_files() {
	local mirror=$1 suite
	shift
	: >"$apt/status"
	{
		apt-config dump Acquire | grep -E '^Acquire::(http|https|socks|ForceIPv)' || true
		cat <<-END
			Dir::Etc::Main "/dev/null";
			Dir::Etc::Parts "/dev/null";
			Dir::Etc::SourceList "$apt/debian.list";
			Dir::Etc::SourceParts "/dev/null";
			Dir::Etc::Preferences "/dev/null";
			Dir::Etc::PreferencesParts "/dev/null";
			Dir::State "$apt";
			Dir::State::Lists "$apt/lists";
			Dir::State::status "$apt/status";
			Dir::Cache "$apt";
			Acquire::Languages "none";
			Acquire::Retries "3";
			APT::Architecture "${architecture:-$(dpkg --print-architecture)}";
			APT::Sandbox::User "root";
		END
	} >"$apt/apt.conf"
	for suite; do
		[[ $suite != *-security ]] || mirror=$(mirrors debian-security | head -n 1)
		[ -z "$mirror" ] || printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite"
	done >"$apt/debian.list"
}

# offered PACKAGE: the versions of it on offer, the newest last.
offered() {
	apt-cache madison "$1" | awk '{ print $3 }' | sort -V
}

# with_dependencies PACKAGE[=VERSION]…: NAME=VERSION of all that an empty system
# would need for them, one a line.
with_dependencies() {
	apt-get -q -s --no-install-recommends install "$@" |
		sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p'
}

# download FOLDER PACKAGE=VERSION…: their files, in that folder.
download() {
	mkdir -p "$1"
	cd "$1" || return
	apt-get -q download "${@:2}"
}

# unpack_packages FOLDER FILE…: what they would install, below that folder; their
# documentation is left out.
unpack_packages() {
	local file
	mkdir -p "$1"
	for file in "${@:2}"; do
		dpkg-deb --fsys-tarfile "$file" |
			tar -x -C "$1" --no-wildcards-match-slash --exclude=./usr/share --exclude='./usr/src/rustc-*/[!l]*'
	done
}

### Kernel sources

series_of() {
	[[ $1 =~ ^[0-9]+\.[0-9]+ ]] && echo "${BASH_REMATCH[0]}"
}

# fetch_source VERSION: the package of that version, unpacked in the cache.
fetch_source() {
	local file package
	package=linux-source-$(series_of "$1")=$1
	need_space $source_space 'a kernel source'
	stage "fetch the source of $1" 0 download "$work/source" "$package"
	dpkg-deb -x "$work/source"/*.deb "$work/source"
	for file in "$work"/source/usr/src/linux-source-*.tar.*; do
		unpack_source "$file" "$cache/sources/linux-$1"
	done
}

# unpack_source TARBALL FOLDER
unpack_source() {
	start_work
	[ ! -d "$2" ] || return 0
	need_space $source_space 'a kernel source'
	mkdir "$work/tree"
	mkdir -p "${2%/*}"
	stage 'unpack the source' 0 tar -xf "$1" -C "$work/tree" --strip-components=1
	check_source "$work/tree"
	sync -f "$work/tree"
	mv "$work/tree" "$2"
}

check_source() {
	[ -f "$1/Makefile" ] && [ -f "$1/Kbuild" ] && [ -f "$1/rust/kernel/lib.rs" ] ||
		die "$1 is not the source of a Linux kernel with Rust"
}

# use_kernel_src: sets source to the folder of what KERNEL_SRC names.
use_kernel_src() {
	[ -e "$KERNEL_SRC" ] || die "KERNEL_SRC=$KERNEL_SRC does not exist"
	if [ -d "$KERNEL_SRC" ]; then
		source=$(cd "$KERNEL_SRC" && pwd -P)
		check_source "$source"
		[ ! -e "$source/.config" ] && [ ! -d "$source/include/config" ] ||
			die "$source has been built in, and cannot serve for a build elsewhere until it is clean" \
				"make -C $source mrproper (this removes its .config)"
	else
		source=$cache/sources/tarball-$(sha256sum <"$KERNEL_SRC" | cut -c 1-12)
		[ -d "$source" ] || unpack_source "$KERNEL_SRC" "$source"
	fi
}

# best_version PATTERN <VERSIONS: the newest of the best tested series, else the
# newest, among those that match the extended regular expression.
best_version() {
	local versions series
	versions=$(grep -E "$1" | sort -V) || return 0
	for series in $tested_series '[0-9]*'; do
		! grep -E "^${series/./\\.}[.+-]" <<<"$versions" | tail -n 1 || return 0
	done
}

warn_untested() {
	case " $tested_series " in
	*" $(series_of "$1") "*) ;;
	*) say "warning: this was not tried with Linux $1, but with $tested_series" ;;
	esac
}
