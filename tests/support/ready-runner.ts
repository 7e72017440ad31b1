import { openSupervision } from '../../src/machine/attempts/supervision.ts'

// A runner that has a supervisor ready and is then killed by a test. Arguments: state folder, run id.
const [home = '', runId = ''] = process.argv.slice(2)
const self = [process.execPath, new URL('supervise.ts', import.meta.url).pathname]
openSupervision({ home, agentId: 'dev_001', self, env: process.env, killGraceMs: 500 }).ready(runId)
setInterval(() => {}, 60_000)
