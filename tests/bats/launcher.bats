bats_require_minimum_version 1.5.0
load setup

# A folder with nothing but what the launcher itself needs, and a `node` that says it is of the given version.
tools_with_node() {
  local tools="$BATS_TEST_TMPDIR/tools"
  mkdir -p "$tools"
  ln -sf "$(command -v readlink)" "$tools/readlink"
  if [ -n "${1-}" ]; then
    printf '#!/bin/sh\necho %s\n' "$1" >"$tools/node"
    chmod +x "$tools/node"
  fi
  echo "$tools"
}

# The npm package as it is published, installed into a folder of its own without the network.
install_package() {
  PACKAGE="$BATS_TEST_TMPDIR/prefix with space"
  (cd "$ROOT" && npm pack --silent --ignore-scripts --pack-destination "$BATS_TEST_TMPDIR") >/dev/null
  npm install --silent --offline --no-audit --no-fund --global --prefix "$PACKAGE" "$BATS_TEST_TMPDIR"/agent-runner-*.tgz
}

@test "the launcher runs a checkout's sources, through links and from anywhere" {
  mkdir "$BATS_TEST_TMPDIR/some bin"
  ln -s "$ROOT/bin/agent-runner" "$BATS_TEST_TMPDIR/one"
  ln -s ../one "$BATS_TEST_TMPDIR/some bin/agent-runner"
  run -0 "$BATS_TEST_TMPDIR/some bin/agent-runner" --version
  [ "$output" = "$(field version <"$ROOT/package.json")" ]
}

@test "the installed package works with a fitting Node and passes on the exit code" {
  install_package
  run -0 "$PACKAGE/bin/agent-runner" --version
  [ "$output" = "$(field version <"$ROOT/package.json")" ]
  run -2 "$PACKAGE/bin/agent-runner" --no-such-flag
  # What its README leads to is in it.
  local linked
  for linked in $(grep -o '](hooks/[^)]*)' "$ROOT/README.md" | tr -d '()]') hooks/hook.schema.json; do
    [ -s "$PACKAGE/lib/node_modules/agent-runner/$linked" ]
  done
}

@test "with an old Node only, the launcher says what is missing and how to get it" {
  install_package
  run -78 --separate-stderr env PATH="$(tools_with_node v20.11.0)" "$PACKAGE/bin/agent-runner" --version
  [ "${#stderr_lines[@]}" = 1 ]
  [[ "$stderr" == *"24.15 or newer"*"v20.11.0"*"npx -p node@26"* ]]
  run -78 env PATH="$(tools_with_node v24.14.9)" "$PACKAGE/bin/agent-runner" --version
  rm "$BATS_TEST_TMPDIR/tools/node"
  run -78 --separate-stderr env PATH="$(tools_with_node)" "$PACKAGE/bin/agent-runner" --version
  [[ "$stderr" == *"none on PATH"* ]]
}

@test "an old Node that comes first on PATH is passed over" {
  install_package
  run -0 env PATH="$(tools_with_node v18.0.0):$PATH" "$PACKAGE/bin/agent-runner" --version
}

@test "AGENT_RUNNER_NODE chooses the Node, and is refused when it does not fit" {
  install_package
  run -0 env PATH="$(tools_with_node)" AGENT_RUNNER_NODE="$NODE" "$PACKAGE/bin/agent-runner" --version
  run -78 --separate-stderr env AGENT_RUNNER_NODE="$(tools_with_node v20.11.0)/node" "$PACKAGE/bin/agent-runner" --version
  [[ "$stderr" == *"AGENT_RUNNER_NODE"* ]]
}

@test "a checkout that is not installed says so" {
  mkdir -p "$BATS_TEST_TMPDIR/checkout/bin" "$BATS_TEST_TMPDIR/checkout/src/cli"
  cp "$ROOT/bin/agent-runner" "$BATS_TEST_TMPDIR/checkout/bin/"
  touch "$BATS_TEST_TMPDIR/checkout/src/cli/main.ts"
  run -78 --separate-stderr "$BATS_TEST_TMPDIR/checkout/bin/agent-runner" --version
  [[ "$stderr" == *"scripts/install"* ]]
}
