import { days, megabytes, type Setting } from '../setting.ts'

/** How long and how much of finished runs is kept in the state folder. */
export const HISTORY = {
  keepRunsDays: {
    ...days,
    flag: '--keep-runs-days <days>',
    env: ['HEADLESS_PM_KEEP_RUNS_DAYS'],
    default: 30,
    trust: 'trusted',
    says: 'The files of a run that ended longer ago are deleted, unless work that it kept is still there.',
  },
  keepRunsSize: {
    ...megabytes,
    flag: '--keep-runs-size <megabytes>',
    env: ['HEADLESS_PM_KEEP_RUNS_SIZE'],
    default: 2048,
    trust: 'trusted',
    says: 'Above this much in all, the files of the runs that ended first are deleted before their time.',
  },
} as const satisfies Record<string, Setting>
