import type { RunInHand } from '../run-in-hand.ts'

/** One step. It returns one word for its result. Once the run's disposition stands, only steps with `always` run. */
export interface Step {
  always?: true
  /** The step changes something at the tracker, so its begin must be on the disk first. The others can simply be repeated. */
  outside?: true
  /** The step prepares for the agent, so it does not begin once somebody wants the run to end. */
  prepares?: true
  run(task: RunInHand): Promise<string>
}
