import { chmodSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Part, verdict } from './frame.ts'
import { raw, startTarget, type Target } from './server-stage.ts'
import type { Stage } from './stage.ts'

const POLL = '/api/v1/tasks/poll?role=fullstack_dev&agent_id='

/** A customer of a server with an admin key and two worker keys. */
async function customer(stage: Stage, target: Target, name: string) {
  const made = async (kind: string) =>
    (await stage.runner(['keys', 'create', '--kind', kind, '--customer', name, '--name', kind])).stdout.trim()
  const [admin, one, two] = [await made('admin'), await made('worker'), await made('worker')]
  const post = (path: string, json: unknown) => target.ask(path, { method: 'POST', key: admin, json })
  const project = (await post('/projects', { name: 'shop', local_path: '/srv/shop' })).json.id as string
  return { admin, one, two, run: async (goal: string) => (await post('/runs', { project_id: project, goal })).json }
}

/** What other users of a machine, other customers, web pages and slow clients can do to a server. */
export const server: Part = {
  name: 'server',
  attacks: [
    {
      name: 'another user of the machine calls a server on loopback without a key',
      async run(stage) {
        const target = await startTarget(stage)
        const answers = await Promise.all([
          target.ask('/projects', { method: 'POST', json: { name: 'x', local_path: '/' } }),
          target.ask('/runs', { method: 'POST', json: { goal: 'x', run_type: 'pipeline', steps: [{ command: 'id' }] } }),
          ...['/runs', '/events', '/events/stream', '/metrics', `${POLL}x&wait=0`].map(path => target.ask(path)),
        ])
        const own = await target.own('/runs')
        return verdict(
          { 'nobody gets in': answers.every(({ status }) => status === 401), 'its owner does': own.status === 200 },
          `${answers.map(({ status }) => status).join(' ')}, owner ${own.status}`,
        )
      },
    },
    {
      name: "another user of the machine reads the owner's key",
      async run(stage) {
        const target = await startTarget(stage)
        const modes = [target.keyFile, join(target.keyFile, '..')].map(path => (statSync(path).mode & 0o777).toString(8))
        if (process.getuid?.() !== 0) return verdict({ 'file and folder are private': modes.join() === '600,700' }, modes.join(' '))
        // As everybody could come to the folder.
        chmodSync(stage.folder, 0o755)
        const other = await stage.program(['setpriv', '--reuid', '65534', '--clear-groups', 'cat', target.keyFile])
        return verdict(
          { 'file and folder are private': modes.join() === '600,700', 'it cannot be read': other.code !== 0 },
          modes.join(' '),
        )
      },
    },
    {
      name: "another user listens on a port where the owner's server was, or on one beside it",
      async run(stage) {
        const target = await startTarget(stage)
        const key = (await stage.program(['cat', target.keyFile])).stdout.trim().split(' ').at(-1)!
        target.program.child.kill('SIGKILL')
        await target.program.ended
        const heard: string[] = []
        const evil = createServer((asked, answer) => {
          heard.push(String(asked.headers['x-api-key'] ?? asked.headers.authorization ?? ''))
          answer.writeHead(503).end()
        })
        await new Promise<void>(resolve => evil.listen(target.port, '127.0.0.1', resolve))
        const beside = createServer((asked, answer) => {
          heard.push(`beside ${asked.headers['x-api-key'] ?? asked.headers.authorization ?? ''}`)
          answer.writeHead(503).end()
        })
        await new Promise<void>(resolve => beside.listen(0, '127.0.0.1', resolve))
        const run = (url: string) =>
          stage.runner(['run', '--role', 'qa', '--agent-id', 'a', '--server', url, '--project', 'x', '--single-task', '--dry-run'], {
            timeoutMs: 20_000,
          })
        await run(target.url)
        await run(`http://127.0.0.1:${(beside.address() as { port: number }).port}`)
        evil.close()
        beside.close()
        const again = await startTarget(stage)
        const stolen = await again.ask('/runs', { key })
        return verdict(
          {
            'what was caught opens nothing': stolen.status === 401,
            'no key went to another port': !heard.some(text => /^beside ./.test(text)),
          },
          `caught ${heard.filter(text => text !== '').length}, then ${stolen.status}`,
        )
      },
    },
    {
      name: 'a link for the browser is used twice, guessed, or used by a page from elsewhere',
      async run(stage) {
        const target = await startTarget(stage)
        const link = await stage.runner(['keys', 'link', '--port', String(target.port)])
        const code = link.stdout.trim().split('#login=')[1]
        const use = (headers: Record<string, string> = {}, what: unknown = code) =>
          target.ask('/sessions', { method: 'POST', json: { code: what }, headers })
        const elsewhere = [
          await use({ origin: 'https://evil.example' }),
          await use({ host: 'evil.example' }),
          await use({ 'sec-fetch-site': 'same-site' }),
        ]
        const guessed = await use({}, 'ar_owner_guess')
        const [first, second] = [await use(), await use()]
        const inside = await target.ask('/runs', { key: first.json?.key })
        return verdict(
          {
            'pages from elsewhere cannot': elsewhere.every(({ status }) => status === 403 || status === 421),
            'no guess works': guessed.status === 403,
            'it works once': first.status === 201 && second.status === 403 && inside.status === 200,
            'no cookie goes to other ports': first.headers['set-cookie'] === undefined,
          },
          `${elsewhere.map(({ status }) => status).join(' ')} ${guessed.status} ${first.status} ${second.status}`,
        )
      },
    },
    {
      name: 'the greeting of a server writes a link into a log that others can read',
      async run(stage) {
        const log = join(stage.folder, 'log')
        const shell = stage.begin(['sh', '-c', `umask 022; exec "$0" server --port 0 >"$1"`, stage.binary, log])
        let text = ''
        for (let n = 0; n < 200 && !text.includes('In a shell'); n++) {
          await delay(50)
          text = (await stage.program(['cat', log])).stdout
        }
        shell.child.kill('SIGTERM')
        return verdict(
          { 'it has started': text.includes('In a shell'), 'no link is in it': !text.includes('login=ar_') },
          text.split('\n')[1] ?? '',
        )
      },
    },
    {
      name: 'a page that has the address under its own name (DNS rebinding), and one that sends blindly',
      async run(stage) {
        const target = await startTarget(stage, ['--open-to-this-machine'])
        const hosts = [
          'evil.example',
          `evil.example:${target.port}`,
          'localhost.evil.example',
          '127.0.0.1.nip.io',
          '0x7f.1',
          '2130706433',
          '127.1',
          'localhost@evil',
        ]
        const rebound = await Promise.all(hosts.map(host => target.ask('/runs', { headers: { host } })))
        const origins = ['https://evil.example', 'null', `http://localhost:${target.port + 1}`, `http://127.0.0.1:${target.port + 1}`]
        const blind = await Promise.all(origins.map(origin => target.ask('/projects', { method: 'POST', json: {}, headers: { origin } })))
        return verdict(
          { 'no other name': rebound.every(({ status }) => status === 421), 'no other page': blind.every(({ status }) => status === 403) },
          `${rebound.map(({ status }) => status).join(' ')} ${blind.map(({ status }) => status).join(' ')}`,
        )
      },
    },
    {
      name: 'requests that two programs in a row understand differently',
      async run(stage) {
        const target = await startTarget(stage, ['--open-to-this-machine'])
        const bodied = 'POST /projects HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
        const requests = [
          'GET /runs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n',
          'GET /runs HTTP/1.1\r\n',
          'GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n',
          'GET http://localhost/runs HTTP/1.1\r\nHost: localhost\r\n',
          'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n',
          'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n',
          `${bodied}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n`,
          `${bodied}Content-Length: 4\r\nContent-Length: 5\r\n`,
          `${bodied}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n`,
          'GET /runs HTTP/1.1\r\nHost : localhost\r\n',
        ]
        const heard = await Promise.all(requests.map(text => raw(target.port, `${text}Connection: close\r\n\r\n`)))
        const statuses = heard.map(text => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'closed')
        return verdict({ 'all are refused': statuses.every(status => /^4|closed/.test(status)) }, statuses.join(' '))
      },
    },
    {
      name: '120 connections that send a byte at a time, and 120 that send nothing and never close',
      async run(stage) {
        const target = await startTarget(stage)
        const open = Array.from({ length: 240 }, () =>
          connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true })
            .on('error', () => {})
            .resume(),
        )
        let closed = 0
        for (const [n, socket] of open.entries()) {
          socket.once('close', () => closed++)
          // A server that is wholly gone answers what comes then with a reset; one that only stopped to speak does not.
          const probe = setInterval(() => socket.readableEnded && socket.write('x'), 700)
          socket.once('close', () => clearInterval(probe))
          if (n % 2 === 0) socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
        }
        const drip = setInterval(() => {
          for (const [n, socket] of open.entries()) if (n % 2 === 0 && socket.writable) socket.write('x')
        }, 500)
        let slowest = 0
        for (let n = 0; n < 17 && closed < open.length; n++) {
          slowest = Math.max(slowest, (await target.ask('/livez')).ms)
          await delay(1_000)
        }
        clearInterval(drip)
        for (const socket of open) socket.destroy()
        return verdict(
          { 'all were closed': closed === open.length, 'others are served': slowest < 1_000 },
          `${closed} closed, others waited ${Math.round(slowest)} ms`,
        )
      },
    },
    {
      name: '800 polls of one customer, and the POST /runs of another',
      async run(stage) {
        const target = await startTarget(stage)
        const [many, other] = [await customer(stage, target, 'many'), await customer(stage, target, 'other')]
        const median = async () => {
          const times: number[] = []
          for (let n = 0; n < 15; n++) {
            const began = performance.now()
            await other.run(`goal ${n}`)
            times.push(performance.now() - began)
          }
          return times.sort((a, b) => a - b)[7]!
        }
        await median()
        const before = await median()
        const waiting = Array.from({ length: 800 }, (_, n) => target.ask(`${POLL}w${n}&wait=15`, { key: many.one }))
        await delay(4_000)
        const after = await median()
        target.program.child.kill('SIGTERM')
        await Promise.all(waiting)
        return verdict(
          { 'it is as quick as before': after < 3 * before + 10 },
          `${before.toFixed(1)} ms before, ${after.toFixed(1)} ms with 800 polls`,
        )
      },
    },
    {
      name: 'a worker key speaks for an agent of another one, on every route',
      async run(stage) {
        const target = await startTarget(stage)
        const { one, two, admin, run } = await customer(stage, target, 'acme')
        const made = await run('Mend it')
        const { lease } = (await target.ask(`${POLL}dev_1&wait=5`, { key: one })).json
        const holder = { agent_id: 'dev_1', run_id: made.id, epoch: lease.epoch }
        const task = `/api/v1/tasks/${made.task_id}`
        const post = (path: string, json: unknown, key: string) => target.ask(path, { method: 'POST', json, key })
        const strangers = await Promise.all([
          post('/api/v1/workers', { agent_id: 'dev_1', role: 'fullstack_dev' }, two),
          target.ask(`${POLL}dev_1&wait=0`, { key: two }),
          post(`${task}/claim`, { agent_id: 'dev_1', role: 'fullstack_dev', run_id: made.id }, two),
          post(`${task}/heartbeat`, holder, two),
          post(`${task}/heartbeat`, {}, two),
          post(`${task}/logs`, { ...holder, logs: ['forged'] }, two),
          post(`${task}/complete`, { ...holder, status: 'dev_done' }, two),
          target.ask('/api/v1/mentions?agent_id=dev_1', { key: two }),
        ])
        const other = await run('Another')
        const elsewhere = await post(`/api/v1/tasks/${other.task_id}/heartbeat`, holder, one)
        await post(`${task}/complete`, { ...holder, status: 'dev_done' }, one)
        const otherEnd = await post(`${task}/complete`, { ...holder, outcome: 'parked' }, one)
        const now = (await target.ask(task, { key: admin })).json
        return verdict(
          {
            'all are refused': strangers.every(({ status }) => status === 403),
            "another task's address is refused": elsewhere.status === 409,
            'another end is not the same': otherEnd.json.result === 'lost' && now.status === 'dev_done',
          },
          `${strangers.map(({ status }) => status).join(' ')}; ${elsewhere.status}; ${otherEnd.json.result}`,
        )
      },
    },
    {
      name: "a client behind a proxy takes another's address, and one that is no proxy says it is one",
      async run(stage) {
        await stage.runner(['keys', 'create', '--kind', 'admin'])
        const proxied = ['--public-url', 'https://runner.example', '--trust-proxy', 'loopback', '--rate-limit', '5']
        const target = await startTarget(stage, proxied)
        const guess = (forwarded: string) =>
          target.ask('/runs', { key: 'guess', headers: { host: 'runner.example', 'x-forwarded-for': forwarded } })
        const same: number[] = []
        for (let n = 0; n < 7; n++) same.push((await guess(`203.0.113.${n}, 198.51.100.7`)).status)
        const other = await guess('198.51.100.8')
        const page = await target.own('/runs', {
          headers: { host: 'runner.example', origin: 'https://runner.example', 'x-forwarded-proto': 'https' },
        })
        const evil = await target.own('/runs', { headers: { host: 'runner.example', 'x-forwarded-host': 'evil.example' } })
        return verdict(
          {
            'the own address counts': same.slice(5).every(status => status === 429),
            "others' does not": other.status === 401,
            'its own page is known': page.status === 200,
            'another name is not': evil.status === 421,
          },
          `${same.join(' ')}; ${other.status} ${page.status} ${evil.status}`,
        )
      },
    },
    {
      name: '/livez is asked until nothing else may be, and /readyz of a database that cannot be written',
      async run(stage) {
        const target = await startTarget(stage, ['--rate-limit', '3'])
        const lives = await Promise.all(Array.from({ length: 50 }, () => target.ask('/livez', { key: 'unknown' })))
        const ready = await target.own('/readyz')
        const limited = await Promise.all(Array.from({ length: 6 }, () => target.ask('/health')))
        return verdict(
          {
            'it always answers': lives.every(({ status }) => status === 200),
            'it is ready': ready.status === 200,
            'others are limited': limited.some(({ status }) => status === 429),
          },
          `${lives.filter(({ status }) => status === 200).length} of 50, ready ${ready.status}`,
        )
      },
    },
  ],
}
