import { describe } from 'vitest'
import { claimPromises } from './control-plane-claims.ts'
import { doorPromises } from './control-plane-doors.ts'
import { eventPromises } from './control-plane-events.ts'
import type { NewDatabase } from './control-plane-fixture.ts'
import { growthPromises } from './control-plane-growth.ts'
import { leasePromises } from './control-plane-leases.ts'
import { listPromises } from './control-plane-lists.ts'
import { processPromises } from './control-plane-processes.ts'
import { randomPromises } from './control-plane-random.ts'
import { runPromises } from './control-plane-runs.ts'
import { steeringPromises } from './control-plane-steering.ts'
import { storagePromises } from './control-plane-storage.ts'

export type { Database, NewDatabase } from './control-plane-fixture.ts'

/** What the control plane promises on whatever database; each database's test calls it with its own. */
export function controlPlaneKeepsItsPromises(name: string, newDatabase: NewDatabase): void {
  describe(`the control plane on ${name}`, () => {
    runPromises(newDatabase)
    claimPromises(newDatabase)
    leasePromises(newDatabase)
    steeringPromises(newDatabase)
    eventPromises(newDatabase)
    listPromises(newDatabase)
    doorPromises(newDatabase)
    storagePromises(newDatabase)
    processPromises(newDatabase)
    growthPromises(newDatabase)
    randomPromises(newDatabase)
  })
}
