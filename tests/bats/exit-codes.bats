bats_require_minimum_version 1.5.0
load setup
load runner

@test "14: nothing to do" {
  shell_agent 'result'
  run -14 single
  start_pm --poll-ms 50
  run -14 single
  [[ "$output" == *"nothing to do"* ]]
}

@test "10: the agent fails, and the task is parked with a note" {
  start_pm --poll-ms 50
  shell_agent 'echo "it broke" >&2; exit 3'
  pm_task 'Hard one'
  run -10 single --max-attempts 1
  [ "$(agent_starts)" = 1 ]
  [ "$(pm_task_field "$TASK" status)" = pending ]
  [ "$(pm_task_field "$TASK" locked_by)" = null ]
  [[ "$(pm_task_field "$TASK" notes)" == *"it broke"*"agent-runner logs run_"* ]]
  [ ! -e "$(lock_file)" ]
}

@test "11: the deadline passes, the tree of the agent is ended, its work is kept" {
  shell_agent 'echo half >half.txt; setsid sleep 300 & sleep 300'
  add_task 'Slow one'
  run -11 single --claude-timeout 0.5 --kill-grace 0.5
  nothing_tagged
  [ "$(task_status "$TASK")" = pending ]
  [ "$(cat ".worktrees/task-$TASK/half.txt")" = half ]
  run -0 "$AGENT_RUNNER" status
  [[ "$output" == *"task-$TASK"* ]]
}

@test "69: the PM is not there at the start" {
  shell_agent 'result'
  # Port 1 is closed on loopback: the connection is refused at once.
  HEADLESS_PM_API_URL=http://127.0.0.1:1 HEADLESS_PM_API_KEY=k run -69 single
  [[ "$output" == *"127.0.0.1:1"* ]]
  [ "$(agent_starts)" = 0 ]
}

@test "73: the state folder cannot be used" {
  shell_agent 'result'
  echo mine >"$BATS_TEST_TMPDIR/file"
  HEADLESS_PM_HOME="$BATS_TEST_TMPDIR/file" run -73 --separate-stderr single
  [[ "${stderr_lines[0]}" == *"$BATS_TEST_TMPDIR/file"* ]]
  HEADLESS_PM_HOME="$BATS_TEST_TMPDIR/file/below" run -73 single
  [ "$(cat "$BATS_TEST_TMPDIR/file")" = mine ]
}

@test "75: the agent id is in use, and the holder is named; it does not notice" {
  shell_agent 'hold; result'
  add_task 'Long one' --complexity minor
  start_single ../first.log
  local first=$LAST
  wait_for agent_started
  run -75 --separate-stderr single
  [[ "${stderr_lines[0]}" == *"process $(field process.pid <"$HEADLESS_PM_HOME/locks/agent-dev_001.runner.json")"* ]]
  # Another id is free to work.
  run -14 single --agent-id dev_002
  go
  ended "$first"
  [ "$CODE" = 0 ]
  # And so is this one again.
  run -14 single
}

@test "77: the PM refuses the key" {
  start_pm
  shell_agent 'result'
  HEADLESS_PM_API_KEY=wrong run -77 --separate-stderr single
  [[ "$stderr$output" == *"HEADLESS_PM_API_KEY"* ]]
  [[ "$stderr$output" != *wrong* ]]
}

@test "77: the agent CLI is not logged in; the task is given back" {
  add_task 'Anything' --complexity minor
  start_model '{}'
  unset ANTHROPIC_API_KEY
  run -77 single
  [ "$(task_status "$TASK")" = created ]
  [[ "$output" == *"/login"* ]]
}

@test "78: bad values name where they came from, and nothing is touched" {
  printf 'claudeTimeout: soon\n' >agent-runner.yaml
  run -78 --separate-stderr single
  [[ "${stderr_lines[0]}" == *"agent-runner.yaml"*claudeTimeout* ]] || [[ "${stderr_lines[0]}" == *claudeTimeout*"agent-runner.yaml"* ]]
  printf 'claudeTimout: 5\n' >agent-runner.yaml
  run -78 --separate-stderr single
  [[ "$stderr" == *claudeTimout*claudeTimeout* ]]
  rm agent-runner.yaml
  echo 'HEADLESS_PM_API_URL=nonsense' >.env
  run -78 --separate-stderr single
  [[ "$stderr" == *.env* ]]
  rm .env
  mkdir -p "$HEADLESS_PM_HOME"
  echo '{ "level": "boss" }' >"$HEADLESS_PM_HOME/config.json"
  run -78 --separate-stderr single
  [[ "$stderr" == *config.json* ]]
  [ "$(ls -A "$HEADLESS_PM_HOME")" = config.json ]
}

@test "78: the configured agent CLI is not there; no task is taken" {
  add_task 'Anything' --complexity minor
  HEADLESS_PM_CLAUDE_COMMAND=/no/such/claude run -78 --separate-stderr single
  [[ "$stderr$output" == *"/no/such/claude"* ]]
  [ "$(task_status "$TASK")" = created ]
  HEADLESS_PM_HOME="$BATS_TEST_TMPDIR/new" run -78 --separate-stderr single --claude-command /no/such/claude
  [ ! -e "$BATS_TEST_TMPDIR/new" ]
}

@test "2 or 78: a base branch that is not there is refused, so that no major task works in place for a slip of the pen" {
  shell_agent 'result'
  add_task 'Anything'
  run -2 --separate-stderr single --base-branch develpo
  [[ "${stderr_lines[0]}" == *"--base-branch develpo: there is no such branch"* ]]
  HEADLESS_PM_BASE_BRANCH=develpo run -78 --separate-stderr single
  [[ "${stderr_lines[0]}" == *HEADLESS_PM_BASE_BRANCH=develpo* ]]
  run -2 single --base-branch develpo --dry-run
  [ "$(agent_starts)" = 0 ]
  [ "$(task_status "$TASK")" = created ]
  git branch develop
  run -0 single --base-branch develop
}

@test "2: what is for a server elsewhere is refused when there is none, instead of working on the embedded board" {
  shell_agent 'result'
  local flag
  for flag in '--key=secret-key' '--key-file=/etc/hostname' '--project=shop'; do
    run -2 --separate-stderr single "$flag"
    [[ "${stderr_lines[0]}" == *"${flag%%=*}"*"no server is configured"* ]]
    [[ "$stderr" != *secret-key* ]]
  done
  [ ! -e "$HEADLESS_PM_HOME/locks" ]
}
