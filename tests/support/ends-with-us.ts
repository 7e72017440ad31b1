import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/** Kills the processes that are named to it and not taken back, when its standard input is closed: so also when the process of the tests is killed. */
const UNTIL_CLOSED = `alive=
while read -r sign pid; do
  if [ "$sign" = + ]; then alive="$alive $pid"; continue; fi
  rest=
  for one in $alive; do [ "$one" = "$pid" ] || rest="$rest $one"; done
  alive=$rest
done
[ -z "$alive" ] || kill -KILL $alive 2>/dev/null`

let tell: ((line: string) => void) | null = null

/** A program of a test ends with the process of the tests at the latest, also where no test comes to its end any more (Ctrl-C, twice). */
export function endsWithUs(child: ChildProcess): void {
  if (child.pid === undefined) return
  tell ??= startGuard()
  tell(`+ ${child.pid}\n`)
  child.once('exit', () => tell!(`- ${child.pid}\n`))
}

function startGuard(): (line: string) => void {
  // In a session of its own, so that Ctrl-C does not reach it. It keeps nobody from ending.
  const guard = spawn('/bin/sh', ['-c', UNTIL_CLOSED], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  guard.unref()
  const stdin = guard.stdin as Socket
  stdin.unref()
  stdin.on('error', () => {})
  return line => void stdin.write(line)
}
