import { typeid } from 'typeid-js'

/** A new run id: a TypeID (prefix and UUIDv7), so ids sort by time. */
export const newRunId = () => typeid('run').toString()

/** A new task id of our own board. */
export const newTaskId = () => typeid('tsk').toString()

/** A new project id of the control plane. */
export const newProjectId = () => typeid('prj').toString()

/** A new worker id of the control plane. */
export const newWorkerId = () => typeid('wrk').toString()

/** A new name of a worker that brought none. */
export const newAgentId = () => typeid('agent').toString()

/** A new id of a wish: a pause, resume, stop or directive. */
export const newWishId = () => typeid('wsh').toString()

/** A new id of an API key. It is not secret. */
export const newKeyId = () => typeid('key').toString()
