#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs the Debian packages that building, testing and the demo need, and
# nothing that is there already.  Needs root only when something is missing.
set -eu

build='gcc make pkg-config libevent-dev libssl-dev libnftnl-dev libmnl-dev
libinih-dev libprotobuf-c-dev protobuf-c-compiler libsqlite3-dev libjansson-dev
libseccomp-dev libcap-ng-dev libcurl4-openssl-dev libsystemd-dev
libqrencode-dev libbpf-dev clang zlib1g-dev liblzma-dev libzstd-dev'
tests='python3 python3-pytest libcmocka-dev libclang-rt-14-dev nftables
iproute2 iputils-ping procps openssl conntrack iptables dnsmasq-base
isc-dhcp-client isc-dhcp-server'
packaging='dpkg-dev debhelper fakeroot debootstrap systemd-container'
boot='qemu-system-x86 e2fsprogs'
desktop='dbus-daemon'
# Access lists and inode flags for the triggers; inotifywait as the peer of
# the loss test.
files='acl e2fsprogs inotify-tools libcap2-bin'
# rpmbuild and rpm, to install packages of that kind into a folder.
rpm='rpm'
bench='aide'

missing=
for p in $build $tests $packaging $boot $desktop $files $rpm $bench; do
	dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
	    grep -q '^install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: run this once as root, or install the packages above" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } \
    >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	echo "apt-get could not install the packages above" >&2
	exit 1
fi
