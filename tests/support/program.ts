/** The entry of this program, as its sources. */
export const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname

/** The words that start this program. */
export const SELF = [process.execPath, MAIN]

/** Makes code under test that starts itself again start this program, and not the test runner. For the whole test file. */
export function actAsProgram(): void {
  process.argv[1] = MAIN
}
