# Sourced by the scripts of the tests: where things are kept, and how packages get here.

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# cache_dir prints the directory for what is expensive to make: $MDRUN_CACHE, or the
# user's cache directory, or the machine's.
cache_dir() {
  if [[ -n ${MDRUN_CACHE:-} ]]; then echo "$MDRUN_CACHE"
  elif [[ -n ${XDG_CACHE_HOME:-} ]]; then echo "$XDG_CACHE_HOME/mdrun"
  elif [[ $(id -u) == 0 ]]; then echo /var/cache/mdrun
  else echo "$HOME/.cache/mdrun"; fi
}

need_root() { [[ $(id -u) == 0 ]] || die "$1: needs root: sudo make ${1#make }"; }

# retry runs a command that needs the network, three times at most.
retry() {
  local try
  for try in 1 2 3; do
    "$@" && return
    say "attempt $try failed: $*"
    sleep $((try * 5))
  done
  return 1
}

# one_at_a_time NAME makes the rest of the script wait until no other one holds NAME.
one_at_a_time() {
  local home; home=$(cache_dir); mkdir -p "$home"
  exec {lock_fd}>"$home/$1.lock"
  flock "$lock_fd"
}

# debian_tree NAME SUITE PACKAGES makes, unless it is there, a Debian tree with the
# packages (a list with commas) and prints where it is. Nothing in it is ever changed
# afterwards: its name holds all that goes into it.
debian_tree() {
  local name=$1 suite=$2 packages=$3
  local home; home=$(cache_dir)/$name
  local tree=$home/$suite-$(printf '%s' "$packages" | sha256sum | cut -c1-8)
  one_at_a_time "$name"
  if [[ ! -d $tree ]]; then
    need_root "make the tree $name"
    "$(dirname "${BASH_SOURCE[0]}")/packages" mmdebstrap debian-archive-keyring ca-certificates >&2
    mkdir -p "$home"
    retry bootstrap "$suite" "$packages" "$tree.new" "$home/build.log" || { tail -n 20 "$home/build.log" >&2; die "$name: no tree"; }
    mv "$tree.new" "$tree"
  fi
  echo "$tree"
}

bootstrap() {
  rm -rf "$3"
  mmdebstrap --quiet --aptopt='Acquire::Check-Valid-Until "false"' --variant=minbase --include="$2" "$1" "$3" >"$4" 2>&1
}
