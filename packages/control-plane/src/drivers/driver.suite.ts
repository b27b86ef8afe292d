import type { RevisionSpec } from '@pando/model'
import type { StartOrder } from './driver.js'

/** An order with everything filled in, for tests. */
export function startOrder(
  id: string,
  changes: Partial<Omit<StartOrder, 'spec'>> & { spec?: Partial<RevisionSpec> } = {},
): StartOrder {
  const { spec, ...rest } = changes
  return {
    id,
    service: 'a',
    slot: 0,
    revision: '0123456789',
    generation: 0,
    address: null,
    program: { command: ['sleep', '600'], workdir: '/', environment: {}, path: [] },
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin', PANDO_INSTANCE: id },
    ...rest,
    spec: {
      service: 'a',
      build: { kind: 'none', context: '/', command: null },
      workdir: '/',
      command: null,
      environment: {},
      protocol: 'none',
      port: null,
      healthcheck: { probe: { kind: 'tcp' }, intervalMs: 1000, timeoutMs: 1000, rise: 2, fall: 3, startupMs: 30_000 },
      resources: { memoryBytes: null, cpus: null },
      stopSignal: 'SIGTERM',
      stopGracePeriodMs: 10_000,
      logs: { maxBytes: 1_048_576, maxFiles: 3 },
      ...spec,
    },
  }
}
