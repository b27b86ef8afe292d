import type { RevisionSpec } from '@pando/model'
import { beforeEach, expect, it } from 'vitest'
import type { NewEvent } from '../events/events.js'
import { ManualClock } from '../registry/manual-clock.suite.js'
import { MemoryStore } from '../store/memory-store.js'
import { Deployments } from './deployments.js'
import type { Revision } from './revision.js'

let store: MemoryStore
let clock: ManualClock
let wanted: string[]
let gone: Set<string>
let events: NewEvent[]
let redeploy: (revision: Revision) => void

beforeEach(() => {
  store = new MemoryStore()
  clock = new ManualClock()
  wanted = []
  gone = new Set()
  events = []
  redeploy = ({ revision }) => void wanted.push(revision)
})

const revision = (name: string, service = 'users'): Revision => ({
  service,
  revision: name,
  spec: { service } as RevisionSpec,
  source: `digest of ${name}`,
})

function open(): Deployments {
  return new Deployments({
    store,
    clock,
    emit: (event) => void events.push(event),
    redeploy: (found, alongside) =>
      store.transaction(() => {
        alongside()
        redeploy(found)
      }),
    isKept: (found) => !gone.has(found.revision),
  })
}

const results = (deployments: Deployments, service: string | null = 'users') =>
  deployments.history(service).map((one) => `${one.revision} ${one.by} ${one.result}`)

function runs(deployments: Deployments, name: string): void {
  deployments.record([revision(name)], 'up')
  deployments.onRolloutResult({ service: 'users', revision: name, result: 'succeeded', reason: '' })
}

const failed = (name: string) => ({ service: 'users', revision: name, result: 'failed', reason: 'it crashed' }) as const

it('writes down what is deployed and how it went, for the next life to read', () => {
  const deployments = open()
  runs(deployments, 'aa')
  clock.go(1_000)
  deployments.record([revision('bb'), revision('xx', 'orders')], 'deploy')
  expect(results(open())).toEqual(['bb deploy running', 'aa up healthy'])
  expect(results(open(), null)).toEqual(['xx deploy running', 'bb deploy running', 'aa up healthy'])
  expect(open().current('users')).toMatchObject({ number: 2, at: clock.now(), settledAt: null })
  expect(open().revision('users', 'bb')).toEqual(revision('bb'))
})

it('does not write down again what is wanted already, but for one that has failed', () => {
  const deployments = open()
  runs(deployments, 'aa')
  expect(deployments.record([revision('aa')], 'up')).toEqual([])
  deployments.record([revision('bb')], 'up')
  expect(deployments.record([revision('bb')], 'up')).toEqual([])
  redeploy = () => {
    throw new Error('the disk is full')
  }
  expect(() => deployments.onRolloutResult(failed('bb'))).toThrow('the disk is full')
  expect(results(deployments)).toEqual(['bb up failed', 'aa up healthy'])
  expect(deployments.record([revision('bb')], 'up')).toHaveLength(1)
})

it('calls superseded what another came before', () => {
  const deployments = open()
  deployments.record([revision('aa')], 'up')
  deployments.record([revision('bb')], 'up')
  expect(results(deployments)).toEqual(['bb up running', 'aa up superseded'])
  expect(deployments.lastHealthy('users')).toBeNull()
})

it('goes back by itself to the last healthy revision when one fails, and says why', () => {
  const deployments = open()
  runs(deployments, 'aa')
  deployments.record([revision('bb')], 'deploy')
  deployments.onRolloutResult(failed('bb'))
  expect(wanted).toEqual(['aa'])
  expect(results(deployments)).toEqual(['aa automatic_rollback running', 'bb deploy rolled_back', 'aa up healthy'])
  expect(deployments.history('users')[1]?.reason).toBe('revision bb failed: it crashed')
  expect(events.map(({ kind }) => kind)).toContain('deployment.rolled_back')
})

it('does not walk down the history when what it went back to fails as well', () => {
  const deployments = open()
  for (const name of ['aa', 'bb']) runs(deployments, name)
  deployments.record([revision('cc')], 'up')
  deployments.onRolloutResult(failed('cc'))
  deployments.onRolloutResult(failed('bb'))
  expect(wanted).toEqual(['bb'])
  expect(deployments.current('users')).toMatchObject({ revision: 'bb', result: 'failed' })
})

it('does not go back to what failed or was rolled back, however healthy it was before', () => {
  const deployments = open()
  for (const name of ['aa', 'bb']) runs(deployments, name)
  deployments.rollback('users', null, 'by hand')
  deployments.onRolloutResult({ service: 'users', revision: 'aa', result: 'succeeded', reason: '' })
  deployments.record([revision('cc')], 'up')
  deployments.onRolloutResult(failed('cc'))
  expect(wanted).toEqual(['aa', 'aa'])
})

it('takes a rolled back revision again when it is applied anew', () => {
  const deployments = open()
  for (const name of ['aa', 'bb']) runs(deployments, name)
  deployments.rollback('users', null, 'by hand')
  expect(deployments.record([revision('bb')], 'up')).toHaveLength(1)
  expect(results(deployments).slice(0, 2)).toEqual(['bb up running', 'aa rollback superseded'])
})

it('ignores how a rollout ended that is not the newest any more', () => {
  const deployments = open()
  runs(deployments, 'aa')
  deployments.record([revision('bb')], 'up')
  deployments.record([revision('cc')], 'up')
  deployments.onRolloutResult(failed('bb'))
  deployments.onRolloutResult({ service: 'users', revision: 'aa', result: 'succeeded', reason: '' })
  expect(wanted).toEqual([])
  expect(deployments.current('users')?.result).toBe('running')
})

