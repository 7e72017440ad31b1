bats_require_minimum_version 1.5.0
load setup
load runner

@test "logs shows a run: readable, as JSON lines, and the CLI's own output" {
  shell_agent 'say "a word"; result'
  add_task 'Talk' --complexity minor
  run -0 single
  run -0 "$AGENT_RUNNER" logs
  says - 'task .* taken: Talk' 'agent: a word' 'run finished: done'
  local id
  id=$(basename "$HEADLESS_PM_HOME"/runs/run_*)
  # By agent, task, run, and the end of one.
  for name in dev_001 "$TASK" "$id" "${id: -6}"; do
    run -0 "$AGENT_RUNNER" logs "$name" --json
    [ "$(field runId <<<"${lines[0]}")" = "$id" ]
  done
  run -0 "$AGENT_RUNNER" logs --raw
  [ "$(field type <<<"${lines[-1]}")" = result ]
  run -2 "$AGENT_RUNNER" logs run_nothing
}

@test "logs -f follows a run and ends with it; status tells what it does meanwhile" {
  shell_agent 'say one; hold; say two; result'
  add_task 'Talk' --complexity minor
  start_single ../runner.log
  local runner=$LAST
  wait_for agent_started
  start ../follow.log "$AGENT_RUNNER" logs -f
  wait_for grep -q 'agent: one' ../follow.log
  run -0 "$AGENT_RUNNER" status
  says - dev_001 working Talk 'agent at work' "$runner"
  run -1 grep -q 'agent: two' ../follow.log
  go
  ended "$LAST"
  [ "$CODE" = 0 ]
  says ../follow.log 'agent: two' 'run finished: done'
  ended "$runner"
  run -0 "$AGENT_RUNNER" status
  says - 'No agent is at work'
}

@test "status shows the kept work of a failed run" {
  shell_agent 'echo half >half.txt; exit 1'
  add_task 'Break'
  run -10 single --max-attempts 1
  run -0 "$AGENT_RUNNER" status
  says - 'Kept work' Break ".worktrees/task-$TASK"
}

@test "the completion for bash can be sourced, and completes commands and flags" {
  run -0 bash -c '
    set -eu
    source <("$1" completion bash)
    complete() { :; }
    words() { COMP_WORDS=(agent-runner "$@"); COMP_CWORD=$#; COMPREPLY=(); "$FUNCTION" agent-runner "${!#}" ""; echo "${COMPREPLY[*]}"; }
    FUNCTION=$(builtin complete -p agent-runner | sed "s/.*-F \([^ ]*\) .*/\1/")
    words st
    words task a
    words --single
    words completion b' - "$AGENT_RUNNER"
  [ "${lines[*]}" = 'status add --single-task bash' ]
}

@test "init without a terminal names what is missing and writes nothing; with flags it writes, and a run uses it" {
  run -2 --separate-stderr "$AGENT_RUNNER" init --role backend_dev </dev/null
  says <(echo "$stderr") '--target' '--agent-id'
  [ ! -e "$HEADLESS_PM_HOME" ]
  run -0 "$AGENT_RUNNER" init --target user --tracker embedded --role backend_dev --agent-id dev_007 --level senior </dev/null
  shell_agent 'result'
  run -14 "$AGENT_RUNNER" --single-task
  says - 'dev_007 Agent Runner'
  run -0 "$AGENT_RUNNER" config explain agentId
  says - dev_007 config.json
}

@test "init takes the key from stdin into the user's file, which nobody else can read" {
  run -0 "$AGENT_RUNNER" init --yes --role qa --agent-id qa_1 --api-key-file - --api-url http://pm.example <<<'the-key'
  [[ "$output" != *the-key* ]]
  grep -q the-key "$HEADLESS_PM_HOME/config.json"
  [ "$(stat -c %a "$HEADLESS_PM_HOME/config.json")" = 600 ]
  run -0 "$AGENT_RUNNER" config explain
  [[ "$output" != *the-key* ]]
}
