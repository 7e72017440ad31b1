# Loaded by the files whose tests take tasks: agents, tasks, and ways to look at what came of them.

# shell_agent LINES: the agent CLI is a shell script. It notes every start, and LINES may use `hold` (until `go` is called),
# `say TEXT` and `result`, which is how a `claude -p` that has done its work ends.
shell_agent() {
  AGENT_NOTES="$BATS_TEST_TMPDIR/agent notes"
  export HEADLESS_PM_CLAUDE_COMMAND="$AGENT_NOTES/claude"
  mkdir -p "$AGENT_NOTES"
  {
    # The path stands in the script: an agent gets of the environment only what it needs.
    printf '#!/bin/sh\nAGENT_NOTES=%q\n' "$AGENT_NOTES"
    cat <<'SCRIPT'
case "$1" in
  --version) echo '2.1.329 (Claude Code)'; exit ;;
  auth) echo '{"loggedIn":true,"authMethod":"api_key"}'; exit ;;
esac
hold() { while [ ! -e "$AGENT_NOTES/go" ]; do sleep 0.05; done; }
say() { printf '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"%s"}]}}\n' "$1"; }
result() {
  echo '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"all done","num_turns":1,"total_cost_usd":0.01,"duration_ms":1,"session_id":"s","usage":{"input_tokens":1,"output_tokens":1}}'
}
echo '{"type":"system","subtype":"init","session_id":"s","model":"test","tools":[]}'
cat >"$AGENT_NOTES/prompt"
printf '%s\n' "$*" >>"$AGENT_NOTES/arguments"
echo "$$" >>"$AGENT_NOTES/starts"
SCRIPT
    printf '%s\n' "$1"
  } >"$HEADLESS_PM_CLAUDE_COMMAND"
  chmod +x "$HEADLESS_PM_CLAUDE_COMMAND"
}

go() { : >"$AGENT_NOTES/go"; }
agent_starts() { cat "$AGENT_NOTES/starts" 2>/dev/null | wc -l; }
agent_started() { [ "$(agent_starts)" -ge "${1-1}" ]; }

# add_task TITLE [FLAG…]: a task for a backend developer on the embedded board; its id is in $TASK.
add_task() {
  TASK=$("$AGENT_RUNNER" task add --tracker embedded --title "$1" --role backend_dev --json "${@:2}" | field id)
}

task_status() { "$AGENT_RUNNER" task show --tracker embedded "$1" --json | field status; }

# single [FLAG…]: one task by dev_001. A flag that is given again wins.
single() { "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --single-task "$@"; }
# start_single LOG [FLAG…]: the same in the background; $LAST is the runner itself.
start_single() { start "$1" "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --single-task "${@:2}"; }

# pm_task TITLE [JSON]: a created task on the stand-in PM, major unless JSON says otherwise; its id is in $TASK.
pm_task() {
  TASK=$("$NODE" -e '
    const [title, more] = process.argv.slice(1)
    const headers = { "X-API-Key": process.env.HEADLESS_PM_API_KEY, "content-type": "application/json" }
    const call = async (method, path, body) => {
      const answer = await fetch(`${process.env.HEADLESS_PM_API_URL}/api/v1${path}`, { method, headers, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      return answer.json()
    }
    const text = { name: "demo", description: "demo" }
    const main = async () => {
      await call("POST", "/register", { agent_id: "boss", role: "pm", level: "principal" })
      const epic = await call("POST", "/epics?agent_id=boss", text)
      const feature = await call("POST", "/features?agent_id=boss", { epic_id: epic.id, ...text })
      const task = { title, description: "Do it.", target_role: "backend_dev", difficulty: "senior", complexity: "major", branch: "feature/demo" }
      const { id } = await call("POST", "/tasks/create?agent_id=boss", { feature_id: feature.id, ...task, ...JSON.parse(more) })
      await call("PUT", `/tasks/${id}/status?agent_id=boss`, { status: "created" })
      console.log(id)
    }
    main()' "$1" "${2-"{}"}")
}

# pm_task_field ID NAME: what the stand-in PM has of a task.
pm_task_field() {
  pm GET /tasks | "$NODE" -e '
    const [id, name] = process.argv.slice(1)
    const tasks = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
    console.log(String(tasks.find(task => task.id === Number(id))?.[name]))' "$1" "$2"
}

lock_file() { echo "$HEADLESS_PM_HOME/locks/agent-${1-dev_001}.lock"; }
lock_field() { field "$1" <"$(lock_file)"; }

# nothing_tagged: no process on this machine belongs to a run of this test's state folder.
nothing_tagged() {
  local run
  for run in "$HEADLESS_PM_HOME"/runs/*; do
    [ -z "$(grep -slzFx "AGENT_RUNNER_RUN_ID=${run##*/}" /proc/[0-9]*/environ)" ] || return 1
  done
}

# ended PID: waits for a process that `start` started; its exit code is in $CODE.
ended() {
  wait_for has_ended "$1"
  CODE=0
  wait "$1" || CODE=$?
}

# says FILE PATTERN…: every pattern is in the file (- for what `run` caught).
says() {
  local pattern text=${output-}
  [ "$1" = - ] || text=$(cat "$1")
  for pattern in "${@:2}"; do
    grep -q -e "$pattern" <<<"$text" || { printf 'no "%s" in:\n%s\n' "$pattern" "$text"; return 1; }
  done
}

# count PATTERN FILE: how many lines have it.
count() { grep -c -e "$1" "$2" || true; }
