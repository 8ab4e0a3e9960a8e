# SPDX-License-Identifier: Apache-2.0
# Functions for a Debian 12 that has nothing but itself, in a folder: sourced by test_chroot.sh, which runs in a mount and
# process namespace of its own, so that whatever is mounted or started here goes with it.

mirror=${LITHOS_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# Why no chroot can be made here; silent if it can.
why_no_chroot() {
  if [ "$(id -u)" -ne 0 ]; then echo "not root"
  elif ! command -v mmdebstrap >/dev/null; then echo "no mmdebstrap (a package of Debian)"
  elif [ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ]; then echo "no keyring of Debian's archive"
  elif ! unshare --mount --pid --fork true 2>/dev/null; then echo "no namespaces for mounts and processes"
  fi
}

# make_chroot ROOT CACHE: Debian's essential packages and apt, as in an image debian:12-slim. CACHE keeps what was
# downloaded, here and by apt inside, for the next time.
make_chroot() {
  local root=$1 cache=$2
  mkdir -p "$cache" "$root"
  # Nothing of it outlives the test: no need to wait for the disk, and nobody reads the manuals.
  mmdebstrap --quiet --mode=root --variant=apt --format=directory \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --setup-hook="mkdir -p \"\$1/var/cache/apt/archives\" && cp -n '$cache'/*.deb \"\$1/var/cache/apt/archives/\" || true" \
    --skip=download/empty,essential/unlink,cleanup/apt \
    bookworm "$root" "$mirror"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
}

# in_chroot ROOT COMMAND…: as root of that system, with nothing of this one's environment.
in_chroot() {
  local root=$1
  shift
  env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    ${http_proxy:+http_proxy="$http_proxy"} chroot "$root" "$@"
}

# Downloads of ROOT go into CACHE.
keep_downloads() { cp -n "$1"/var/cache/apt/archives/*.deb "$2" 2>/dev/null || true; }

# run_containerfile ROOT FILE CONTEXT: does what COPY and RUN say; other lines say how a container starts and do nothing
# while it is built. Lines are not continued in ours.
run_containerfile() {
  local root=$1 file=$2 context=$3 word rest
  while read -r word rest; do
    case $word in
      COPY) local from=${rest% *} to=${rest##* }
            (cd "$context" && cp $from "$root$to") ;;  # unquoted: a pattern
      RUN) in_chroot "$root" sh -ec "$rest" ;;
      FROM | VOLUME | ENTRYPOINT | CMD | '#'* | '') ;;
      *) echo "chroot.sh: cannot do: $word $rest" >&2; return 1 ;;
    esac
  done <"$file"
}
