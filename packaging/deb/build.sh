#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Three Debian packages from a finished build: build.sh BUILD VERSION.
# Each is `make install-X` into a folder, its dependencies as
# dpkg-shlibdeps(1) finds them, and the scripts in packaging/deb/PACKAGE.
set -eu
umask 022

build=$1
version=$2
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$top/$build/deb
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
rm -f "$out"/*.deb

package() {
	name=$1 goal=$2 also=$3 summary=$4
	root=$work/$name
	mkdir -p "$root/DEBIAN" "$work/debian"
	make -s -C "$top" "$goal" DESTDIR="$root" BUILD="$build"
	find "$root/usr" -type f -perm -100 -exec strip --strip-unneeded {} +
	find "$root/usr/share/man" -type f -exec gzip -9n {} +
	printf 'Source: cordon\n\nPackage: %s\nArchitecture: any\n' "$name" \
	    >"$work/debian/control"
	find "$root/usr" -type f -perm -100 >"$work/programs"
	# shellcheck disable=SC2046
	libs=$(cd "$work" && dpkg-shlibdeps -O $(cat programs) 2>shlibdeps.log) || {
		cat "$work/shlibdeps.log" >&2
		return 1
	}
	libs=${libs#shlibs:Depends=}
	{
		echo "Package: $name"
		echo "Version: $version"
		echo "Architecture: $arch"
		echo "Maintainer: Cordon developers <cordon@localhost>"
		echo "Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)"
		echo "Depends: $libs${also:+, $also}"
		echo "Section: admin"
		echo "Priority: optional"
		printf 'Description: %s\n' "$summary"
		echo " Cordon cuts a compromised Linux host off the network, proves that it is"
		echo " cut off, keeps the line to its collector, and brings the host back only"
		echo " when it has been shown to be clean."
	} >"$root/DEBIAN/control"
	[ ! -d "$root/etc" ] ||
	    (cd "$root" && find etc -type f | sort | sed 's|^|/|') \
	    >"$root/DEBIAN/conffiles"
	for script in preinst postinst prerm postrm; do
		[ ! -f "$top/packaging/deb/$name/$script" ] ||
		    install -m 0755 "$top/packaging/deb/$name/$script" "$root/DEBIAN/$script"
	done
	(cd "$root" && find usr -type f -print0 | sort -z |
	    xargs -0 md5sum) >"$root/DEBIAN/md5sums"
	dpkg-deb --root-owner-group -Zxz --build "$root" \
	    "$out/${name}_${version}_$arch.deb" >/dev/null
	echo "$out/${name}_${version}_$arch.deb"
}

package cordon-agent install-agent systemd \
    'integrity signals and provable isolation of this host'
package cordon-collector install-collector systemd \
    'collector and signer that decide isolation and recovery'
package cordonctl install-ctl '' 'command line of the security team'
