bats_require_minimum_version 1.5.0
load setup
load runner

# The shell block of README's section on the control plane, below the line that sets its address.
readme_lines() {
  awk '/^## / { inside = /^## Many machines/ } inside && /^```/ { block = /^```sh/ ; next } inside && block' "$ROOT/README.md"
}

listens() { [ -s ../server.json ]; }
streamed() { grep -q "\"type\":\"$1\"" ../lines.log; }

@test "README: the five curl lines make a project and a run, follow, direct, pause, resume and stop it, and list runs" {
  command -v curl >/dev/null || skip 'curl is not installed'
  start ../server.json "$AGENT_RUNNER" server --port 0 --json
  wait_for listens
  local address key
  address=$(field url <../server.json)
  key=@$(field key_file <../server.json)
  [ "$key" = "@$HEADLESS_PM_HOME/servers/${address#http://}" ]
  [ "$(readme_lines | grep -c 'curl')" -ge 5 ]
  readme_lines | grep -q 'http://127.0.0.1:8000'
  readme_lines | sed "s|127.0.0.1:8000|${address#http://}|g" >../lines.sh
  start ../lines.log bash -eu ../lines.sh
  local lines=$LAST type
  # The line that follows the events goes on in the background until the server ends.
  wait_for has_ended "$lines"
  wait "$lines"
  for type in RUN_CREATED DIRECTIVE RUN_PAUSED RUN_RESUMED RUN_STOPPED; do wait_for streamed "$type"; done
  grep -q '\[{"id":"run_[0-9a-z]*",.*"status":"STOPPED"' ../lines.log
  [ "$(curl -fsS -H "$key" "$address/projects" | field 0.name)" = shop ]
  [ "$(curl -fsS -H "$key" "$address/runs" | field length)" = 1 ]
  [ "$(curl -fsS -H "$key" "$address/runs" | field 0.status)" = STOPPED ]
}

# The indented commands of README's section `## NAME` below the line that begins with TEXT, up to the next line of prose.
readme_commands() {
  awk -v section="## $1" -v text="$2" '
    /^## / { inside = $0 == section }
    inside && index($0, text) == 1 { below = 1; next }
    below && /^    / { print; began = 1; next }
    began && NF { exit }' "$ROOT/README.md"
}

@test "README: its first commands, typed in a repository as they stand, add a task, do it and list it" {
  shell_agent 'echo done >login.txt; result'
  export PATH="${AGENT_RUNNER%/*}:$PATH"
  readme_commands 'Try it' 'Without a PM server' >../first.sh
  [ "$(grep -c agent-runner ../first.sh)" = 3 ]
  run -0 bash -eu ../first.sh
  [[ "${lines[-1]}" == *dev_done*'Fix the login'* ]]
}

@test "README: the systemd unit is one that systemd takes" {
  command -v systemd-analyze >/dev/null || skip 'systemd is not installed'
  mkdir -p ../units
  sed -n '/^```ini/,/^```$/p' "$ROOT/README.md" | grep -v '^```' | sed "s|/usr/local/bin/agent-runner|$AGENT_RUNNER|" >../units/agent-runner-dev_001.service
  [ "$(grep -c '^\[' ../units/agent-runner-dev_001.service)" = 3 ]
  run systemd-analyze verify --man=no ../units/agent-runner-dev_001.service
  [[ "$output" != *agent-runner-dev_001.service:* ]]
}
