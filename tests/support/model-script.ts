import { readFileSync } from 'node:fs'
import * as z from 'zod'

/*
 * The script of the scripted model. A JSON file (or the same as an object) maps a piece of the prompt to the turns of
 * that conversation. The first key that the first user message contains wins; a key between slashes is a regular
 * expression; `*` is for everything else.
 *
 *   {
 *     "Fix the failing test": [
 *       { "thinking": "Look first.", "text": "I will run the tests.", "bash": "npm test" },
 *       { "write": { "path": "sum.js", "text": "export const sum = (a, b) => a + b\n" } },
 *       { "status": 529, "times": 2 },
 *       "All tests pass now."
 *     ],
 *     "/check .* task/i": [{ "verdict": { "outcome": "pass", "summary": "fine", "findings": [] } }, "Checked."],
 *     "*": ["Nothing to do."]
 *   }
 *
 * A turn is one of
 *   "text"                        the last word of a run: text and nothing else
 *   { text, thinking, bash, write, read, verdict, tools, usage, dripMs, once }   an answer; tools run in this order:
 *     bash     a command for the Bash tool; its working directory is the workspace, so relative paths work
 *     write    { path, text } for the Write tool; a relative path is one in the workspace
 *     read     a path for the Read tool
 *     verdict  the input of StructuredOutput, which the CLI offers when it was given --json-schema
 *     tools    [{ name, input }] for every other tool; {{cwd}} in any text becomes the workspace
 *     usage    { input, output, cacheRead, cacheWrite } instead of numbers that follow from the sizes
 *     dripMs   milliseconds between the pieces of the stream, which is then cut into small ones
 *     once     skipped when this session was sent it before (for a turn that a test interrupts)
 *   { status, message, type, headers, times }   an HTTP error: 401, 404, 429, 500, 529 …
 *   { status, html, headers, times }   an answer that is no API's: a page with this title, as proxies and portals have them; also with 200
 *   { hang: true, times }         begins the stream and goes silent for ever
 *   { close: true, times }        begins the stream and drops the connection
 *
 * Answers are chosen by what the request's history holds already, not by counting requests: a CLI that was killed and
 * resumes is given the answer that it lost. Failures (status, hang, close) are played `times` times (1; "always") per
 * session. After the last turn the model says "Done.".
 */

const times = z.union([z.number().int().positive(), z.literal('always')]).default(1)
const toolUse = z.strictObject({ name: z.string(), input: z.record(z.string(), z.unknown()) })

const answer = z.strictObject({
  text: z.string().optional(),
  thinking: z.string().optional(),
  bash: z.string().optional(),
  write: z.strictObject({ path: z.string(), text: z.string() }).optional(),
  read: z.string().optional(),
  verdict: z.record(z.string(), z.unknown()).optional(),
  tools: z.array(toolUse).default([]),
  usage: z.strictObject({ input: z.number(), output: z.number(), cacheRead: z.number(), cacheWrite: z.number() }).partial().optional(),
  dripMs: z.number().optional(),
  once: z.boolean().default(false),
})

const failure = z.strictObject({
  status: z.number().int().min(200).max(599),
  html: z.string().optional(),
  message: z.string().optional(),
  type: z.string().optional(),
  headers: z.record(z.string(), z.string()).default({}),
  times,
})

const turn = z.union([
  z.string().transform(text => answer.parse({ text })),
  failure,
  z.strictObject({ hang: z.literal(true), times }),
  z.strictObject({ close: z.literal(true), times }),
  answer,
])
const script = z.record(z.string(), z.array(turn))

/** A turn as it is written in a script. */
export type ScriptedTurn = z.input<typeof turn>
/** A turn as the server plays it. */
export type Turn = z.output<typeof turn>
export type Answer = z.output<typeof answer>
export type Failure = Exclude<Turn, Answer>
/** A whole script as it is written. */
export type ModelScript = Record<string, ScriptedTurn[]>

/** Whether a turn is an answer of the model, and not one of the failures. */
export function isAnswer(turn: Turn): turn is Answer {
  return !('status' in turn || 'hang' in turn || 'close' in turn)
}

/** A script that is checked; throws a ZodError that names the wrong turn. */
export function parseScript(input: ModelScript): Record<string, Turn[]> {
  return script.parse(input)
}

/** One turn that is checked. */
export function parseTurn(input: ScriptedTurn): Turn {
  return turn.parse(input)
}

/** The script in a JSON file. */
export function readScript(file: string): ModelScript {
  return JSON.parse(readFileSync(file, 'utf8')) as ModelScript
}

/** The key of the script that fits a prompt; null when none does. */
export function fittingKey(keys: string[], prompt: string): string | null {
  for (const key of keys) {
    if (key === '*') continue
    const pattern = /^\/(.+)\/([a-z]*)$/s.exec(key)
    if (pattern ? new RegExp(pattern[1]!, pattern[2]).test(prompt) : prompt.includes(key)) return key
  }
  return keys.includes('*') ? '*' : null
}

/** The tool calls of an answer in the order in which they are made. */
export function toolCalls(answer: Answer, cwd: string): { name: string; input: Record<string, unknown> }[] {
  const inWorkspace = (path: string) => (path.startsWith('/') || path.startsWith('{{cwd}}') ? path : `{{cwd}}/${path}`)
  const calls = [
    ...(answer.bash === undefined ? [] : [{ name: 'Bash', input: { command: answer.bash, description: 'Run a command' } }]),
    ...(answer.write ? [{ name: 'Write', input: { file_path: inWorkspace(answer.write.path), content: answer.write.text } }] : []),
    ...(answer.read === undefined ? [] : [{ name: 'Read', input: { file_path: inWorkspace(answer.read) } }]),
    ...answer.tools,
    ...(answer.verdict ? [{ name: 'StructuredOutput', input: answer.verdict }] : []),
  ]
  return calls.map(call => ({ name: call.name, input: filled(call.input, cwd) as Record<string, unknown> }))
}

function filled(value: unknown, cwd: string): unknown {
  if (typeof value === 'string') return value.replaceAll('{{cwd}}', cwd)
  if (Array.isArray(value)) return value.map(item => filled(item, cwd))
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, cwd)]))
  return value
}
