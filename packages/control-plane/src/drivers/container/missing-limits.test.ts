import { expect, it } from 'vitest'
import { startOrder } from '../driver.suite.js'
import type { ContainerDetails } from './engine-types.js'
import { missingLimits } from './missing-limits.js'

const security = { isRootReadOnly: true, capAdd: [], user: null, pidsLimit: 256 }
const order = startOrder('a-0', {
  spec: {
    resources: { memoryBytes: 1 << 26, cpus: null },
    container: { image: 'i', mounts: [], secrets: [], security },
  },
})
const details = (HostConfig: ContainerDetails['HostConfig']): ContainerDetails =>
  ({ HostConfig }) as unknown as ContainerDetails

it('names the limits that were asked for and are not there', () => {
  expect(missingLimits(details({ Memory: 0, NanoCpus: 0, PidsLimit: null }), order)).toEqual([
    'the container engine sets no limit of memory, processes',
  ])
  expect(missingLimits(details({ Memory: 1 << 26, NanoCpus: 0 }), order)).toEqual([
    'the container engine sets no limit of processes',
  ])
})

it('says nothing of those that are, nor of those that nobody asked for', () => {
  expect(missingLimits(details({ Memory: 1 << 26, NanoCpus: 0, PidsLimit: 256 }), order)).toEqual([])
})
