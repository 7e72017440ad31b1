import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Written } from '../../src/cli/chaos/account.ts'
import { RESULT_LINE, speakingAgent } from './agent-program.ts'

/** The pieces of work of the agent below, in order. The first is committed by it, the others are left uncommitted. */
const PIECES = [1, 2, 3] as const

/** One start of the agent, by its own account. */
export interface AgentStart {
  pid: number
  mode: 'fresh' | 'resume'
  sessionId: string
  prompt: string
  ended: boolean
}

/** An agent CLI that keeps an account of itself in its home, works in pieces, and can be held between them. */
export interface CrashAgent {
  program: string
  starts(): AgentStart[]
  written(): Written[]
  /** Starts that found an earlier agent of theirs still alive: there must be none. */
  overlaps(): string[]
  /** Makes the agent wait after a piece (0: before the first). */
  hold(piece: number): void
  letGo(): void
  /** What the next start says instead of working: `refuse` to resume, `limit` of usage, once. */
  next(answer: 'refuse' | 'limit'): void
  /** Deletes a session's transcript, as when its disk was lost. */
  forget(sessionId: string): void
}

const LIMIT_LINE =
  '{"type":"result","subtype":"success","is_error":true,"result":"usage limit reached","api_error_status":429,"num_turns":1,"total_cost_usd":0,"duration_ms":1,"session_id":"s","usage":{"input_tokens":0,"output_tokens":0}}'

const SCRIPT = `
for word; do
  case "$before" in --session-id) mode=fresh session=$word ;; --resume) mode=resume session=$word ;; esac
  before=$word
done
cat > "$HOME/prompt-$$"
log="$HOME/agent.log"
touch "$log"
# An earlier agent is alive when a process has its pid and its start time and is not a zombie.
stat_of() { read -r line < /proc/$1/stat && set -- $line && echo "$3 \${22}"; }
while read -r what pid start rest; do
  [ "$what" = start ] || continue
  found=$(stat_of "$pid" 2>/dev/null) || continue
  case "$found" in Z*) ;; *" $start") echo "overlap $$ $pid" >> "$log" ;; esac
done < "$log"
own=$(stat_of $$)
echo "start $$ \${own#* } $mode $session" >> "$log"
folder="$HOME/.claude/projects/$(pwd -P | sed 's/[^a-zA-Z0-9]/-/g')"
mkdir -p "$folder"
if [ -e "$HOME/next-refuse" ]; then
  rm "$HOME/next-refuse"
  echo "No conversation found with session ID: $session" >&2
  exit 1
fi
echo turn >> "$folder/$session.jsonl"
if [ -e "$HOME/next-limit" ]; then
  rm "$HOME/next-limit"
  echo '${LIMIT_LINE}'
  exit 1
fi
wait_for() { while [ -e "$HOME/hold-$1" ]; do sleep 0.05; done; }
wait_for 0
for piece in ${PIECES.join(' ')}; do
  if [ ! -s piece-$piece ]; then
    echo "piece $piece by $$" > piece-$piece || exit 1
    if [ $piece = 2 ]; then echo "and by $$" >> README.md; fi
    if [ $piece = 1 ]; then git add piece-1; git -c user.name=A -c user.email=a@b commit -qm 'first piece'; fi
    echo "wrote piece-$piece piece $piece by $$" >> "$log"
    echo '{"type":"assistant","message":{"id":"m'$piece'","content":[{"type":"text","text":"piece '$piece' is there"}],"usage":{"input_tokens":1,"output_tokens":1}},"session_id":"'$session'"}'
  fi
  wait_for $piece
done
echo "end $$" >> "$log"
echo '${RESULT_LINE}'
`

/** Puts the agent into a folder, which is to be its HOME. */
export function crashAgent(home: string): CrashAgent {
  const program = speakingAgent(home, SCRIPT)
  const lines = (word: string) => {
    const log = join(home, 'agent.log')
    const all = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []
    return all.filter(line => line.startsWith(`${word} `)).map(line => line.split(' ').slice(1))
  }
  return {
    program,
    starts: () => {
      const ends = new Set(lines('end').map(([pid]) => pid))
      return lines('start').map(([pid, , mode, sessionId]) => ({
        pid: Number(pid),
        mode: mode as AgentStart['mode'],
        sessionId: sessionId ?? '',
        prompt: readFileSync(join(home, `prompt-${pid}`), 'utf8'),
        ended: ends.has(pid),
      }))
    },
    written: () => lines('wrote').map(([file = '', ...text]) => ({ file, text: `${text.join(' ')}\n` })),
    overlaps: () => lines('overlap').map(words => words.join(' ')),
    hold: piece => writeFileSync(join(home, `hold-${piece}`), ''),
    letGo: () => {
      for (const piece of [0, ...PIECES]) rmSync(join(home, `hold-${piece}`), { force: true })
    },
    next: answer => writeFileSync(join(home, `next-${answer}`), ''),
    forget: sessionId => {
      const projects = join(home, '.claude/projects')
      for (const name of readdirSync(projects)) rmSync(join(projects, name, `${sessionId}.jsonl`), { force: true })
    },
  }
}
