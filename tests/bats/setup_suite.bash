# Run once, before all bats files.

setup_suite() {
  local root
  root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
  export TEST_SLOWNESS=${TEST_SLOWNESS:-$("$root/node_modules/node/bin/node" "$root/tests/support/speed-probe.ts")}
}
