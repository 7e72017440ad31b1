/**
 * Runs in the browser: reads openapi.json and shows it. Everything that it shows is text to the browser, never markup, so nothing in the
 * document can become code.
 */
export const SCRIPT = String.raw`'use strict'
const make = (tag, more = {}, ...inside) => {
  const { className, ...rest } = more
  const element = Object.assign(document.createElement(tag), rest)
  if (className) element.className = className
  element.append(...inside.flat(9).filter(one => one !== null && one !== undefined && one !== ''))
  return element
}
/* Words in backticks are code. */
const prose = text => String(text ?? '').split('${'`'}').map((part, i) => (i % 2 ? make('code', {}, part) : part))
const pretty = value => JSON.stringify(value, null, 2)

function resolve(api, schema) {
  let found = schema
  while (found && found.$ref) found = found.$ref.split('/').slice(1).reduce((at, key) => at[key], api)
  return found ?? {}
}

function typeOf(schema = {}) {
  if (schema.$ref) return schema.$ref.split('/').pop()
  if (schema.enum) return schema.enum.join(' | ')
  if ('const' in schema) return JSON.stringify(schema.const)
  const several = schema.anyOf ?? schema.oneOf
  if (several) return several.map(typeOf).join(' | ')
  if (schema.type === 'array') return typeOf(schema.items) + '[]'
  return [schema.type ?? 'any'].flat().join(' | ')
}

/* A value that fits a schema: its example, its default, or the plainest one. */
function sample(api, given, depth = 0) {
  const schema = resolve(api, given)
  if (schema.examples?.length) return schema.examples[0]
  if ('default' in schema) return schema.default
  if ('const' in schema) return schema.const
  if (schema.enum) return schema.enum[0]
  const several = schema.anyOf ?? schema.oneOf
  if (several) return sample(api, several[0], depth)
  if (schema.type === 'array') return depth > 3 ? [] : [sample(api, schema.items, depth + 1)]
  if (schema.type === 'object')
    return Object.fromEntries(depth > 3 ? [] : Object.entries(schema.properties ?? {}).map(([name, one]) => [name, sample(api, one, depth + 1)]))
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum > 0 ? schema.minimum : 0
  if (schema.type === 'boolean') return false
  return schema.type === 'string' ? '' : null
}

function properties(api, given) {
  const schema = resolve(api, given)
  const rows = Object.entries(schema.properties ?? {}).map(([name, one]) => {
    const seen = resolve(api, one)
    const said = one.description ?? (one.$ref ? '' : seen.description)
    return make('tr', {},
      make('td', { className: (schema.required ?? []).includes(name) ? 'required' : '' }, name),
      make('td', {}, make('span', { className: 'type' }, typeOf(one)), said ? make('div', {}, prose(said)) : ''))
  })
  return rows.length ? make('table', {}, rows) : make('pre', {}, typeOf(schema))
}

function inputFor({ schema = {} }) {
  if (!schema.enum) return make('input', { placeholder: schema.examples?.[0] ?? schema.default ?? '', spellcheck: false })
  return make('select', {}, make('option', { value: '' }, ''), schema.enum.map(word => make('option', { value: word }, word)))
}

function operation(api, path, method, op) {
  const card = make('details', { className: 'card', id: op.operationId })
  card.append(make('summary', {}, make('span', { className: 'method ' + method }, method.toUpperCase()), make('span', { className: 'path' }, path), make('span', { className: 'what' }, op.summary ?? '')))
  // Filled when it is opened: most never are.
  card.addEventListener('toggle', () => card.childElementCount === 1 && card.append(inside(api, path, method, op)))
  return card
}

function inside(api, path, method, op) {
  const box = make('div', { className: 'inside' }, op.description ? make('p', {}, prose(op.description)) : '')
  const inputs = []
  if (op.parameters?.length) {
    box.append(make('h3', {}, 'Parameters'), make('table', {}, op.parameters.map(parameter => {
      const input = inputFor(parameter)
      input.setAttribute('aria-label', parameter.name)
      inputs.push({ parameter, input })
      return make('tr', {}, make('td', { className: parameter.required ? 'required' : '' }, parameter.name),
        make('td', {}, make('span', { className: 'type' }, parameter.in + ', ' + typeOf(parameter.schema)), make('div', {}, prose(parameter.description))), make('td', {}, input))
    })))
  }
  let body = null
  const [type, content] = Object.entries(op.requestBody?.content ?? {})[0] ?? []
  if (content) {
    body = make('textarea', { value: type === 'application/json' ? pretty(sample(api, content.schema)) : '', spellcheck: false })
    body.setAttribute('aria-label', 'Body')
    box.append(make('h3', {}, 'Body, ' + type), body, make('details', {}, make('summary', {}, 'Fields'), properties(api, content.schema)))
  }
  box.append(make('h3', {}, 'Answers'), make('table', {}, Object.entries(op.responses).map(([status, answer]) => {
    const [kind, shape] = Object.entries(answer.content ?? {})[0] ?? []
    return make('tr', {}, make('td', {}, status), make('td', {}, prose(answer.description),
      kind ? make('div', { className: 'type' }, kind + (shape.schema ? ', ' + typeOf(shape.schema) : '')) : '',
      kind === 'application/json' ? make('details', {}, make('summary', {}, 'Example'), make('pre', {}, pretty(sample(api, shape.schema)))) : ''))
  })))
  const output = make('pre', { hidden: true })
  output.setAttribute('aria-live', 'polite')
  const send = make('button', { type: 'button' }, 'Try it')
  const stop = make('button', { type: 'button', className: 'quiet', hidden: true }, 'Stop')
  send.onclick = () => attempt({ path, method, inputs, body, type, output, stop })
  box.append(make('div', { className: 'row' }, send, stop), output)
  return box
}

