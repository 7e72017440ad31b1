import { type Part, verdict } from './frame.ts'

/** What a task's text can do to who handles it. */
export const tasks: Part = {
  name: 'tasks',
  attacks: [
    {
      name: 'a title with escape sequences moves no cursor and sets no window title',
      async run(stage) {
        stage.shellAgent('echo done >made.txt; result')
        await stage.task('Add \u001b[2J\u001b]0;owned\u0007 a file')
        const { code, output } = await stage.single()
        return verdict({ 'the task was done': code === 0, 'no escape reached the terminal': !output.includes('\u001b') }, `exit ${code}`)
      },
    },
    {
      name: 'a title that looks like shell code is text for git, hooks and agent',
      async run(stage) {
        stage.shellAgent('echo done >made.txt; result')
        await stage.task('$(touch owned) `touch owned` ; touch owned #', '--complexity', 'major')
        const { code } = await stage.single()
        const files = stage.git('log', '--all', '--format=', '--name-only')
        return verdict(
          { 'the task was done': code === 0, 'nothing was run': !files.includes('owned') },
          `exit ${code}, files: ${files.split('\n').join(' ')}`,
        )
      },
    },
  ],
}
