import type { EndReason } from '../../core/ends.ts'

/** What the CLI said of a failure: in a result line with an error, or on stderr when there was none. */
export interface Refusal {
  where: 'result' | 'stderr'
  /** HTTP status of the API; null for none. */
  status: number | null
  /** The CLI's word for the last error of the API; '' for none. */
  error: string
  /** The CLI's word for why it ended; '' for none. */
  terminal: string
  /** The first words of a new session were refused: the model never answered in it. */
  opening: boolean
  text: string
}

/** A row matches when everything that it names matches. The table in `core/ends.ts` says what its reason means for task and runner. */
interface Cause {
  reason: EndReason
  where?: Refusal['where']
  status?: readonly number[]
  error?: readonly string[]
  terminal?: readonly string[]
  opening?: true
  text?: RegExp
}

/** Words of Node and Bun for a connection that was not made, and of the CLI (2.1.329) for those that it knows. */
const NO_CONNECTION =
  /\bE(?:CONN\w+|NOTFOUND|AI_AGAIN|TIMEDOUT|HOSTUNREACH|NETUNREACH|PROTO|PIPE)\b|\b\w*CERT\w*_\w+|certificate|\bSSL\b|\bTLS\b|Connection (?:refused|error|closed|reset)|Can't reach the API|Unable to connect|Failed to connect|fetch failed|socket hang up|Request timed out|empty or malformed response|proxy or gateway intercepting/i

/** Words of the system, and of shells and runtimes, for a process, thread, file or memory that there was no room for. */
const NO_ROOM =
  /resource temporarily unavailable|cannot fork|can't fork|too many open files|cannot allocate memory|\bE(?:AGAIN|MFILE|NFILE|NOMEM)\b/i

/** A usage or spend limit, in every wording that was seen of it. */
const LIMIT =
  /\b(?:hit|reached|exceeded) (?:your|the|this|its) .*(?:limit|quota)|limits? (?:was |is |has been )?(?:reached|exhausted|exceeded)|limits? will reset|out of (?:\w+ )?(?:usage|credits?)\b|regain access|requires usage credits|quota exceeded|insufficient_quota/i

/** The account itself: credit, plan, organisation, access. */
const ACCOUNT =
  /credit balance|purchase credits|insufficient (?:balance|credit|funds)|payment required|billing|(?:organi[sz]ation|account|subscription|workspace)\b.*\b(?:disabled|suspended|banned|deactivated|expired|lapsed|not allowed|not permitted)|disabled organi[sz]ation|has disabled|not allowed for this organi[sz]ation|(?:does|do) not have (?:access|permission)|not (?:available|supported) in your (?:country|region)|unsupported_country|identity verification/i

/** The login: a key or token that is missing, wrong, expired or revoked. */
const LOGIN =
  /authentication_error|Not logged in · |Please run \/login|Invalid API key|invalid x-api-key|(?:OAuth|access|auth\w*|session) token (?:has |is |was )?(?:been )?(?:expired|revoked|invalid)|Invalid bearer token|Invalid authentication|API key (?:has |is )?(?:expired|revoked|disabled|missing|not valid)/i

