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
