/** How many pieces of work the agent does. Each counts as a request to the model. */
export const PIECES = 4

/** What can go wrong with the agent itself. Its task tells it. */
export const TROUBLES = ['crash', 'half-line', 'flood', 'ignore-term', 'poison'] as const
export type Trouble = (typeof TROUBLES)[number]

/** The line in a task's description that tells the agent its trouble. */
export const troubleLine = (trouble: Trouble) => `chaos trouble: ${trouble}.`

const RESULT =
  '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"done","num_turns":1,"total_cost_usd":0.01,"duration_ms":1,"session_id":"s","usage":{"input_tokens":1,"output_tokens":1}}'

/**
 * An agent CLI that needs nothing but sh and git. In `$HOME/agent.log` it keeps an account of itself that others append to only:
 *   start PID BEGAN RUN MODE SECONDS · daemon PID BEGAN RUN · asked RUN PIECE · wrote RUN FILE TEXT · overlap PID RUN · end PID RUN SECONDS
 * It writes its files in parts, commits the first piece, leaves a daemon in a session of its own, and says so when it finds a process of an
 * earlier attempt alive.
 */
export const AGENT_SCRIPT = `#!/bin/sh
if [ "$1" = --version ]; then echo '2.1.329 (Claude Code)'; exit; fi
for word; do
  case "$before" in --session-id) mode=fresh session=$word ;; --resume) mode=resume session=$word ;; esac
  before=$word
done
run=$AGENT_RUNNER_RUN_ID
log="$HOME/agent.log"
note() { echo "$*" >> "$log"; }
# State and start time of a process, as two words; fails when there is none.
stat_of() {
  if [ -d /proc/self ]; then
    read -r line < "/proc/$1/stat" || return 1
    line=\${line##*) }
    set -- $line
    echo "$1 \${20}"
  else
    line=$(ps -o stat=,lstart= -p "$1" | tr -s ' ' '_' | sed 's/_/ /')
    [ -n "$line" ] && echo "$line"
  fi
}
: >> "$log"
while read -r what pid began of rest; do
  case $what in start | daemon) ;; *) continue ;; esac
  [ "$of" = "$run" ] || continue
  found=$(stat_of "$pid" 2> /dev/null) || continue
  case "$found" in Z*) ;; *" $began") note overlap "$pid" "$run" ;; esac
done < "$log"
own=$(stat_of $$)
note start $$ "\${own#* }" "$run" "$mode" "$(date +%s)"
prompt=$(cat)
for trouble in ${TROUBLES.join(' ')}; do
  case "$prompt" in *"chaos trouble: $trouble."*) [ -e "$HOME/$run.told" ] || : > "$HOME/$run.$trouble" ;; esac
done
: > "$HOME/$run.told"
has() { [ -e "$HOME/$run.$1" ]; }
if has ignore-term; then trap '' TERM; fi
folder="$HOME/.claude/projects/$(pwd -P | sed 's/[^a-zA-Z0-9]/-/g')"
mkdir -p "$folder"
echo turn >> "$folder/$session.jsonl"
echo '{"type":"system","subtype":"init","session_id":"s","model":"chaos","tools":[]}'
if has poison; then exit 3; fi
# Without setsid (macOS) the daemon stays in the group.
alone=; if command -v setsid > /dev/null; then alone=setsid; fi
$alone sleep 600 > /dev/null 2>&1 < /dev/null &
found=$(stat_of $!) && note daemon $! "\${found#* }" "$run"
piece=0
while [ $piece -lt ${PIECES} ]; do
  piece=$((piece + 1))
  file=chaos-$run-$piece
  if ! grep -q '^whole' "$file" 2> /dev/null; then
    note asked "$run" $piece
    sleep 0.04
    echo "half $piece of $run by $$" >> "$file"; note wrote "$run" "$file" "half $piece of $run by $$"
    sleep 0.04
    echo "whole $piece of $run by $$" >> "$file"; note wrote "$run" "$file" "whole $piece of $run by $$"
    if [ $piece = 1 ]; then git add "$file"; git -c user.name=Chaos -c user.email=chaos@example.com commit -qm 'first piece'; fi
    if [ $piece = 2 ]; then echo "line of $run by $$" >> README.md; note wrote "$run" README.md "line of $run by $$"; fi
    echo '{"type":"assistant","message":{"id":"m'$piece'","content":[{"type":"text","text":"piece '$piece' is there"}],"usage":{"input_tokens":1,"output_tokens":1}},"session_id":"'$session'"}'
  fi
  if [ $piece = 2 ] && has crash; then rm "$HOME/$run.crash"; exit 3; fi
  if [ $piece = 3 ] && has half-line; then rm "$HOME/$run.half-line"; printf '{"type":"assist\\377\\376'; exit 1; fi
  if [ $piece = 3 ] && has flood; then rm "$HOME/$run.flood"; head -c 8000000 /dev/zero | tr '\\0' x; echo; fi
done
note end $$ "$run" "$(date +%s)"
echo '${RESULT}'
`
