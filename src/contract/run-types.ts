/** How a run is to be done: by an agent, or as a list of steps. */
export const RUN_TYPES = ['agent', 'workflow', 'pipeline', 'task'] as const
export type RunType = (typeof RUN_TYPES)[number]