it('stays with a first revision that fails, and takes its late success', () => {
  const deployments = open()
  deployments.record([revision('aa')], 'up')
  deployments.onRolloutResult(failed('aa'))
  expect(deployments.current('users')?.result).toBe('failed')
  expect(wanted).toEqual([])
  deployments.onRolloutResult({ service: 'users', revision: 'aa', result: 'succeeded', reason: '' })
  expect(deployments.current('users')?.result).toBe('healthy')
})

it('goes back to any revision that is named, by its beginning too, and says what is wrong with a name', () => {
  const deployments = open()
  for (const name of ['aab', 'aac', 'dd']) runs(deployments, name)
  expect(deployments.rollback('users', 'aab', 'by hand').revision).toBe('aab')
  const refusal = (to: string | null) => {
    try {
      deployments.rollback('users', to, 'by hand')
      return null
    } catch (error) {
      return error
    }
  }
  expect(refusal('aa')).toMatchObject({ code: 'not_found', message: expect.stringContaining('several') })
  expect(refusal('aab')).toMatchObject({ code: 'conflict' })
  expect(refusal('ff')).toMatchObject({ code: 'not_found', hint: expect.stringContaining('pando history users') })
  gone.add('dd').add('aac')
  expect(refusal('dd')).toMatchObject({ code: 'not_found', message: expect.stringContaining('is gone') })
  expect(refusal(null)).toMatchObject({ code: 'not_found' })
})

it('leaves all as it was when the older revision cannot be wanted', () => {
  const deployments = open()
  for (const name of ['aa', 'bb']) runs(deployments, name)
  redeploy = () => {
    throw new Error('the disk is full')
  }
  expect(() => deployments.rollback('users', null, 'by hand')).toThrow('the disk is full')
  expect(results(deployments)).toEqual(['bb up healthy', 'aa up healthy'])
  expect(results(open())).toEqual(['bb up healthy', 'aa up healthy'])
})

it('remembers fifty deployments of a service, and the revisions of those', () => {
  const deployments = open()
  for (let i = 0; i < 60; i++) runs(deployments, `r${i}`)
  expect(deployments.history('users')).toHaveLength(50)
  expect(store.all('deployment').size).toBe(50)
  expect(store.all('revision').size).toBe(50)
  expect(open().record([revision('new')], 'up')[0]?.number).toBe(61)
})

it('goes back to a superseded one by its name only, and says so', () => {
  const deployments = open()
  for (const name of ['aa', 'bb']) deployments.record([revision(name)], 'up')
  deployments.onRolloutResult(failed('bb'))
  expect(wanted).toEqual([])
  expect(deployments.current('users')).toMatchObject({ revision: 'bb', result: 'failed' })
  expect(() => deployments.rollback('users', null, 'by hand')).toThrow(
    expect.objectContaining({ code: 'not_found', hint: expect.stringContaining('pando rollback users --to aa') }),
  )
  expect(deployments.rollback('users', 'aa', 'by hand').revision).toBe('aa')
  expect(results(deployments)).toEqual(['aa rollback running', 'bb up rolled_back', 'aa up superseded'])
})

it('passes over a superseded one to the last that was healthy', () => {
  const deployments = open()
  runs(deployments, 'aa')
  for (const name of ['bb', 'cc']) deployments.record([revision(name)], 'up')
  deployments.onRolloutResult(failed('cc'))
  expect(wanted).toEqual(['aa'])
  expect(results(deployments)[2]).toBe('bb up superseded')
})

it('takes a superseded one that has shown itself to be well for healthy, also after the next has failed', () => {
  const deployments = open()
  for (const name of ['aa', 'bb']) deployments.record([revision(name)], 'up')
  expect([deployments.mayProve('users', 'aa'), deployments.mayProve('users', 'bb')]).toEqual([true, false])
  deployments.onRolloutResult(failed('bb'))
  expect(deployments.onRolloutResult(failed('bb'))).toBe(false)
  deployments.onProven('users', 'aa')
  expect(deployments.onRolloutResult(failed('bb'))).toBe(true)
  expect(wanted).toEqual(['aa'])
  expect(results(open())).toEqual(['aa automatic_rollback running', 'bb up rolled_back', 'aa up healthy'])
})

it('what was rolled back by hand proves nothing any more', () => {
  const deployments = open()
  runs(deployments, 'aa')
  deployments.record([revision('bb')], 'up')
  deployments.rollback('users', null, 'by hand')
  expect(deployments.mayProve('users', 'bb')).toBe(false)
  deployments.onProven('users', 'bb')
  expect(results(deployments)[1]).toBe('bb up rolled_back')
})

it('records what a rollout goes back to, also one that failed when it was gone back to before', () => {
  const deployments = open()
  runs(deployments, 'aa')
  deployments.record([revision('bb')], 'up')
  deployments.onRolloutResult({ ...failed('bb'), back: revision('aa') })
  deployments.onRolloutResult(failed('aa'))
  deployments.record([revision('cc')], 'up')
  deployments.onRolloutResult({ ...failed('cc'), back: revision('aa') })
  expect(wanted).toEqual(['aa', 'aa'])
  expect(deployments.current('users')).toMatchObject({ revision: 'aa', by: 'automatic_rollback', result: 'running' })
})

it('takes a revision by its whole name, though that begins another one', () => {
  const deployments = open()
  for (const name of ['aa', 'aab', 'cc']) runs(deployments, name)
  expect(deployments.rollback('users', 'aa', 'by hand').revision).toBe('aa')
})
