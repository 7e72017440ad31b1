import { expect, test } from 'vitest'
import { parseDraft } from '../../../src/board/tasks/draft.ts'
import { station } from '../station.ts'

/** What an agent CLI would take for options. A name loses its blanks before it is judged. */
const OPTIONS = ['--resume', '-c', '--mcp-config=evil.json', '-', '  --settings', '\t-p']

test('no model that would be an option of the agent CLI comes in by a run, a task or a query', async () => {
  const s = await station()
  const project_id = await s.project()
  for (const model of OPTIONS) {
    const answers = [
      await s.post('/runs', { project_id, goal: 'Mend it', options: { model } }),
      await s.post('/runs', { project_id, goal: 'Mend it', model }),
      await s.post(`/runs?project_id=${project_id}&goal=Mend+it&model=${encodeURIComponent(model)}`),
      await s.post('/api/v1/tasks', { project_id, title: 'Mend it', role: 'backend_dev', model }),
    ]
    expect(
      answers.map(({ status }) => status),
      model,
    ).toEqual(answers.map(() => 422))
    for (const { json } of answers) expect(JSON.stringify(json)).toContain('must not begin with a dash')
    const draft = { title: 'Mend it', role: 'backend_dev', model }
    expect(() => parseDraft(draft)).toThrow('must not begin with a dash')
  }
  expect((await s.get('/runs')).json).toEqual([])
})

test('a dash elsewhere belongs to the name', async () => {
  const s = await station()
  const project_id = await s.project()
  const { status, json } = await s.post('/runs', { project_id, goal: 'Mend it', model: 'claude-sonnet-5-5 --resume' })
  expect({ status, options: json.options }).toMatchObject({ status: 201, options: { model: 'claude-sonnet-5-5 --resume' } })
})
