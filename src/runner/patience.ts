/** How often one runner gives the same task back before it parks it instead. */
const GIVE_BACKS = 3

/** Counts how often each task was given back in the life of this runner. */
export class Patience {
  readonly #givenBack = new Map<string, number>()

  /** Counts one more time; false when the task has used up our patience. */
  again(taskId: string): boolean {
    const times = (this.#givenBack.get(taskId) ?? 0) + 1
    this.#givenBack.set(taskId, times)
    return times <= GIVE_BACKS
  }
}
