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
