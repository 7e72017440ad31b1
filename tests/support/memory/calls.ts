/** A call of a port that answers at once. */
export type Call = <T>(effect: () => T) => T
/** A call of a port that is waited for. */
export type Ask = <T>(effect: () => T | Promise<T>) => Promise<T>
/** A call that nobody waits for. */
export type Tell = (effect: () => void) => void
