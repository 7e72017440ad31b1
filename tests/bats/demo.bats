bats_require_minimum_version 1.5.0
load setup

# as_shown TEXT: lines without colours, and one word for whatever differs from run to run.
as_shown() {
  "$NODE" -e '
    const text = require("node:fs").readFileSync(0, "utf8").replace(/\r/g, "")
    const same = line => line
      // A spinner draws over itself; what stays is behind its last clearing.
      .split(/\x1b\[(?:1?G|[0-2]?K|1A)/).at(-1)
      .replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "")
      .replace(/\S*\/src\/price\.js/, "…/src/price.js")
      .replace(/\/\S*agent-runner-demo\.\w+/g, "PLACE")
      .replace(/\b(tsk|run)_[0-9a-z]+…?/g, "$1_ID")
      .replace(/\b[0-9a-f]{12}(?=\.\.)|\b[0-9a-f]{8}(?= fix:)/g, "SHA")
      .replace(/\b[\d.]+ (s|MB)\b/g, "N $1")
      .replace(/\$\d+\.\d{4}/g, "$N")
      .trimEnd()
    console.log(text.split("\n").map(same).join("\n"))'
}

@test "the demo does its three jobs, and prints what the README shows" {
  script -qec true /dev/null >/dev/null 2>&1 || skip "there is no script(1) that lends a terminal"
  unset NO_COLOR
  # A short name, so that no path is too long for a line.
  local place status=0
  place=$(mktemp -d /tmp/demo.XXXX)
  TMPDIR=$place TERM=xterm-256color script -qec "stty cols 200; cd '$ROOT' && scripts/demo" "$BATS_TEST_TMPDIR/log" </dev/null >/dev/null || status=$?
  rm -rf "$place"
  [ "$status" = 0 ]
  as_shown <"$BATS_TEST_TMPDIR/log" >"$BATS_TEST_TMPDIR/printed"
  sed -n '/^The major task: in a worktree/,/^```/p' "$ROOT/README.md" | sed '$d' | as_shown >"$BATS_TEST_TMPDIR/readme"
  # All of the README is printed, in this order; a line of … stands for what is left out. Where a line is broken does not matter.
  "$NODE" -e '
    const [printed, readme] = process.argv.slice(1).map(file => require("node:fs").readFileSync(file, "utf8"))
    const flat = text => text.replace(/\s+/g, " ").trim()
    let rest = flat(printed)
    for (const part of readme.split(/^ *…$/m).map(flat)) {
      if (!rest.includes(part)) {
        console.log(`not printed:\n${part}\n\nbut:\n${rest}`)
        process.exit(1)
      }
      rest = rest.slice(rest.indexOf(part) + part.length)
    }' "$BATS_TEST_TMPDIR/printed" "$BATS_TEST_TMPDIR/readme"
  grep -q 'It talks to a scripted model on this machine' "$BATS_TEST_TMPDIR/printed"
  grep -q 'is COMPLETED, on branch feature/' "$BATS_TEST_TMPDIR/printed"
  [ "$(sed -n '/^\$ npm test .*(on /,/^\$ agent/p' "$BATS_TEST_TMPDIR/printed" | grep -cE 'pass 3|fail 0')" = 2 ]
  grep -q '^Where it is, and what to type next' "$BATS_TEST_TMPDIR/printed"
}
