import { createHash } from 'node:crypto'
import { Script } from 'node:vm'
import { expect, test } from 'vitest'
import { station } from '../station.ts'

test('the page needs nothing but this server, and the browser is told to run nothing else', async () => {
  const s = await station()
  const { text, headers, status } = await s.get('/docs')
  expect([status, headers['content-type'], headers['x-content-type-options']]).toEqual([200, 'text/html; charset=utf-8', 'nosniff'])
  expect(text).not.toMatch(/(src|href)="(https?:)?\/\//)
  const policy = String(headers['content-security-policy'])
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
  for (const tag of ['script', 'style']) {
    const [whole, inside] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(text)!
    expect(text.split(`<${tag}`)).toHaveLength(2)
    expect(whole.length).toBeGreaterThan(1_000)
    expect(policy).toContain(`${tag}-src 'sha256-${createHash('sha256').update(inside!).digest('base64')}'`)
  }
})

test('the script of the page is sound, and never makes markup out of what it reads', async () => {
  const s = await station()
  const script = /<script>([\s\S]*?)<\/script>/.exec((await s.get('/docs')).text)![1]!
  expect(() => new Script(script)).not.toThrow()
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/)
})

test('a link to the page may stand anywhere, but a page elsewhere cannot frame it or read the API', async () => {
  const s = await station()
  const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
  expect((await s.get('/docs', { headers })).status).toBe(200)
  expect((await s.get('/runs', { headers })).status).toBe(403)
})
