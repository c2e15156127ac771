# packages.sh: sourced by bin/workbench and bin/test. Installs the Debian packages that are missing.

# What the program is built from.
program_packages=(
  libncursesw5-dev   # the terminal
  libdnnl-dev        # oneDNN: convolutions and matrix products
  libsqlite3-dev     # session files
  libpng-dev libjpeg-dev zlib1g-dev   # images, gzip
  libssl-dev         # SHA-256
)
# What its tests drive it with.
test_packages=(tmux python3 git gcc)

# need PACKAGE...: installs those that are missing, saying so; ends the script when it can't.
need() {
  command -v dpkg-query >/dev/null || {
    echo "workbench: this is no Debian; needed are the equivalents of $*" >&2
    return 0
  }
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || {
      echo "workbench: missing Debian packages; as root: apt-get install ${missing[*]}" >&2
      exit 2
    }
    as_root=(sudo)
  fi
  echo "workbench: installing Debian packages: ${missing[*]}" >&2
  local log
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  if ! { "${as_root[@]}" apt-get -q update && "${as_root[@]}" apt-get -qy install --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    echo "workbench: these Debian packages are missing and could not be installed: ${missing[*]}" >&2
    exit 2
  fi
  rm -f "$log"
}

# need_swift: ends the script when there is no Swift toolchain.
need_swift() {
  command -v swift >/dev/null || {
    echo "workbench: there is no Swift toolchain; Swift 6.1 or newer is needed (swift.org/install)" >&2
    exit 2
  }
}

# build_release ROOT: makes the release program when a source is newer than the last build. One builder at a time.
build_release() {
  local root=$1 stamp=$1/.build/workbench.built
  is_fresh() { [[ -f $stamp && -z $(find "$root/Package.swift" "$root/Sources" "$root/examples" -newer "$stamp" -print -quit) ]]; }
  is_fresh && return 0
  need_swift
  need "${program_packages[@]}"
  mkdir -p "$root/.build"
  local lock log started
  exec {lock}>"$root/.build/workbench.lock"
  flock -n "$lock" || { echo "workbench: waiting for another build" >&2; flock "$lock"; }
  if ! is_fresh; then
    echo "workbench: building (the first time takes some minutes)" >&2
    log=$root/.build/workbench.log
    # Read before the build: what changes while it runs is built the next time.
    started=$(mktemp -p "$root/.build")
    if [[ -t 2 ]]; then
      swift build --package-path "$root" -c release --product workbench --static-swift-stdlib 2>&1 | tee "$log" >&2
    else
      swift build --package-path "$root" -c release --product workbench --static-swift-stdlib >"$log" 2>&1
    fi || {
      [[ -t 2 ]] || grep -E 'error|warning' "$log" >&2 || tail -n 20 "$log" >&2
      rm -f "$started"
      echo "workbench: the build failed; its messages are in $log" >&2
      exit 1
    }
    mv "$started" "$stamp"
  fi
  exec {lock}>&-
}
