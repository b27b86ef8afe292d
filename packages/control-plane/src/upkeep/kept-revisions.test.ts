import { expect, it } from 'vitest'
import type { Revision } from '../deployments/revision.js'
import { desiredOf, desiredService, revisionSpec } from '../reconciler/fixtures.suite.js'
import { historyLimit, keptRevisions, type RevisionFacts } from './kept-revisions.js'

const revision = (service: string, name: string): Revision => ({
  service,
  revision: name,
  spec: revisionSpec(service),
  source: name,
})
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `r${index}`)

function kept(changes: Partial<RevisionFacts>, isAll = false): Record<string, string[]> {
  const facts: RevisionFacts = {
    desired: desiredOf(desiredService('web', { revision: 'r0', source: 'r0' })),
    history: new Map([['web', names(20).map((name) => revision('web', name))]]),
    lastHealthy: () => null,
    past: [],
    running: [],
    ...changes,
  }
  return Object.fromEntries(
    [...keptRevisions(facts, { isAll })].map(([service, list]) => [service, list.map((one) => one.revision)]),
  )
}

it('keeps the newest of each service, and no more', () => {
  expect(kept({})).toEqual({ web: names(historyLimit) })
})

it('keeps what runs, the last healthy one, and what the whole app can go back to, however old', () => {
  const past = [desiredService('web', { revision: 'r14' }), desiredService('gone', { revision: 'g' })]
  const running = [
    { service: 'web', revision: 'r12' },
    { service: 'gateway', revision: 'none' },
  ]
  const { web, gone } = kept({ past, running, lastHealthy: () => revision('web', 'r13') })
  expect(web?.toSorted()).toEqual([...names(historyLimit), 'r12', 'r13', 'r14'].toSorted())
  expect(gone).toEqual(['g'])
})

it('keeps nothing of a service that has left the app, but what still runs', () => {
  const history = new Map([['old', [revision('old', 'a'), revision('old', 'b')]]])
  expect(kept({ history })).toEqual({ web: ['r0'] })
  expect(kept({ history, running: [{ service: 'old', revision: 'b' }] })).toEqual({ web: ['r0'], old: ['b'] })
})

it('takes no service for one that has left where the app is down', () => {
  expect(kept({ desired: new Map() })).toEqual({ web: names(historyLimit) })
})

it('keeps only what is wanted or runs when all else is to go', () => {
  const past = [desiredService('web', { revision: 'r5' })]
  const running = [{ service: 'web', revision: 'r1' }]
  expect(kept({ past, running, lastHealthy: () => revision('web', 'r2') }, true)).toEqual({ web: ['r0', 'r1'] })
  expect(kept({ past, desired: new Map() }, true)).toEqual({})
})
