bats_require_minimum_version 1.5.0
load setup
load runner

# As a user types it: nohup agent-runner … > log 2>&1 &
background() { start ../runner.log nohup "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --task-check-interval 0.5 "$@"; }
done_tasks() { [ "$("$AGENT_RUNNER" task list --status dev_done --json | field length)" = "$1" ]; }
log_says() { wait_for grep -q -e "$1" ../runner.log; }

@test "nohup: two tasks, a hang-up that is ignored, TERM during a third: it is finished, exit 0, and the log is plain" {
  shell_agent 'case "$(cat "$AGENT_NOTES/prompt")" in *Third*) hold ;; esac; echo "$$" >made.txt; result'
  add_task First --complexity minor --priority 2
  add_task Second --priority 1
  background
  local runner=$LAST
  wait_for done_tasks 2
  kill -HUP "$runner"
  add_task Third --complexity minor
  wait_for agent_started 3
  kill -TERM "$runner"
  log_says 'finishing the task in hand'
  go
  ended "$runner"
  [ "$CODE" = 0 ]
  done_tasks 3
  # Every line has its time and its agent, and nothing in it moves a terminal's cursor.
  run -1 grep -Ev '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9:]{5} dev_001 ' ../runner.log
  run -1 grep -P '\x1b|\r' ../runner.log
  [ "$(tail -1 ../runner.log | grep -c 'exit code 0')" = 1 ]
  [ ! -e "$(lock_file)" ]
  nothing_tagged
}

agent_registered() { pm GET /agents | grep -q "$1"; }

@test "TERM and INT end a runner that waits at Headless PM at once" {
  start_pm --poll-ms 50
  shell_agent 'result'
  local signal
  for signal in TERM INT; do
    background --task-check-interval 60 --agent-id "dev_$signal"
    wait_for agent_registered "dev_$signal"
    kill -"$signal" "$LAST"
    ended "$LAST"
    [ "$CODE" = 0 ]
  done
}

@test "Ctrl-C reaches the whole process group: the runner finishes the task, and the agent does not notice" {
  shell_agent 'hold; result'
  add_task 'Long one' --complexity minor
  # setsid gives the runner a group of its own, as an interactive shell does.
  start ../runner.log setsid "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --single-task
  wait_for agent_started
  kill -INT -- "-$LAST"
  log_says 'SIGINT: finishing'
  go
  ended "$LAST"
  [ "$CODE" = 0 ]
  [ "$(task_status "$TASK")" = dev_done ]
}

@test "12: a second TERM stops the agent and keeps the task; the next start resumes its session in its worktree" {
  start_model '{ "Count": [
    { "bash": "echo begun >> progress.txt; while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done" },
    "Counted."
  ] }'
  add_task 'Count'
  start_single ../runner.log
  wait_for grep -qs begun ".worktrees/task-$TASK/progress.txt"
  local session
  session=$(lock_field session_id)
  kill -TERM "$LAST"
  log_says 'finishing the task in hand'
  kill -TERM "$LAST"
  ended "$LAST"
  [ "$CODE" = 12 ]
  nothing_tagged
  [ "$(cat ".worktrees/task-$TASK/progress.txt")" = begun ]
  [ "$(lock_field task_id)" = "$TASK" ]
  [ "$(task_status "$TASK")" = under_work ]
  touch "$HOME/go"
  run -0 single
  says - "attempt 2 started (resume, .*$session"
  [ "$(task_status "$TASK")" = dev_done ]
  [ ! -e "$(lock_file)" ]
}

@test "a third request leaves at once; the agent lives and is adopted by the next start" {
  shell_agent 'trap "" TERM; hold; result'
  add_task 'Stubborn' --complexity minor
  start_single ../runner.log --kill-grace 60
  wait_for agent_started
  kill -TERM "$LAST"
  log_says 'finishing the task'
  kill -TERM "$LAST"
  log_says 'stopping the agent'
  kill -TERM "$LAST"
  ended "$LAST"
  [ "$CODE" = 130 ]
  [ -e "$(lock_file)" ]
  go
  run -0 single
  [ "$(agent_starts)" = 1 ]
  [ "$(task_status "$TASK")" = dev_done ]
}