/** More than the model takes at once, as the API and those who pass its models on say it. */
const TOO_LONG =
  /(?:prompt|input|request) is too long|input length .*exceed|exceed(?:s|ed)? (?:the )?(?:context|model'?s? (?:context|maximum))|maximum context length|context (?:length|window|limit) (?:is |was |has been )?exceeded/i

/** More than fits into one request, whatever it says. */
const TOO_LARGE = /request too large \(max|request_too_large|request exceeds the maximum size|payload too large|entity too large/i

/** A conversation that is not as the API wants it. */
const MALFORMED =
  /tool use concurrency|tool_use.*tool_result|could not process (?:image|pdf)|image (?:exceeds|dimensions)|\bmessages(?:\.\d+|: (?:roles|final|at least))/i

/** How much of a text's beginning and of its end is searched: some rows take quadratic time, and a refusal is short. */
const LOOKED_AT = 4_000

/**
 * Why the CLI or the model API refused, as one table; the first row that matches counts. Nothing else decides by a wording. A refusal
 * that no row knows counts as one of the surroundings, and is never charged to the task.
 */
const CAUSES: readonly Cause[] = [
  // The session, and what was said in it.
  { reason: 'session_lost', text: /No conversation found with session ID|Session ID \S+ is already in use/i },
  { reason: 'prompt_too_long', opening: true, terminal: ['prompt_too_long'] },
  { reason: 'prompt_too_long', opening: true, text: TOO_LONG },
  { reason: 'prompt_refused', opening: true, terminal: ['image_error'] },
  { reason: 'prompt_refused', opening: true, status: [413] },
  { reason: 'prompt_refused', opening: true, text: TOO_LARGE },
  { reason: 'prompt_refused', opening: true, text: MALFORMED },
  { reason: 'session_outgrown', terminal: ['prompt_too_long'] },
  { reason: 'session_outgrown', status: [413] },
  { reason: 'session_outgrown', text: TOO_LONG },
  { reason: 'session_outgrown', text: TOO_LARGE },
  { reason: 'session_broken', terminal: ['image_error'] },
  { reason: 'session_broken', text: MALFORMED },
  { reason: 'content_refused', text: /content filtering|usage policy|unable to respond to this request/i },
  { reason: 'crashed', text: /output token maximum/i },
  // The CLI, before it asked anybody.
  { reason: 'cli_missing', where: 'stderr', text: /cannot be used with root\/sudo|error: unknown option|error: option '/i },
  { reason: 'system_short', where: 'stderr', text: NO_ROOM },
  // The account. An organisation's limit is a limit, and comes first.
  { reason: 'usage_limit', text: LIMIT },
  { reason: 'account_blocked', text: ACCOUNT },
  { reason: 'account_blocked', status: [402] },
  { reason: 'account_blocked', error: ['billing_error'] },
  { reason: 'not_logged_in', text: LOGIN },
  // The way to the API.
  { reason: 'api_unreachable', text: NO_CONNECTION },
  { reason: 'api_unreachable', status: [407, 511] },
  // A proxy says 401 and 403, too; the API explains itself, in the words above.
  { reason: 'api_refused', status: [401, 403] },
  { reason: 'not_logged_in', error: ['authentication_failed'] },
  { reason: 'unknown_model', status: [404] },
  { reason: 'unknown_model', error: ['model_not_found'] },
  { reason: 'usage_limit', status: [429] },
  { reason: 'usage_limit', error: ['rate_limit'] },
  { reason: 'api_error', error: ['server_error', 'overloaded_error', 'overloaded'] },
  { reason: 'api_error', text: /overloaded|internal server error|server-side issue|bad gateway|service unavailable|gateway time-?out/i },
]

/** The reason; null when the text is no refusal. */
export function causeOf(refusal: Refusal): EndReason | null {
  const looked = { ...refusal, text: edges(refusal.text) }
  const known = CAUSES.find(cause => fits(cause, looked))
  if (known) return known.reason
  const { status, error, terminal } = refusal
  if (status !== null && status >= 500) return 'api_error'
  return status !== null || error !== '' || terminal === 'api_error' ? 'api_refused' : null
}

const edges = (text: string) => (text.length > 2 * LOOKED_AT ? `${text.slice(0, LOOKED_AT)}\n${text.slice(-LOOKED_AT)}` : text)

function fits(cause: Cause, { where, status, error, terminal, opening, text }: Refusal): boolean {
  return (
    (cause.where ?? where) === where &&
    (cause.status === undefined || (status !== null && cause.status.includes(status))) &&
    (cause.error?.includes(error) ?? true) &&
    (cause.terminal?.includes(terminal) ?? true) &&
    (cause.opening ?? opening) === opening &&
    (cause.text?.test(text) ?? true)
  )
}
