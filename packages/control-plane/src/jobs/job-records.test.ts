import type { JobRun } from '@pando/model'
import { expect, it } from 'vitest'
import { FullDisk } from '../store/full-disk.suite.js'
import { JobRecords } from './job-records.js'

const run = (id: string, changes: Partial<JobRun> = {}): JobRun => ({
  id,
  service: 'work',
  revision: 'A',
  command: null,
  cause: 'hand',
  dueAt: null,
  startedAt: 1,
  endedAt: null,
  result: 'running',
  exitCode: null,
  tries: 1,
  reason: '',
  ...changes,
})
const ended = (id: string): JobRun => run(id, { endedAt: 2, result: 'succeeded', exitCode: 0 })
const idsOf = (records: JobRecords, service: string | null = null): string[] =>
  records.list(service).map(({ id }) => id)

it('remembers runs newest first over all services, and the newest ended ones of each', () => {
  const records = new JobRecords(new FullDisk())
  records.put(run('goes-on'))
  for (const id of ['a', 'b', 'c']) records.put(ended(id), 2)
  records.put({ ...ended('other'), service: 'aged' }, 2)
  expect(idsOf(records)).toEqual(['other', 'c', 'b', 'goes-on'])
  expect(idsOf(records, 'work')).toEqual(['c', 'b', 'goes-on'])
  records.put(ended('goes-on'), 2)
  expect(idsOf(records, 'work')).toEqual(['c', 'b'])
})

it('a write that cannot be made durable changes nothing, in memory as in the store', () => {
  const store = new FullDisk()
  const records = new JobRecords(store)
  for (const id of ['a', 'b']) records.put(ended(id), 2)
  records.put(run('c'), 2)
  store.isFull = true
  for (const change of [ended('c'), run('d'), ended('e')]) {
    expect(() => records.put(change, 2)).toThrow('the disk is full')
    expect(idsOf(records)).toEqual(['c', 'b', 'a'])
    expect(records.get('c')?.endedAt).toBeNull()
    expect(records.list()).toEqual(new JobRecords(store).list())
  }
  store.isFull = false
  records.put(ended('c'), 2)
  expect(idsOf(records)).toEqual(['c', 'b'])
  expect(records.list()).toEqual(new JobRecords(store).list())
})
