/** The entry of this program: the bundle that was made for all tests (prepared.ts), outside of vitest its sources. */
export const MAIN = process.env.TEST_PROGRAM ?? new URL('../../src/cli/main.ts', import.meta.url).pathname

/** The words that start this program. */
export const SELF = [process.execPath, MAIN]

/** Makes code under test that starts itself again start this program, and not the test runner. For the whole test file. */
export function actAsProgram(): void {
  process.argv[1] = MAIN
}
