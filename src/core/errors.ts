/**
 * The one error class and its table. Decisions look at the kind, never at a message; exit codes and HTTP statuses come from here.
 * Kinds: `retry` may work later · `lost` somebody else has it now · `refused` the outside said no and means it ·
 * `broken` something on this machine must be mended · `usage` the command was called wrongly · `bug` ours.
 */
export type ErrorKind = 'retry' | 'lost' | 'refused' | 'broken' | 'usage' | 'bug'

export const ERRORS = {
  TRACKER_UNREACHABLE: {
    kind: 'retry',
    exitCode: 69,
    http: 503,
    advice: 'Check that the PM server runs and that HEADLESS_PM_API_URL is right.',
  },
  TRACKER_UNAUTHORISED: {
    kind: 'refused',
    exitCode: 77,
    http: 502,
    advice: 'Set HEADLESS_PM_API_KEY to the key that the PM server was started with.',
  },
  TRACKER_REFUSED: {
    kind: 'refused',
    exitCode: 1,
    http: 422,
    advice: 'The PM server did not accept the request; its answer is in the message.',
  },
  TRACKER_CONFUSED: { kind: 'retry', exitCode: 69, http: 502, advice: 'The answer was not what a PM server says; is a proxy in between?' },
  TASK_LOST: { kind: 'lost', exitCode: 12, http: 409, advice: 'Another agent or a person has the task now; nothing was changed.' },
  TASK_UNKNOWN: { kind: 'refused', exitCode: 2, http: 404, advice: '`agent-runner task list` shows the ids.' },
  RUN_STATE: { kind: 'refused', exitCode: 1, http: 409, advice: 'Look at the run: `GET /runs/{id}` shows its status.' },
  LEASE_LOST: { kind: 'lost', exitCode: 12, http: 409, advice: 'Another runner has the run now; nothing was changed.' },
  NOT_YOURS: {
    kind: 'refused',
    exitCode: 77,
    http: 403,
    advice: 'Use the key by which the agent was registered, revoke that one, or choose another --agent-id.',
  },
  NOT_FOUND: { kind: 'refused', exitCode: 2, http: 404, advice: 'Is the id whole, and does your key belong to the same customer?' },
  EXISTS: { kind: 'refused', exitCode: 2, http: 409, advice: 'Use the one that is there, or choose another name.' },
  STORAGE_FULL: {
    kind: 'refused',
    exitCode: 1,
    http: 409,
    advice: 'Remove projects that are not needed any more, or ask the operator for more (storageQuota).',
  },
  AGENT_BUSY: { kind: 'refused', exitCode: 75, http: 409, advice: 'Stop the other runner, or choose another --agent-id.' },
  STATE_UNUSABLE: {
    kind: 'broken',
    exitCode: 73,
    http: 503,
    advice: 'Check the folder named by HEADLESS_PM_HOME: rights, type, free space, and how many files may be open.',
  },
  LOCK_FILE_UNREADABLE: {
    kind: 'broken',
    exitCode: 73,
    http: 500,
    advice: 'The file was set aside; look at it, its work was not touched.',
  },
  SYSTEM_SHORT: {
    kind: 'broken',
    exitCode: 71,
    http: 503,
    advice: 'End other processes, or raise the limits: `ulimit -n` for open files, `ulimit -u` for processes.',
  },
  PORT_IN_USE: { kind: 'broken', exitCode: 71, http: 503, advice: 'Choose another --port, or stop what listens there.' },
  CONFIG_INVALID: { kind: 'usage', exitCode: 78, http: 500, advice: '`agent-runner config explain` shows where each value comes from.' },
  UNTRUSTED: {
    kind: 'usage',
    exitCode: 78,
    http: 500,
    advice: 'Look at what it asks for, then: `agent-runner trust`; in CI, --trust does the same.',
  },
  USAGE: { kind: 'usage', exitCode: 2, http: 422, advice: 'Try --help.' },
  AGENT_CLI_MISSING: { kind: 'broken', exitCode: 78, http: 500, advice: 'Install the `claude` CLI or set HEADLESS_PM_CLAUDE_COMMAND.' },
  GIT_FAILED: { kind: 'broken', exitCode: 1, http: 500, advice: 'The message is what git said.' },
  SUPERVISOR_FAILED: { kind: 'broken', exitCode: 1, http: 500, advice: "See supervisor.log in the attempt's folder." },
  UNHEALTHY: { kind: 'broken', exitCode: 69, http: 503, advice: 'Read what the health_check hook said, and mend it.' },
  ABORTED: { kind: 'retry', exitCode: 12, http: 503, advice: '' },
  BUG: { kind: 'bug', exitCode: 1, http: 500, advice: 'Please report this with the output of `agent-runner doctor --json`.' },
} as const satisfies Record<string, { kind: ErrorKind; exitCode: number; http: number; advice: string }>

export type ErrorCode = keyof typeof ERRORS

/** A failure with a code of the table above. `message` is for people; programs read `code` and `kind`. */
export class RunnerError extends Error {
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly exitCode: number
  readonly advice: string
  /** Milliseconds that the other side asked us to wait before trying again (`Retry-After`). */
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number; advice?: string } = {}) {
    super(message, { cause: options.cause })
    this.name = 'RunnerError'
    this.code = code
    this.kind = ERRORS[code].kind
    this.exitCode = ERRORS[code].exitCode
    this.advice = options.advice ?? ERRORS[code].advice
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Any thrown thing as a RunnerError; what is not one already is a bug of ours. */
export function asRunnerError(thrown: unknown): RunnerError {
  if (thrown instanceof RunnerError) return thrown
  if (thrown instanceof Error && thrown.name === 'AbortError') return new RunnerError('ABORTED', 'stopped', { cause: thrown })
  const disk = (thrown as NodeJS.ErrnoException | null)?.code
  if (isShortage(thrown))
    return new RunnerError('SYSTEM_SHORT', `the system has no room for more: ${(thrown as Error).message}`, { cause: thrown })
  if (disk === 'ENOSPC' || disk === 'EROFS' || disk === 'EDQUOT')
    return new RunnerError('STATE_UNUSABLE', `cannot write: ${(thrown as Error).message}`, { cause: thrown })
  // A folder where a file should be, missing rights, a failing disk: the reason is outside of the program, and no bug of ours.
  if (FILE_FAULTS.includes(disk ?? '') && !(thrown as NodeJS.ErrnoException).syscall?.startsWith('spawn'))
    return new RunnerError('STATE_UNUSABLE', `cannot use a file: ${(thrown as Error).message}`, { cause: thrown })
  return new RunnerError('BUG', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
}

/** Whether the system refused a file, a process or memory because there are too many, or this user has too many. */
export function isShortage(thrown: unknown): boolean {
  const { code, syscall } = (thrown ?? {}) as NodeJS.ErrnoException
  return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM' || (code === 'EAGAIN' && /spawn|fork|pipe/.test(syscall ?? ''))
}

const FILE_FAULTS = ['EISDIR', 'ENOTDIR', 'EACCES', 'EIO', 'ELOOP']
