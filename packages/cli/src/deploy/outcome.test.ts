import type { Deployment, RolloutStatus, ServiceStatus } from '@pando/model'
import { expect, it } from 'vitest'
import { noPaint } from '../paint.js'
import { outcomeOf, renderOutcome } from './outcome.js'

const wanted = { service: 'users', revision: 'new' }

const deployment = (part: Partial<Deployment>): Deployment => ({
  number: 2,
  service: 'users',
  revision: 'new',
  at: 0,
  by: 'up',
  result: 'running',
  reason: '',
  settledAt: null,
  ...part,
})

const seen = (rollout: Partial<RolloutStatus>): ServiceStatus => ({
  name: 'users',
  state: 'ready',
  reason: '',
  protocol: 'http',
  revision: 'new',
  replicas: 1,
  healthy: 1,
  address: null,
  routes: [],
  instances: [],
  rollout: {
    state: 'progressing',
    strategy: 'canary',
    from: 'old',
    to: 'new',
    since: 0,
    step: 1,
    steps: 1,
    weight: 20,
    isRollback: false,
    reason: '',
    ...rollout,
  },
})

it('a deployment is pending until it is healthy, however ready its service is', () => {
  expect(outcomeOf(wanted, deployment({}), seen({}))).toEqual({ kind: 'pending' })
  expect(outcomeOf(wanted, deployment({ result: 'healthy' }), seen({}))).toEqual({ kind: 'healthy' })
})

it('one that was gone back from has failed, with the reason of the way back, though the service is ready again', () => {
  const back = deployment({
    number: 3,
    revision: 'old',
    by: 'automatic_rollback',
    result: 'healthy',
    reason: 'new failed',
  })
  expect(outcomeOf(wanted, back, seen({ to: 'old', isRollback: true }))).toEqual({
    kind: 'failed',
    reason: 'new failed',
  })
})

it('one that another came before, or that was forgotten, has failed, too', () => {
  const other = deployment({ number: 3, revision: 'newer' })
  expect(outcomeOf(wanted, other, seen({ to: 'newer' }))).toEqual({
    kind: 'failed',
    reason: 'revision newer came before new',
  })
  expect(outcomeOf(wanted, undefined, undefined)).toEqual({ kind: 'failed', reason: 'it is gone' })
})

it('a canary that waits for somebody’s word is paused; the way of an older rollout says nothing', () => {
  expect(outcomeOf(wanted, deployment({}), seen({ waitsForPromote: true }))).toMatchObject({ kind: 'paused' })
  expect(outcomeOf(wanted, deployment({}), seen({ waitsForPromote: true, to: 'old' }))).toEqual({ kind: 'pending' })
})

it('says the reason and the next thing to type, and nothing where all is well', () => {
  const options = { paint: noPaint, command: 'npx pando -f shop.yaml' }
  expect(renderOutcome('users', { kind: 'failed', reason: 'exit code 3' }, options)).toBe(
    'failed: users: exit code 3\nnext: npx pando -f shop.yaml why users\n',
  )
  expect(renderOutcome('users', { kind: 'paused', reason: 'it waits' }, options)).toContain(
    'next: npx pando -f shop.yaml promote users',
  )
  expect(renderOutcome('users', { kind: 'healthy' }, options)).toBeNull()
})
