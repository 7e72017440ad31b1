import { takeAgentGuard } from '../../src/machine/locks/agent-guard.ts'

// A runner as far as the agent guard sees it: holds an agent id until it is killed. Arguments: state folder, agent id.
const [home = '', agentId = ''] = process.argv.slice(2)
takeAgentGuard(home, agentId, { role: 'backend_dev', repo: '/repo', command: 'agent-runner' })
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