@test "USR2 leaves during a task; the agent lives, and the next binary adopts it: one process, one start" {
  start_model '{ "Count": [
    { "bash": "echo $PPID > agent.txt; while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done" },
    "Counted."
  ] }'
  add_task 'Count'
  background
  wait_for test -s ".worktrees/task-$TASK/agent.txt"
  kill -USR2 "$LAST"
  ended "$LAST"
  [ "$CODE" = 0 ]
  local agent supervisor
  agent=$(field agent.pid <"$HEADLESS_PM_HOME/runs/$(lock_field run_id)/attempts/1/started.json")
  supervisor=$(lock_field supervisor.pid)
  kill -0 "$agent"
  kill -0 "$supervisor"

  start_single ../second.log
  wait_for grep -q 'recovery, adopted' ../second.log
  kill -0 "$agent"
  touch "$HOME/go"
  ended "$LAST"
  [ "$CODE" = 0 ]
  run -1 grep -q 'attempt 2' ../second.log
  [ "$(git show "feature/task-$TASK:agent.txt")" = "$agent" ]
  [ "$(task_status "$TASK")" = dev_done ]
  nothing_tagged
}

@test "continuous mode outlives a PM that goes away and comes back" {
  start_pm --poll-ms 50 --state-file "$BATS_TEST_TMPDIR/pm.json"
  shell_agent 'result'
  local pm=$LAST port=${HEADLESS_PM_API_URL##*:}
  background
  log_says 'idle'
  end_process "$pm"
  log_says "cannot\|unreachable\|not answer\|ECONNREFUSED\|refused"
  start_pm --poll-ms 50 --state-file "$BATS_TEST_TMPDIR/pm.json" --port "$port"
  pm_task 'Afterwards' '{"complexity":"minor"}'
  pm_done() { [ "$(pm_task_field "$TASK" status)" = dev_done ]; }
  wait_for pm_done
}

@test "the PM dies during a task: the result waits, and is told once when the PM is back" {
  start_pm --poll-ms 50 --state-file "$BATS_TEST_TMPDIR/pm.json"
  shell_agent 'hold; echo made >made.txt; result'
  local pm=$LAST port=${HEADLESS_PM_API_URL##*:}
  pm_task 'Long one' '{"branch":"feature/long"}'
  start_single ../runner.log
  local runner=$LAST
  wait_for agent_started
  end_process "$pm"
  go
  wait_for grep -q 'warning: .*report' ../runner.log
  [ "$(git show feature/long:made.txt)" = made ]
  start_pm --poll-ms 50 --state-file "$BATS_TEST_TMPDIR/pm.json" --port "$port"
  ended "$runner"
  [ "$CODE" = 0 ]
  [ "$(pm_task_field "$TASK" status) $(pm_task_field "$TASK" locked_by)" = 'dev_done null' ]
  [ "$(pm_task_field "$TASK" notes | grep -c 'agent-runner logs run_')" = 1 ]
  [ "$(agent_starts)" = 1 ]
}

@test "two agents want the one task at Headless PM: one does it, the other finds nothing" {
  start_pm --poll-ms 50
  shell_agent 'result'
  pm_task 'The only one' '{"complexity":"minor"}'
  start_single ../one.log --agent-id dev_001
  local one=$LAST codes
  start_single ../two.log --agent-id dev_002
  ended "$one"
  codes=$CODE
  ended "$LAST"
  [[ "$codes $CODE" == '0 14' || "$codes $CODE" == '14 0' ]]
  [ "$(agent_starts)" = 1 ]
}

@test "two agents and two tasks at once: each is done once, on a branch of its own" {
  shell_agent 'echo "$$" >"made-$$.txt"; result'
  add_task One
  add_task Two
  start ../one.log "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --single-task
  local one=$LAST
  start ../two.log "$AGENT_RUNNER" --role backend_dev --agent-id dev_002 --single-task
  ended "$one"
  [ "$CODE" = 0 ]
  ended "$LAST"
  [ "$CODE" = 0 ]
  done_tasks 2
  [ "$(agent_starts)" = 2 ]
  [ "$(git for-each-ref --format='%(subject)' 'refs/heads/feature/*' | sort)" = $'One\nTwo' ]
}
