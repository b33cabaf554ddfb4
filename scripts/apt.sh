# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Debian's packages, without installing any: an apt of our own, in the cache,
# which verifies signatures as the machine's apt does. That one lends the address
# of its mirror and its proxies, and is otherwise left alone. Sourced after lib.sh.
#
# shellcheck disable=SC2154 # lib.sh sets what is not set here.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt=$cache/apt

# open_apt SUITE…: brings the lists of those suites up to date. The commands of
# apt that follow see these suites and no others, and no installed package.
open_apt() {
	[ -r "$keyring" ] && type -P apt-get >/dev/null ||
		die 'packages of Debian are needed, and this machine has no apt that knows the keys of Debian' \
			"It takes apt-get and $keyring, which is in the package debian-archive-keyring."
	stage 'look at what Debian offers' 0 update_apt "$@"
	export APT_CONFIG=$apt/apt.conf
}

update_apt() {
	local mirror
	mkdir -p "$apt"/lists/partial "$apt"/archives/partial
	while IFS= read -r mirror; do
		write_apt_files "$mirror" "$@"
		# A suite that the mirror lacks makes this fail, and the others do.
		APT_CONFIG=$apt/apt.conf apt-get -q update || true
		[ -z "$(APT_CONFIG=$apt/apt.conf apt-cache pkgnames linux-source-)" ] || return 0
	done < <(mirrors)
	echo "No mirror that the machine's apt knows offers kernel sources in $*."
	return 1
}

# The addresses from which the machine's own apt gets Debian itself.
mirrors() {
	apt-get --print-uris update |
		sed -nE "s#^'(.*/debian(\.list)?)/dists/[a-z]+(-updates|-backports)?/main/.*#\1#p" |
		awk '!seen[$0]++'
}

write_apt_files() {
	local mirror=$1
	shift
	: >"$apt/status"
	{
		apt-config dump Acquire | grep -E '^Acquire::(http|https|socks|ForceIPv)' || true
		cat <<-END
			Dir::Etc::Main "/dev/null";
			Dir::Etc::Parts "/dev/null";
			Dir::Etc::SourceList "$apt/debian.sources";
			Dir::Etc::SourceParts "/dev/null";
			Dir::Etc::Preferences "/dev/null";
			Dir::Etc::PreferencesParts "/dev/null";
			Dir::State "$apt";
			Dir::State::Lists "$apt/lists";
			Dir::State::status "$apt/status";
			Dir::Cache "$apt";
			Acquire::Languages "none";
			Acquire::Retries "3";
			APT::Architecture "$(dpkg --print-architecture)";
			APT::Sandbox::User "root";
		END
	} >"$apt/apt.conf"
	cat >"$apt/debian.sources" <<-END
		Types: deb
		URIs: $mirror
		Suites: $*
		Components: main
		Signed-By: $keyring
	END
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

# need_space MIB WHAT
need_space() {
	local free
	free=$(df --output=avail -m "$cache" | tail -n 1)
	[ "$free" -ge "$1" ] ||
		die "$2 takes $1 MiB in $cache, where $((free)) MiB are free" \
			'Make room, or name another folder in XDG_CACHE_HOME.'
}
