import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A program for tests of the machinery around it: a shell script with these lines, which also
 * tells a version when it is asked. Returns its path. */
export function agentProgram(folder: string, lines: string, name = 'agent'): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = --version ]; then echo '2.1.329 (Claude Code)'; exit; fi\n${lines}\n`)
  chmodSync(path, 0o755)
  return path
}

/** The same as an agent CLI, which says first that it began, as `claude -p` does. */
export const speakingAgent = (folder: string, lines: string) => agentProgram(folder, `echo '${INIT_LINE}'\n${lines}`)

const INIT_LINE = '{"type":"system","subtype":"init","session_id":"s","model":"test","tools":[]}'

/** The lines with which a shell script ends as a successful `claude -p` does. */
export const RESULT_LINE =
  '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"done","num_turns":1,"total_cost_usd":0.01,"duration_ms":1,"session_id":"s","usage":{"input_tokens":1,"output_tokens":1}}'
