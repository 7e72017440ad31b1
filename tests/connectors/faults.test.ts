import { trackerSurvivesFaults } from '../contracts/tracker-faults.ts'
import { STEERING_AND_MIRROR } from './control-plane/http/control-plane-fault-calls.ts'
import { controlPlaneFixture } from './control-plane/http/control-plane-http-fixture.ts'
import { headlessPmFixture } from './headless-pm/headless-pm-fixture.ts'

trackerSurvivesFaults('Headless PM', async drafts => {
  const fixture = await headlessPmFixture(drafts)
  return { ...fixture, upstream: fixture.pm.url, at: (url, requestTimeoutMs) => fixture.client({ url, requestTimeoutMs }) }
})

trackerSurvivesFaults(
  "a control plane's server",
  async drafts => {
    const fixture = await controlPlaneFixture(drafts)
    return { ...fixture, upstream: fixture.url, at: (url, requestTimeoutMs) => fixture.client({ url, requestTimeoutMs }) }
  },
  STEERING_AND_MIRROR,
)
