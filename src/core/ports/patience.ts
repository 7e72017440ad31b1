/** Counts how often each task was given back, across restarts. */
export interface Patience {
  /**
   * Counts one more time, unless the same claim was counted already. False when the task has been given back too often. `claimedAt`: ISO
   * 8601 UTC.
   */
  again(taskId: string, claimedAt: string): boolean
  /** The task came to another end: its count begins anew. */
  forget(taskId: string): void
}
