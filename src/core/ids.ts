import { typeid } from 'typeid-js'

/** A new run id: a TypeID (prefix and UUIDv7), so ids sort by time. */
export const newRunId = () => typeid('run').toString()

/** A new task id of our own board. */
export const newTaskId = () => typeid('tsk').toString()
