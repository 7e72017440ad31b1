import { trackerSurvivesFaults } from '../contracts/tracker-faults.ts'
import { headlessPmFixture } from './headless-pm-fixture.ts'

trackerSurvivesFaults('Headless PM', async drafts => {
  const fixture = await headlessPmFixture(drafts)
  return { ...fixture, upstream: fixture.pm.url, at: (url, requestTimeoutMs) => fixture.client({ url, requestTimeoutMs }) }
})
