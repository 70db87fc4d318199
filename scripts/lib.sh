# Shared by scripts/setup and scripts/asterisk-root: where things are, and how progress is told. Sourced, not run.

am_root() { [ "$(id -u)" -eq 0 ]; }

if am_root; then cache=${M3VOIP_CACHE:-/var/cache/m3voip}; else cache=${M3VOIP_CACHE:-$HOME/.cache/m3voip}; fi
log=$cache/setup.log

say() { printf '[setup] %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

step() {  # LABEL COMMAND...: one line when it starts, one when it is done; the command's own words go to the log
  local label=$1 began=$SECONDS
  shift
  say "$label ..."
  if ! "$@" >> "$log" 2>&1 9>&-; then
    tail -n 25 "$log" >&2
    die "failed: $label (whole log: $log)"
  fi
  say "$label: done in $((SECONDS - began)) s"
}

# m3voip.stack.paths.asterisk_root computes the same name.
asterisk_root() { printf '%s/asterisk-root-%s\n' "$cache" "$(sha256sum < docker/asterisk.recipe | cut -c1-12)"; }

recipe() { awk -v word="$1" '$1 == word { print $2 }' docker/asterisk.recipe; }

postgres_bin() {  # folder of initdb and postgres, newest version first; empty if there is none
  local folder
  if command -v initdb >/dev/null && command -v postgres >/dev/null; then
    dirname "$(command -v initdb)"
    return 0
  fi
  for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then echo "$folder"; return 0; fi
  done
}
