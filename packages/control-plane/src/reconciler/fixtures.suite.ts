import { defaultAutoscale, type AutoscaleSpec, type HealthCheck, type RevisionSpec } from '@pando/model'
import type { Desired, DesiredService, InstanceHealthRecord, Observed, ObservedInstance, Rollout } from './state.js'

/** Small states for tests: everything has a default that is well, and a test names what differs. */

export const healthcheck: HealthCheck = {
  probe: { kind: 'http', path: '/healthz' },
  intervalMs: 10_000,
  timeoutMs: 1000,
  rise: 2,
  fall: 3,
  startupMs: 20_000,
}

/** One that may sleep. */
export const autoscale: AutoscaleSpec = {
  ...defaultAutoscale,
  min: 0,
  max: 10,
  concurrency: 10,
  rps: null,
  cpuPercent: null,
  memoryPercent: null,
}

export function revisionSpec(service: string, changes: Partial<RevisionSpec> = {}): RevisionSpec {
  return {
    service,
    build: { kind: 'none', context: `/app/${service}`, command: null },
    workdir: `/app/${service}`,
    command: ['serve'],
    environment: {},
    protocol: 'http',
    port: null,
    healthcheck,
    resources: { memoryBytes: null, cpus: null },
    stopSignal: 'SIGTERM',
    stopGracePeriodMs: 10_000,
    logs: { maxBytes: 1_000_000, maxFiles: 2 },
    ...changes,
  }
}

export function desiredService(name: string, changes: Partial<DesiredService> = {}): DesiredService {
  return {
    name,
    revision: 'A',
    spec: revisionSpec(name),
    generation: 1,
    replicas: 1,
    isStopped: false,
    restart: 'always',
    dependsOn: {},
    drainTimeoutMs: 15_000,
    ...changes,
  }
}

export function desiredOf(...services: DesiredService[]): Desired {
  return new Map(services.map((s) => [s.name, s]))
}

export function healthRecord(changes: Partial<InstanceHealthRecord> = {}): InstanceHealthRecord {
  return {
    health: 'healthy',
    since: 0,
    detail: '',
    drain: null,
    stop: null,
    terms: { healthcheck, stopGracePeriodMs: 10_000, drainTimeoutMs: 15_000, dependsOn: [] },
    ...changes,
  }
}

/** `web/0@A` is slot 0 of service web, revision A; `record` is merged into a healthy record. */
export function instance(
  id: string,
  record: Partial<InstanceHealthRecord> = {},
  changes: Partial<ObservedInstance> = {},
): ObservedInstance {
  const [, service, slot, revision] = /^([\w-]+)\/(\d+)@(\w+)/.exec(id)!
  return {
    id,
    service,
    slot: Number(slot),
    revision,
    generation: 1,
    address: { host: '127.0.0.1', port: 20_000 },
    pid: 100,
    startedAt: 0,
    exited: null,
    isDrained: false,
    ...changes,
    record: healthRecord(record),
  }
}

export function observedOf(instances: readonly ObservedInstance[], changes: Partial<Observed> = {}): Observed {
  return {
    instances,
    builds: new Map(['A', 'B', 'C'].map((revision) => [revision, { kind: 'ready' }] as const)),
    slots: new Map(),
    ...changes,
  }
}

/** The rollout of what is wanted, as it begins. */
export function rolloutOf({ revision, generation }: DesiredService, changes: Partial<Rollout> = {}): Rollout {
  return {
    revision,
    generation,
    good: null,
    state: 'progressing',
    isRollback: false,
    startedAt: 0,
    step: 0,
    stepSince: null,
    isPromoted: false,
    switchedAt: null,
    best: 0,
    waitsSince: null,
    reason: '',
    ...changes,
  }
}
