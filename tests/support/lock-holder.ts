import { takeAgentGuard } from '../../src/system/agent-guard.ts'

// Holds the guard of an agent id until it is killed. Arguments: state folder, agent id.
const [home = '', agentId = ''] = process.argv.slice(2)
takeAgentGuard(home, agentId, { role: 'qa', repo: '/repo', command: 'test' })
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
