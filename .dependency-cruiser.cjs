// The layers, as rules: imports go down, never sideways between adapters, never in a circle (types count).

const adapters = ['config', 'system', 'trackers', 'agents', 'workspaces', 'control-plane']

/** Each library is used in one layer only: the one that is named here. */
const homes = {
  cli: ['commander', 'chalk', 'ora', '@inquirer/prompts', 'cli-table3'],
  config: ['conf', 'dotenv', 'yaml'],
  trackers: ['undici'],
  'control-plane/api': ['fastify', '@fastify/rate-limit', 'prom-client'],
  'control-plane': ['kysely', 'pg'],
  children: ['execa', 'simple-git'],
}

const library = names => `^(node:)?(${names.join('|')})$|node_modules/(${names.join('|')})/`

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

module.exports = {
  forbidden: [
    forbid('no-circles', 'Files that import each other in a circle cannot be understood one at a time.', {}, { circular: true }),
    forbid('resolvable', 'The import names a file or package that is not there.', {}, { couldNotResolve: true }),
    forbid('core-imports-nothing', 'core is our words and rules.', { path: '^src/core/' }, { path: '^src/', pathNot: '^src/core/' }),
    forbid('children-sees-only-core', 'How programs are started is below all who start them.', { path: '^src/children/' }, { path: '^src/', pathNot: '^src/(core|children)/' }),
    forbid('files-sees-only-core', 'How files of others are read is below all who read them.', { path: '^src/files/' }, { path: '^src/', pathNot: '^src/(core|files)/' }),
    forbid(
      'one-door-for-children',
      'Whoever starts a program does it through src/children, which decides what it gets of our environment and that it has no terminal.',
      { path: '^src/', pathNot: '^src/children/' },
      { path: library(['child_process', 'cluster', 'worker_threads', 'execa', 'simple-git', 'cross-spawn']) , dependencyTypesNot: ['type-only'] },
    ),
    forbid('core-does-no-io', 'core and runner reach the outside through ports.', { path: '^src/(core|runner)/' }, { dependencyTypes: ['core'] }),
    forbid('runner-sees-only-core', 'The runner speaks to ports.', { path: '^src/runner/' }, { path: '^(src|node_modules)/', pathNot: '^src/(core|runner)/' }),
    ...adapters.map(adapter =>
      forbid(
        `${adapter}-sees-only-core`,
        'Adapters do not know each other; compose.ts puts them together.',
        { path: `^src/${adapter}/` },
        { path: '^(src|hooks|bin)/', pathNot: `^src/(core|children|files|${adapter}${adapter === 'trackers' ? '|control-plane' : ''})/` },
      ),
    ),
    forbid(
      'only-compose-picks-adapters',
      'Which tracker, agent CLI or workspace is used is decided in one place.',
      { path: '^src/cli/', pathNot: '^src/cli/compose([.]ts$|/)' },
      { path: '^src/(trackers|agents|workspaces)/' },
    ),
    forbid('hooks-stand-alone', 'A shipped hook is a program of its own, to be copied and changed.', { path: '^hooks/' }, { path: '^src/' }),
    forbid('no-tests-in-the-product', 'src does not know its tests.', { path: '^(src|hooks)/' }, { path: '^(tests|scripts)/' }),
    ...Object.entries(homes).map(([home, names]) =>
      forbid(`${home}-owns-its-libraries`, `One library, one home: ${home}.`, { path: '^src/', pathNot: `^src/${home}/` }, { path: library(names) }),
    ),
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'], extensions: ['.ts', '.cjs', '.js'] },
  },
}
