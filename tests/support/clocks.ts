import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CrashStage, StageOptions } from './crash-stage.ts'
import { tempFolder } from './temp.ts'

const ODD = join(import.meta.dirname, 'odd-process.ts')

/** Opens a stage on a machine whose clocks a test sets, so that it need not wait for an hour to pass. */
export async function withClocks<S extends CrashStage>(open: (options: StageOptions) => Promise<S>, env: Record<string, string> = {}) {
  const folder = tempFolder()
  const [clock, uptime] = [join(folder, 'clock'), join(folder, 'uptime')]
  const stage = await open({
    env: {
      NODE_OPTIONS: `--import=${ODD}`,
      HEADLESS_PM_PASS_ENV: 'NODE_OPTIONS AGENT_RUNNER_TEST_*',
      AGENT_RUNNER_TEST_CLOCK: clock,
      AGENT_RUNNER_TEST_UPTIME: uptime,
      ...env,
    },
  })
  let [jumped, passed] = [0, 0]
  const write = () => {
    writeFileSync(uptime, String(passed))
    writeFileSync(clock, String(jumped + passed))
  }
  return {
    stage,
    /** Somebody sets the wall clock to so many milliseconds beside the right time. */
    jump(ms: number) {
      jumped = ms
      write()
    },
    /** So many milliseconds pass, by both clocks. */
    pass(ms: number) {
      passed += ms
      write()
    },
  }
}