async function attempt({ path, method, inputs, body, type, output, stop }) {
  const controller = new AbortController()
  const headers = {}
  const query = new URLSearchParams()
  let address = path
  for (const { parameter, input } of inputs) {
    const value = input.value
    if (parameter.in === 'path') address = address.replace('{' + parameter.name + '}', encodeURIComponent(value))
    else if (value === '') continue
    else if (parameter.in === 'query') query.append(parameter.name, value)
    else headers[parameter.name] = value
  }
  const key = document.querySelector('#key').value
  if (key) headers.authorization = 'Bearer ' + key
  const sends = body && body.value.trim() !== ''
  if (sends) headers['content-type'] = type
  output.hidden = false
  output.className = ''
  output.textContent = '…'
  stop.hidden = false
  stop.onclick = () => controller.abort()
  const began = performance.now()
  try {
    const answer = await fetch(address + (query.size ? '?' + query : ''), { method: method.toUpperCase(), headers, body: sends ? body.value : undefined, signal: controller.signal })
    const head = answer.status + ' ' + answer.statusText + ' · ' + Math.round(performance.now() - began) + ' ms\n' + ['etag', 'link', 'location', 'retry-after'].filter(name => answer.headers.has(name)).map(name => name + ': ' + answer.headers.get(name) + '\n').join('')
    let text = ''
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text = (text + part.value).slice(-200000)
      output.textContent = head + '\n' + text
    }
    try { text = pretty(JSON.parse(text)) } catch {}
    output.textContent = head + '\n' + text
    output.className = answer.ok ? '' : 'fault'
  } catch (error) {
    if (controller.signal.aborted) output.textContent += '\n(stopped)'
    else { output.className = 'fault'; output.textContent = String(error) }
  } finally {
    stop.hidden = true
  }
}

/* A link with a code opens a session, whose key this page keeps. Answers what is wrong with the link. */
async function login() {
  const code = /^#login=(.+)$/.exec(location.hash)?.[1]
  if (!code) return null
  history.replaceState(null, '', location.pathname)
  const answer = await fetch('/sessions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code }) })
  const said = await answer.json()
  if (!answer.ok) return said.detail
  sessionStorage.setItem('key', said.key)
  return null
}

async function start() {
  const api = await (await fetch('/openapi.json')).json()
  const [nav, main, key] = ['nav', 'main', '#key'].map(name => document.querySelector(name))
  const problem = await login()
  key.value = sessionStorage.getItem('key') ?? ''
  key.oninput = () => sessionStorage.setItem('key', key.value)
  document.querySelector('.version').textContent = api.info.version
  main.replaceChildren(problem ? make('p', { className: 'fault' }, prose(problem)) : '', make('p', { className: 'intro' }, prose(api.info.description)))
  const all = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, op]) => ({ path, method, op })))
  for (const tag of api.tags) {
    const mine = all.filter(({ op }) => op.tags.includes(tag.name))
    nav.append(make('h2', {}, tag.name), ...mine.map(({ path, method, op }) => make('a', { href: '#' + op.operationId, title: method.toUpperCase() + ' ' + path }, op.summary)))
    main.append(make('section', {}, make('h2', {}, tag.name), make('p', {}, prose(tag.description)), mine.map(({ path, method, op }) => operation(api, path, method, op))))
  }
  const schemas = Object.entries(api.components.schemas).sort(([one], [other]) => one.localeCompare(other))
  nav.append(make('h2', {}, 'schemas'), ...schemas.map(([name]) => make('a', { href: '#schema-' + name }, name)))
  main.append(make('section', {}, make('h2', {}, 'schemas'), schemas.map(([name, schema]) =>
    make('details', { className: 'card', id: 'schema-' + name }, make('summary', {}, make('span', { className: 'path' }, name), make('span', { className: 'what' }, schema.description ?? '')), make('div', { className: 'inside' }, properties(api, schema), make('h3', {}, 'Example'), make('pre', {}, pretty(sample(api, schema))))))))
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
    if (target) { target.open = true; target.scrollIntoView() }
  }
  addEventListener('hashchange', reveal)
  reveal()
}
start().catch(error => document.querySelector('main').replaceChildren(make('p', { className: 'fault' }, 'The document of the API could not be read: ' + error)))
`
