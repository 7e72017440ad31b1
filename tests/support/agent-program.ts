import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** An agent CLI for tests of the machinery around it: a shell script with these lines. Returns its path. */
export function agentProgram(folder: string, lines: string, name = 'agent'): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\n${lines}\n`)
  chmodSync(path, 0o755)
  return path
}

/** The lines with which a shell script ends as a successful `claude -p` does. */
export const RESULT_LINE =
  '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"done","num_turns":1,"total_cost_usd":0.01,"duration_ms":1,"session_id":"s","usage":{"input_tokens":1,"output_tokens":1}}'
