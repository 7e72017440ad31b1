# Loaded by every bats file. Each test gets a home, a state folder and a port of its own, and leaves no process behind:
# what it started is stopped by pid, also after a failure, and whatever else still runs in its home fails the test.

# Deadlines bound hanging and nothing else, so they are long, and longer on a slow machine (setup_suite.bash measures it).
HANGS_S=$((60 * ${TEST_SLOWNESS:-1}))
# A test that hangs is ended and torn down like one that fails.
BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-$((5 * HANGS_S))}
ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
NODE=$ROOT/node_modules/node/bin/node
: "${AGENT_RUNNER:=$ROOT/dist/agent-runner}"

setup() {
  [ -x "$AGENT_RUNNER" ] || { echo "$AGENT_RUNNER is missing; run scripts/build" >&2; return 1; }
  # Nothing of the developer's own settings may reach a test, least of all the address of a real PM.
  local name
  for name in $(compgen -e | grep -E '^(HEADLESS_PM_|API_KEY|ANTHROPIC_|CLAUDE|AGENT_RUNNER_|GIT_|XDG_)'); do unset "$name"; done
  # Nor what a CI says of itself: it decides how a terminal is written to.
  unset CI FORCE_COLOR
  export HOME="$BATS_TEST_TMPDIR/home" HEADLESS_PM_HOME="$BATS_TEST_TMPDIR/home/.headless-pm"
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 NO_COLOR=1 IS_SANDBOX=1
  export PATH="$ROOT/node_modules/.bin:$PATH"
  mkdir -p "$HOME"
  STARTED=()
  REPO="$BATS_TEST_TMPDIR/a repo"
  make_repo "$REPO"
  cd "$REPO"
}

teardown() {
  local pid problems=0
  for pid in "${STARTED[@]}"; do end_process "$pid"; done
  # What a runner left to itself may need a moment to end; what is still there after that is a defect.
  if ! wait_for nothing_runs_in_home; then
    problems=1
    for pid in $(processes_of_home); do
      echo "still running: $pid $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")" >&2
      end_process "$pid"
    done
  fi
  [ "$problems" = 0 ]
}

# make_repo FOLDER: a repository on branch main with one commit and an identity of its own.
make_repo() {
  mkdir -p "$1"
  git -C "$1" init -q -b main
  git -C "$1" config user.name 'Test User'
  git -C "$1" config user.email test@example.com
  echo '# demo' >"$1/README.md"
  git -C "$1" add -A
  git -C "$1" commit -q -m start
}

# wait_for COMMAND…: until the command succeeds; fails when that hangs.
wait_for() { wait_at_most "$HANGS_S" "$@"; }

# wait_at_most SECONDS COMMAND…
wait_at_most() {
  local until=$((SECONDS + $1 + 1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.05
  done
}

# start LOG COMMAND…: in the background; its pid is in $LAST and it is stopped when the test ends.
start() {
  local log=$1
  shift
  # bats waits for everybody who holds its own descriptor 3.
  "$@" >"$log" 2>&1 </dev/null 3>&- &
  LAST=$!
  STARTED+=("$LAST")
}

# end_process PID: TERM, five seconds, KILL; and it is gone.
end_process() {
  kill -TERM "$1" 2>/dev/null || return 0
  wait_at_most 5 has_ended "$1" || kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

has_ended() {
  ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# processes_of_home: pids of everything that was started with this test's home, however far it has drifted; without
# /proc (macOS) nothing can be found in this way. bats' own shells are not among them: they had another home at their start.
processes_of_home() {
  local environ pid
  for environ in $(grep -slzFx "HOME=$HOME" /proc/[0-9]*/environ 2>/dev/null); do
    pid=${environ#/proc/}
    echo "${pid%/environ}"
  done
}

nothing_runs_in_home() { [ -z "$(processes_of_home)" ]; }

# start_pm: the stand-in for a Headless PM server; sets the two settings that lead to it.
start_pm() {
  local port="$BATS_TEST_TMPDIR/pm.port"
  rm -f "$port"
  start "$BATS_TEST_TMPDIR/pm.log" "$NODE" "$ROOT/tests/support/headless-pm-server.ts" --port-file "$port" --key test-key "$@"
  wait_for test -s "$port"
  HEADLESS_PM_API_URL=http://127.0.0.1:$(cat "$port")
  export HEADLESS_PM_API_URL HEADLESS_PM_API_KEY=test-key
}

# pm METHOD PATH [JSON]: one request to the stand-in; prints the answer's body. Paths are below /api/v1.
pm() {
  "$NODE" -e '
    const [method, path, body] = process.argv.slice(1)
    const headers = { "X-API-Key": process.env.HEADLESS_PM_API_KEY, "content-type": "application/json" }
    fetch(`${process.env.HEADLESS_PM_API_URL}/api/v1${path}`, { method, headers, body }).then(async answer => {
      console.log(await answer.text())
      process.exitCode = answer.ok ? 0 : 1
    })' "$@"
}

# start_model JSON: the real `claude` CLI of the checkout will talk to a model that follows this script.
start_model() {
  local port="$BATS_TEST_TMPDIR/model.port" script="$BATS_TEST_TMPDIR/model.json"
  printf '%s' "$1" >"$script"
  start "$BATS_TEST_TMPDIR/model.log" "$NODE" "$ROOT/tests/support/scripted-model.ts" --script "$script" --port-file "$port"
  wait_for test -s "$port"
  ANTHROPIC_BASE_URL=http://127.0.0.1:$(cat "$port")
  export ANTHROPIC_BASE_URL ANTHROPIC_API_KEY=test-key
}

# field PATH: reads a JSON document on stdin and prints what is at a path such as `task.id` or `0.status`.
field() {
  "$NODE" -e '
    const at = (value, path) => path.split(".").reduce((part, key) => part?.[key], value)
    const value = at(JSON.parse(require("node:fs").readFileSync(0, "utf8")), process.argv[1])
    console.log(typeof value === "object" ? JSON.stringify(value) : String(value))' "$1"
}
