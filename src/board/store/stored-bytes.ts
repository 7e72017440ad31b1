/** What a task, a run and an event count beside their texts. */
export const ROW_BYTES = 100

/** What these texts count. */
export const bytesOf = (...texts: readonly (string | null | undefined)[]): number =>
  texts.reduce((sum, text) => sum + (text ? Buffer.byteLength(text) : 0), 0)
