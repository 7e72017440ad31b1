bats_require_minimum_version 1.5.0
load setup

@test "--version says the version of the package" {
  run -0 "$AGENT_RUNNER" --version
  [ "$output" = "$(field version <"$ROOT/package.json")" ]
}

@test "--help names the commands and shows examples" {
  run -0 "$AGENT_RUNNER" --help
  for command in run task status logs doctor config init hooks completion; do
    [[ "$output" == *"$command"* ]]
  done
  [[ "$output" == *"--single-task"* ]]
}

@test "every command explains itself" {
  for command in run task 'task add' status logs doctor config init hooks completion; do
    run -0 "$AGENT_RUNNER" $command --help
    [[ "$output" == *"Usage: agent-runner"* ]]
  done
}

@test "an unknown flag is refused with one line, before anything is touched" {
  run -2 --separate-stderr "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --no-such-flag
  [ -z "$output" ]
  [[ "${stderr_lines[0]}" == *"--no-such-flag"* ]]
  [ ! -e "$HEADLESS_PM_HOME" ]
}

@test "a bad value is refused with one line that names it" {
  run -2 --separate-stderr "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --level expert
  [[ "${stderr_lines[0]}" == *"expert"* ]]
  run -2 --separate-stderr "$AGENT_RUNNER" --role backend_dev --agent-id ../../etc/passwd
  [[ "${stderr_lines[0]}" == *"agent-id"* ]]
  [ ! -e "$HEADLESS_PM_HOME" ]
}

@test "a missing role or agent id is a usage error without a terminal" {
  run -2 --separate-stderr "$AGENT_RUNNER" --agent-id dev_001 --single-task
  [[ "$stderr" == *"--role"* ]]
  run -2 --separate-stderr "$AGENT_RUNNER" --role backend_dev --single-task
  [[ "$stderr" == *"--agent-id"* ]]
}

@test "a bad setting in the environment names its source and starts nothing" {
  HEADLESS_PM_CLAUDE_TIMEOUT=soon run -78 --separate-stderr "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --single-task
  [[ "$stderr" == *"HEADLESS_PM_CLAUDE_TIMEOUT"* ]]
  [ ! -e "$HEADLESS_PM_HOME/locks" ]
}

@test "the binary works through a link with a space in its path" {
  mkdir "$BATS_TEST_TMPDIR/some bin"
  ln -s "$AGENT_RUNNER" "$BATS_TEST_TMPDIR/some bin/agent-runner"
  run -0 "$BATS_TEST_TMPDIR/some bin/agent-runner" --version
  [ "$output" = "$(field version <"$ROOT/package.json")" ]
}

@test "a mistyped command, a flag without its value and one argument too many are refused with one line and exit 2" {
  local call
  for call in 'statsu' 'task ad' 'run foo' '--role' 'logs a b' 'status --agent-id x' 'completion powershell' 'hooks run'; do
    run -2 --separate-stderr "$AGENT_RUNNER" $call
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == 'agent-runner: '* ]]
    # One line, and at most one more that says what to do.
    [ "${#stderr_lines[@]}" -le 2 ]
  done
  [ ! -e "$HEADLESS_PM_HOME" ]
}

@test "impossible combinations are refused with exit 2, before anything is touched" {
  refused() {
    run -2 --separate-stderr "$AGENT_RUNNER" "$@"
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == 'agent-runner: '* ]]
    [ "${#stderr_lines[@]}" -le 2 ]
  }
  refused --role backend_dev --agent-id a --tracker embedded --api-url http://127.0.0.1:1
  refused --role backend_dev --agent-id a --json --log-format plain
  refused --role backend_dev --agent-id a --hooks-dir /no/such/folder
  refused --role backend_dev --agent-id a --repo /no/such/folder
  refused logs --raw --json
  refused task add --title T --role backend_dev --description D --file F
  refused task add --title T --role backend_dev --complexity huge
  refused task add --title T --role backend_dev --max-cost -1
  refused config set claudeTimeout soon
  refused config set no.such.key 1
  [ ! -e "$HEADLESS_PM_HOME" ]
}

@test "a reader that goes away is no fault: no stack trace, no message" {
  local command
  for command in '--help' 'config explain' 'completion bash' 'hooks schema'; do
    "$AGENT_RUNNER" $command 2>"$BATS_TEST_TMPDIR/err" | head -1 >"$BATS_TEST_TMPDIR/out"
    [ -s "$BATS_TEST_TMPDIR/out" ]
    [ ! -s "$BATS_TEST_TMPDIR/err" ]
  done
}

# at_a_terminal COMMAND…: what it prints when its output is a terminal.
at_a_terminal() { script -qec "$(printf '%q ' "$@")" /dev/null </dev/null; }

@test "colours are for terminals, and NO_COLOR turns them off there too" {
  command -v script >/dev/null || skip 'needs script(1)'
  unset NO_COLOR
  run -0 env TERM=xterm-256color "$AGENT_RUNNER" config explain role
  run -1 grep -c $'\e' <<<"$output"
  TERM=xterm-256color run -0 at_a_terminal "$AGENT_RUNNER" config explain role
  [[ "$output" == *$'\e['* ]]
  NO_COLOR=1 TERM=xterm-256color run -0 at_a_terminal "$AGENT_RUNNER" config explain role
  [[ "$output" != *$'\e['* ]]
}

@test "help for a command that is not there is refused with one line, and names the nearest" {
  run -2 --separate-stderr "$AGENT_RUNNER" help statsu
  [ -z "$output" ]
  [[ "${stderr_lines[0]}" == *"unknown command 'statsu'"* ]]
  [[ "$stderr" == *"status"* ]]
  run -0 "$AGENT_RUNNER" help status
  [[ "$output" == *"Usage: agent-runner status"* ]]
}

@test "a current folder that was removed is told in one sentence" {
  mkdir "$BATS_TEST_TMPDIR/gone"
  cd "$BATS_TEST_TMPDIR/gone"
  rmdir "$BATS_TEST_TMPDIR/gone"
  run -2 "$AGENT_RUNNER" status
  [[ "$output" == 'agent-runner: the current folder was removed; change to another one'* ]]
}
