# What the set-up's steps share: telling, failing, stamps, long commands with progress. Sourced by bash.

began_ns=$(date +%s%N)

elapsed() {
  local ns=$(($(date +%s%N) - began_ns))
  printf '%d.%d' $((ns / 1000000000)) $((ns / 100000000 % 10))
}

say() { printf 'setup %6s s  %s\n' "$(elapsed)" "$*"; }

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# digest FILE...: one word that changes with the contents.
digest() { cat -- "$@" | sha256sum | cut -c1-32; }

# fresh NAME TEXT: whether step NAME was last done with this TEXT; stamp NAME TEXT notes it.
fresh() { [ "$(cat ".stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >".stamps/$1"; }

# need_room FOLDER MB WHAT: fail before a step that would fill the disk.
need_room() {
  local free
  free=$(df -Pm "$1" | awk 'NR == 2 {print $4}')
  [ "$free" -ge "$2" ] || fail "the disk of $(cd "$1" && pwd) has $free MB left and $3 needs $2 MB: free some room"
}

# run_local TITLE COMMAND...: run_step for a command that uses no network, so that no complaint of its
# own is taken for one about the network.
run_local() { step_is_local=1 run_step "$@"; }

# run_step TITLE COMMAND...: run it with its output in a log; a line at the start, then one every ten
# seconds (on a terminal each second, on one line) with the log's last line; explain a failure.
run_step() {
  local title=$1 name log pid ticks=0 status
  shift
  name=$(printf '%s' "$title" | tr -cs 'A-Za-z0-9' '-' | cut -c1-40)
  log=.stamps/log/${name%-}.log
  say "$title"
  "$@" >"$log" 2>&1 </dev/null 9>&- &
  pid=$!
  # A command in the background of a script does not hear the keyboard's interrupt itself.
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    ticks=$((ticks + 1))
    if [ -t 1 ] && [ $((ticks % 5)) -eq 0 ]; then
      printf '\r\033[K      %6s s  … %s' "$(elapsed)" "$(last_line "$log")"
    elif [ $((ticks % 50)) -eq 0 ]; then
      printf '      %6s s  … %s\n' "$(elapsed)" "$(last_line "$log")"
    fi
  done
  [ -t 1 ] && printf '\r\033[K'
  wait "$pid"
  status=$?
  trap - INT TERM
  [ "$status" -eq 0 ] || fail "$(explain_log "$title" "$log")"
}

last_line() { tail -n 5 "$1" | tr '\r' '\n' | grep -av '^ *$' | tail -n 1 | cut -c1-90; }

# explain_log TITLE LOG: one line that names the remedy for what the log complains about.
explain_log() {
  local where="(log: $PWD/$2)"
  if grep -aqiE 'no space left|enough free space|ENOSPC' "$2"; then
    echo "$1: the disk is full: free some room $where"
  elif [ -n "${step_is_local:-}" ]; then
    local complaint
    complaint=$(grep -aE 'ERROR|[Ee]rror: ' "$2" | head -n 1 | sed 's/^ *//' | cut -c1-160)
    echo "$1 failed: ${complaint:-$(last_line "$2")} $where"
  elif grep -aqiE 'could not resolve|temporary failure (in name|resolving)|name or service not known|network is unreachable|ENOTFOUND|EAI_AGAIN' "$2"; then
    echo "$1: no network: check the connection, the name service and the proxy $where"
  elif grep -aqiE 'connection refused|could not connect|unable to connect|ECONNREFUSED|ETIMEDOUT|timed out|failed to fetch|max retries' "$2"; then
    echo "$1: the package mirror does not answer: try again later, or configure another one $where"
  elif grep -aqiE 'unable to locate package|no installation candidate|no matching distribution' "$2"; then
    echo "$1: the package mirror lacks a package: $(grep -aiE 'unable to locate|candidate|matching' "$2" | tail -n 1) $where"
  elif grep -aqiE 'could not get lock|unable to acquire the dpkg' "$2"; then
    echo "$1: another package installation is running: wait for it, then start again $where"
  elif grep -aqiE 'permission denied|EACCES' "$2"; then
    echo "$1: a file cannot be written: $(grep -aiE 'permission denied|EACCES' "$2" | tail -n 1) $where"
  else
    local told
    told=$(grep -aE '^E: |[A-Za-z]Error: ' "$2" | tail -n 1 | sed 's/^ *//' | cut -c1-160)
    echo "$1 failed: ${told:-$(last_line "$2")} $where"
  fi
}

# find_python: print a Python from 3.11 on that can make environments: the one that PYTHON names, else the first on
# PATH, unless another one there is clearly quicker. Version managers compile theirs without the optimisations
# that distributions use, and such a one needs half as much CPU again for every call.
find_python() {
  local candidate real first="" time best_time=0 seen=" "
  if [ -n "${PYTHON:-}" ] && real_python "$PYTHON" >/dev/null; then
    command -v "$PYTHON"
    return
  fi
  # Every match counts: the first python3 may be an old one that a version manager put there.
  for candidate in $(type -aP python3 python3.13 python3.12 python3.11); do
    real=$(real_python "$candidate") || continue
    case $seen in *" $real "*) continue ;; esac
    seen="$seen$real "
    if [ -z "$first" ]; then
      first=$candidate
      continue
    fi
    # The test phones are built with its header files.
    if [ "${what:-test}" != demo ] && has_headers "$first" && ! has_headers "$candidate"; then
      continue
    fi
    [ "$best_time" -gt 0 ] || best_time=$(python_time "$first")
    time=$(python_time "$candidate")
    if [ "$((time * 5))" -lt "$((best_time * 4))" ]; then
      first=$candidate best_time=$time
    fi
  done
  [ -n "$first" ] || fail "no Python from 3.11 on with venv is here: apt-get install python3 python3-venv"
  echo "$first"
}

real_python() { # PYTHON: where it really is, if it is new enough and can make environments
  "$1" -c 'import os, sys, venv, ensurepip
sys.exit(1) if sys.version_info < (3, 11) else print(os.path.realpath(sys.executable))' 2>/dev/null
}

has_headers() { # PYTHON
  "$1" -c 'import pathlib, sysconfig, sys
sys.exit(not pathlib.Path(sysconfig.get_paths()["include"], "Python.h").exists())' 2>/dev/null
}

python_time() { # PYTHON: microseconds of CPU for what a call is made of, calls and small objects
  "$1" -c 'from time import process_time

class Fact:
    __slots__ = ("name", "value")

    def __init__(self, name, value):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "value", value)

def work():
    begun = process_time()
    facts = {}
    for number in range(20_000):
        fact = Fact(str(number), number)
        facts[fact.name] = fact.value
    return process_time() - begun

print(max(1, round(min(work() for _ in range(9)) * 1_000_000)))'
}
