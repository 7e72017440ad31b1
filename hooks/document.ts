import { readFileSync } from 'node:fs'

/** The part of the document on stdin that our hooks read; `hook.schema.json` describes all of it. */
export interface HookInput {
  agent: { id: string; role: string }
  run_id: string | null
  task: { id: string; title: string; complexity: string; seniority: string } | null
  workspace: { path: string } | null
  model: string | null
  tracker: { name: string; url: string }
  state_dir: string
  agent_command: string | null
  result?: { reason: string; duration_ms: number; cost_usd: number; commits: object[] }
}

/**
 * Runs a shipped hook as the main program: document from stdin, its words to stdout, its answer as the exit code. A failure
 * of the hook itself is one plain line and exit code 1. The runner wrote the document, so it is not checked again:
 * a validator would cost more time than the whole hook.
 */
export async function runAsProgram(main: (document: HookInput) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(JSON.parse(readFileSync(0, 'utf8')) as HookInput)
  } catch (error) {
    console.error(error instanceof SyntaxError ? `stdin is not the JSON document of a hook: ${error.message}` : (error as Error).message)
    process.exitCode = 1
  }
}

/** Prints what was found, one sentence each; answers the exit code: 1 when something is wrong. */
export function verdict(findings: Finding[]): number {
  for (const { ok, says } of findings) console.log(ok ? `ok: ${says}` : `NOT ok: ${says}`)
  return findings.every(finding => finding.ok) ? 0 : 1
}

export interface Finding {
  ok: boolean
  says: string
}
