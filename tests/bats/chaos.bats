bats_require_minimum_version 1.5.0
load setup
load runner

@test "chaos proves the promise on this machine, leaves nothing, and touches nothing of the user's" {
  export TMPDIR="$BATS_TEST_TMPDIR/tmp"
  mkdir "$TMPDIR"
  run -0 "$AGENT_RUNNER" chaos --cases 6 --seed 1 --unfinished 2
  says - '^seed 1' 'what must hold' '^| 8\.' 'bytes of work lost  *| 0 ' 'Everything held'
  [ -z "$(ls -A "$TMPDIR")" ]
  [ -z "$(git status --porcelain)" ]
  [ ! -e "$HEADLESS_PM_HOME" ]
}

@test "chaos refuses numbers that make no sense" {
  run -2 "$AGENT_RUNNER" chaos --cases none
  says - '--cases must be a whole number'
}
