bats_require_minimum_version 1.5.0
load setup
load runner

@test "task add, list, show, cancel and requeue speak JSON" {
  run -0 --separate-stderr "$AGENT_RUNNER" task add --title One --role backend_dev --seniority junior --complexity minor \
    --priority 3 --criteria a --criteria 'b "c"' --max-cost 1.5 --branch feature/x --json - <<<$'Line 1\nLine 2'
  local id
  id=$(field id <<<"$output")
  [[ "$id" == tsk_* ]]
  [ "$(field description <<<"$output")" = $'Line 1\nLine 2' ]
  [ "$(field criteria <<<"$output")" = '["a","b \"c\""]' ]
  run -0 "$AGENT_RUNNER" task add --title Two --role qa --depends-on "$id" --json
  [ "$(field dependsOn.0 <<<"$output")" = "$id" ]
  run -0 "$AGENT_RUNNER" task list --json
  [ "$(field length <<<"$output")" = 2 ]
  run -0 "$AGENT_RUNNER" task list --role qa --json
  [ "$(field 0.title <<<"$output") $(field 0.blockedBy.0 <<<"$output")" = "Two $id" ]
  run -0 "$AGENT_RUNNER" task show "$id" --json
  [ "$(field maxCostUsd <<<"$output")" = 1.5 ]
  run -0 "$AGENT_RUNNER" task cancel "$id" --json
  [ "$(field status <<<"$output")" = cancelled ]
  run -0 "$AGENT_RUNNER" task requeue "$id" --json
  [ "$(field status <<<"$output")" = created ]
  run -2 --separate-stderr "$AGENT_RUNNER" task show tsk_nothing --json
  [ -z "$output" ]
}

@test "status, doctor and config explain speak JSON; secrets are masked" {
  shell_agent 'hold; result'
  export HEADLESS_PM_API_KEY=top-secret-key
  add_task 'Long one' --complexity minor
  start_single ../log --tracker embedded
  wait_for agent_started
  run -0 "$AGENT_RUNNER" status --json
  [ "$(field agents.0.agent_id <<<"$output") $(field agents.0.state <<<"$output")" = 'dev_001 working' ]
  [ "$(field agents.0.step <<<"$output") $(field agents.0.supervisor <<<"$output")" = 'agent alive' ]
  [ "$(field agents.0.runner.pid <<<"$output")" = "$LAST" ]
  go
  ended "$LAST"
  run -0 "$AGENT_RUNNER" doctor --role backend_dev --agent-id dev_001 --tracker embedded --json
  [ "$(field ok <<<"$output")" = true ]
  [ "$(field checks.length <<<"$output")" -ge 8 ]
  run -0 "$AGENT_RUNNER" config explain --json
  [ "$(field settings.apiKey.source.name <<<"$output")" = HEADLESS_PM_API_KEY ]
  [[ "$output" != *top-secret-key* ]]
  run -0 "$AGENT_RUNNER" config list --json
  [ "$(field hookTimeout <<<"$output")" = 30 ]
}

@test "doctor fails where a run would fail, and with the same exit code" {
  HEADLESS_PM_CLAUDE_COMMAND=/no/such/claude run -78 "$AGENT_RUNNER" doctor --role backend_dev --agent-id dev_001 --json
  [ "$(field ok <<<"$output")" = false ]
  [[ "$output" == */no/such/claude* ]]
}

# Everything that could have been touched: names, times, rights and contents.
everything() {
  find "$HOME" "$REPO" -type d -printf '%p %m %T@\n' -o -printf '%p %m %s %T@\n' | sort
  find "$HOME" "$REPO" -type f -exec sha1sum {} + | sort
}

@test "--dry-run on Headless PM says what would be done and touches nothing" {
  start_pm --poll-ms 50 --state-file "$BATS_TEST_TMPDIR/pm.json"
  shell_agent 'result'
  pm_task 'Write the parser' '{"difficulty":"principal","branch":"feature/parser"}'
  local before after
  before=$(everything; cat "$BATS_TEST_TMPDIR/pm.json")
  run -0 --separate-stderr "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --level principal --dry-run --json
  after=$(everything; cat "$BATS_TEST_TMPDIR/pm.json")
  diff <(echo "$before") <(echo "$after")
  [ "$(field task.id <<<"$output") $(field model <<<"$output")" = "$TASK opus" ]
  [ "$(field workspace.kind <<<"$output") $(field workspace.branch <<<"$output")" = 'worktree feature/parser' ]
  [ "$(field command.file <<<"$output")" = "$HEADLESS_PM_CLAUDE_COMMAND" ]
  [[ "$(field prompt <<<"$output")" == *"Write the parser"* ]]
  [ "$(agent_starts)" = 0 ]
  # A junior would get nothing.
  run -14 --separate-stderr "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --level junior --dry-run --json
  [ "$output" = null ]
}

@test "--dry-run on the embedded board touches nothing either, with a board and without" {
  shell_agent 'result'
  local before
  before=$(everything)
  run -14 "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --dry-run
  diff <(echo "$before") <(everything)
  add_task 'Write the parser' --complexity minor
  before=$(everything)
  run -0 "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --dry-run
  diff <(echo "$before") <(everything)
  says - 'Write the parser' 'in-place' 'sonnet' 'How to finish'
}

@test "what only looks makes no state folder and touches no board" {
  run -0 --separate-stderr "$AGENT_RUNNER" task list --json
  [ "$output" = '[]' ]
  run -2 "$AGENT_RUNNER" task show tsk_nothing
  run -2 "$AGENT_RUNNER" task cancel tsk_nothing
  run -2 "$AGENT_RUNNER" task requeue tsk_nothing
  run -14 single --dry-run
  run -2 "$AGENT_RUNNER" why tsk_nothing
  [ ! -e "$HEADLESS_PM_HOME" ]
  shell_agent 'result'
  add_task 'Write the parser'
  local before
  before=$(everything)
  run -0 "$AGENT_RUNNER" task list
  run -0 "$AGENT_RUNNER" task show "$TASK"
  run -0 "$AGENT_RUNNER" why "$TASK"
  run -0 "$AGENT_RUNNER" status
  diff <(echo "$before") <(everything)
}
