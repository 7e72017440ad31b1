/** A program that a test has started in the background. */
interface StartedProgram {
  /** How it ended; null while it runs. */
  ended(): { code: number | null; signal: string | null } | null
  /** Somebody of the test meant it to end, or to be ended. */
  meantToEnd(): boolean
  output(): string
}

const started = new Set<StartedProgram>()

/** From here on waits end soon when the program fails by itself (wait-for.ts); what is answered puts an end to that. */
export function watchProgram(program: StartedProgram): () => void {
  started.add(program)
  return () => void started.delete(program)
}

/** Programs that ended with a failure, and not because the test ended them. */
export function failedByThemselves(): StartedProgram[] {
  return [...started].filter(program => {
    const end = program.meantToEnd() ? null : program.ended()
    return end !== null && end.code !== 0
  })
}
