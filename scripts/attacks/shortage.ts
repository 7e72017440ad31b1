import { chownSync, lchownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Attack, type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

const AGENT = 'echo done >made.txt; result'
const RUN = ['--role', 'backend_dev', '--agent-id', 'dev_001', '--single-task']
const SERVER = ['server', '--port', '0']
/** Nobody's number in the list of users. */
const NOBODY = 54_321
const canChangeUser = process.getuid?.() === 0

/** A command under a limit of the shell: it ends with a sentence, and the task waits for a run that has room. */
const limited = (limit: string, command: string[], asNobody = false): Attack => ({
  name: `${command[0] === 'server' ? 'server' : 'a run'} under ${limit}`,
  run: async stage => {
    stage.shellAgent(AGENT)
    const id = await stage.task('short')
    if (asNobody) giveAway(stage)
    const user = asNobody ? ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'] : []
    const words = (shell: string, args: string[]) => [...user, '/bin/bash', '-c', `${shell} exec "$@"`, 'sh', stage.binary, ...args]
    const { code, output, ms } = await stage.program(words(`${limit};`, command), { timeoutMs: 60_000 })
    const { code: later } = await stage.program(words('', RUN))
    const { status } = await stage.taskNow(id)
    return verdict(
      {
        'it ended with the documented code': code === 71,
        'it said what is short': /may have \d+ |no room/.test(output),
        'no stack trace': !/^\s+at /m.test(output),
        'the next run did the task': later === 0 && status === 'dev_done',
      },
      `exit ${code} in ${Math.round(ms / 100) / 10} s; then ${status}`,
    )
  },
})

/** The supervisor stands ready, and then the system has no room for the agent CLI: that is neither the CLI's fault nor the task's. */
const full = (limit: 'nofile' | 'nproc'): Attack => ({
  name: `no room for the agent CLI itself (${limit === 'nofile' ? 'open files' : 'processes'})`,
  run: async stage => {
    stage.shellAgent(AGENT)
    const id = await stage.task('short')
    const most = limit === 'nproc' ? '1' : '$(($(ls $process/fd | wc -l) + 3))'
    stage.write(
      'hooks/pre_task.sh',
      [
        '#!/bin/sh',
        `find() { for process in /proc/[0-9]*; do tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep -q ' supervise ${stage.home}' && return; done; false; }`,
        'until find; do sleep 0.1; done',
        // It waits for its attempt: it reads from its stdin.
        `until grep -q '^0 0x0 ' $process/syscall; do sleep 0.1; done`,
        `exec prlimit --pid "\${process#/proc/}" --${limit}=${most}`,
      ].join('\n'),
      0o755,
    )
    if (canChangeUser) giveAway(stage)
    const user = canChangeUser ? ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'] : []
    const run = (env: NodeJS.ProcessEnv) => stage.program([...user, stage.binary, ...RUN, '--max-attempts', '1'], { env })
    const { code, output } = await run({ HEADLESS_PM_HOOKS_DIR: join(stage.folder, 'hooks') })
    const between = (await stage.taskNow(id)).status
    const { code: later } = await run({})
    const { status } = await stage.taskNow(id)
    return verdict(
      {
        'it ended with the documented code': code === 71,
        'it said what is short': /no room for the agent CLI/.test(output),
        'the task went back': between === 'created',
        'the next run did the task': later === 0 && status === 'dev_done',
      },
      `exit ${code}, ${between}; then ${status}`,
    )
  },
})

/** Without a usable home folder. */
const homeless = (HOME: string | undefined, args: string[], codes: number[], asNobody = canChangeUser): Attack => ({
  name: `${args.slice(0, 2).join(' ')} with HOME ${HOME === undefined ? 'not set' : `"${HOME}"`}${asNobody ? ' by a user whom the system does not know' : ''}`,
  run: async stage => {
    const user = asNobody ? ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'] : []
    if (asNobody) giveAway(stage)
    const { code, output } = await stage.program([...user, stage.binary, ...args], { env: { HOME, HEADLESS_PM_HOME: undefined } })
    return verdict(
      {
        'it ended with a documented code': code !== null && codes.includes(code),
        'it named what to set': /HEADLESS_PM_HOME/.test(output),
        'no stack trace': !/^\s+at |SystemError/m.test(output),
      },
      `exit ${code}: ${output.trim().split('\n')[0]}`,
    )
  },
})

/** The whole stage, to the user whom the system does not know. */
function giveAway({ folder }: Stage): void {
  chownSync(folder, NOBODY, NOBODY)
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) lchownSync(join(folder, entry), NOBODY, NOBODY)
}

/** Too few open files, too few processes, no home. */
export const shortage: Part = {
  name: 'shortage',
  attacks: [
    ...[21, 22, 24, 26, 28, 30, 34, 40, 63].map(files => limited(`ulimit -n ${files}`, RUN)),
    ...[24, 30, 63].map(files => limited(`ulimit -n ${files}`, SERVER)),
    ...(canChangeUser ? [10, 16, 24, 63].map(processes => limited(`ulimit -u ${processes}`, RUN, true)) : []),
    ...(canChangeUser ? [limited('ulimit -u 20', SERVER, true)] : []),
    full('nofile'),
    full('nproc'),
    ...[undefined, '', '/nonexistent'].flatMap(HOME =>
      canChangeUser
        ? [homeless(HOME, ['task', 'add', '--title', 'x', '--role', 'backend_dev'], [73, 78]), homeless(HOME, SERVER, [73, 78])]
        : [],
    ),
  ],
}
