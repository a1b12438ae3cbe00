#!/usr/bin/env bash
# Installs what the WordPress tests need, from Debian's or Ubuntu's packages, unless it is there.
set -euo pipefail
packages=(wordpress php-cli php-mysql php-gd mariadb-server)
export PATH="$PATH:/usr/sbin:/usr/local/sbin"

is_there() {
    test -e /usr/share/wordpress/wp-load.php || return 1
    for program in php mariadbd mariadb-install-db; do command -v "$program" >/dev/null || return 1; done
    modules=$(php -m)
    for module in mysqli gd posix; do grep -qix "$module" <<<"$modules" || return 1; done
}

is_there && exit 0
if ! command -v apt-get >/dev/null; then
    echo "The WordPress tests need WordPress in /usr/share/wordpress, PHP with mysqli and gd, and MariaDB." >&2
    echo "There is no apt-get here: install them, or run the tests on Debian or Ubuntu." >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "The WordPress tests need packages that only root may install. Run this once as root:" >&2
        echo "  apt-get update && apt-get install --no-install-recommends ${packages[*]}" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi
echo "Installing ${packages[*]} ..."
# RUNLEVEL=1: their services are not started; the tests have servers of their own.
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
is_there || { echo "WordPress, PHP or MariaDB is not complete after the installation" >&2; exit 1; }
