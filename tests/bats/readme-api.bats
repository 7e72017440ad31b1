bats_require_minimum_version 1.5.0
load setup

# The shell block of README's section on the control plane, below the line that sets its address.
readme_lines() {
  awk '/^## / { inside = /^## Many machines/ } inside && /^```/ { block = /^```sh/ ; next } inside && block' "$ROOT/README.md"
}

listens() { [ -s ../server.json ]; }
streamed() { grep -q "\"type\":\"$1\"" ../lines.log; }

@test "README: the five curl lines make a project and a run, follow, direct, pause, resume and stop it, and list runs" {
  command -v curl >/dev/null || skip 'curl is not installed'
  start ../server.json "$AGENT_RUNNER" server --port 0 --json
  wait_for 20 listens
  local address
  address=$(field url <../server.json)
  [ "$(readme_lines | grep -c 'curl')" -ge 5 ]
  readme_lines | grep -q 'http://127.0.0.1:8000'
  readme_lines | sed "s|http://127.0.0.1:8000|$address|" >../lines.sh
  start ../lines.log bash -eu ../lines.sh
  local lines=$LAST type
  # The line that follows the events goes on in the background until the server ends.
  wait_for 20 has_ended "$lines"
  wait "$lines"
  for type in RUN_CREATED DIRECTIVE RUN_PAUSED RUN_RESUMED RUN_STOPPED; do wait_for 10 streamed "$type"; done
  grep -q '\[{"id":"run_[0-9a-z]*",.*"status":"STOPPED"' ../lines.log
  [ "$(curl -fsS "$address/projects" | field 0.name)" = shop ]
  [ "$(curl -fsS "$address/runs" | field length)" = 1 ]
  [ "$(curl -fsS "$address/runs" | field 0.status)" = STOPPED ]
}
