// The layers, as rules: imports go down, never sideways between adapters, never in a circle (types count).

/** What every adapter may use: our words, how programs are started, and how files are read and written. */
const floor = ['core', 'machine/process', 'machine/files']

/**
 * Each folder of src, from the ground up, and the folders that it may import beside itself. A folder stands for all below it, save for
 * what has a row of its own. Where `src` itself is named, everything may be imported.
 */
const layers = {
  core: [],
  'machine/process': ['core'],
  'machine/files': ['core'],
  'machine/locks': floor,
  'machine/journal': [...floor, 'machine/locks'],
  'machine/limits': floor,
  'machine/attempts': [...floor, 'machine/locks', 'machine/journal', 'machine/limits'],
  'machine/hooks': floor,
  git: floor,
  http: ['core'],
  config: floor,
  'agents/claude': floor,
  'agents/shell': floor,
  workspaces: [...floor, 'git'],
  contract: ['core'],
  board: [...floor, 'contract'],
  server: [...floor, 'contract', 'board'],
  'connectors/headless-pm': [...floor, 'http'],
  'connectors/control-plane': floor,
  'connectors/control-plane/http': [...floor, 'http', 'contract', 'connectors/control-plane/control-plane-holders.ts'],
  'connectors/control-plane/in-process': [...floor, 'board', 'connectors/control-plane/control-plane-holders.ts'],
  runner: ['core'],
  cli: [...floor, 'git', 'config', 'machine', 'contract', 'board', 'server', 'runner'],
  'cli/compose': ['src'],
}

/** Each library is used in one folder only: the one that is named here. */
const homes = {
  cli: ['commander', 'chalk', 'ora', '@inquirer/prompts', 'cli-table3'],
  config: ['conf', 'dotenv', 'yaml'],
  http: ['undici'],
  server: ['fastify', '@fastify/rate-limit', 'prom-client'],
  board: ['kysely', 'pg'],
  'machine/process': ['execa', 'simple-git'],
}

const library = names => `^(node:)?(${names.join('|')})$|node_modules/(${names.join('|')})/`

const path = name => (name === 'src' ? '' : name.endsWith('.ts') ? `${name}$` : `${name}/`)
const anyOf = names => `^src/(${names.map(path).join('|')})`

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

function layerRule([name, allowed]) {
  const rowsWithin = Object.keys(layers).filter(other => other !== name && other.startsWith(name))
  const from = { path: anyOf([name]), ...(rowsWithin.length > 0 && { pathNot: anyOf(rowsWithin) }) }
  return forbid(`layer ${name}`, `What src/${name} may import is in the table of layers.`, from, { path: '^(src|bin)/', pathNot: anyOf([name, ...allowed]) })
}

module.exports = {
  forbidden: [
    forbid('no-circles', 'Files that import each other in a circle cannot be understood one at a time.', {}, { circular: true }),
    forbid('resolvable', 'The import names a file or package that is not there.', {}, { couldNotResolve: true }),
    ...Object.entries(layers)
      .filter(([, allowed]) => !allowed.includes('src'))
      .map(layerRule),
    forbid('a-layer-for-each-file', 'A file of src is in a folder of the table of layers.', { path: '^src/', pathNot: anyOf(Object.keys(layers)) }, {}),
    forbid(
      'one-door-for-children',
      'Whoever starts a program does it through src/machine/process, which decides what it gets of our environment and that it has no terminal.',
      { path: '^src/', pathNot: '^src/machine/process/' },
      { path: library(['child_process', 'cluster', 'worker_threads', 'execa', 'simple-git', 'cross-spawn']), dependencyTypesNot: ['type-only'] },
    ),
    forbid('core-does-no-io', 'core and runner reach the outside through ports.', { path: '^src/(core|runner)/' }, { dependencyTypes: ['core'] }),
    forbid('runner-uses-no-library', 'The runner speaks to ports.', { path: '^src/runner/' }, { path: '^node_modules/' }),
    forbid('hooks-stand-alone', 'A shipped hook is a program of its own, to be copied and changed.', { path: '^hooks/' }, { path: '^src/' }),
    forbid(
      'hooks-are-known-to-commands-alone',
      'Commands and compose alone know the hooks that are shipped.',
      { path: '^src/', pathNot: '^src/cli/' },
      { path: '^hooks/' },
    ),
    forbid('no-tests-in-the-product', 'src does not know its tests.', { path: '^(src|hooks)/' }, { path: '^(tests|scripts)/' }),
    ...Object.entries(homes).map(([home, names]) =>
      forbid(`libraries of ${home}`, `One library, one home: ${home}.`, { path: '^src/', pathNot: anyOf([home]) }, { path: library(names) }),
    ),
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'], extensions: ['.ts', '.cjs', '.js'] },
  },
}
