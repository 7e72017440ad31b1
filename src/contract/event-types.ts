/** The types of events that readers of a timeline know. More may come. */
export const EVENT_TYPES = [
  'RUN_CREATED',
  'RUN_STARTED',
  'AGENT_THINKING',
  'PLAN_GENERATED',
  'EXECUTING',
  'TOOL_USED',
  'STEP_COMPLETED',
  'LOG',
  'RUN_PAUSED',
  'RUN_RESUMED',
  'RUN_STOPPED',
  'DIRECTIVE',
  'RUN_COMPLETED',
  'RUN_FAILED',
  'RUN_RECOVERED',
] as const
export type EventType = (typeof EVENT_TYPES)[number]
