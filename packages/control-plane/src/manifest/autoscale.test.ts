import { describe, expect, it } from 'vitest'
import { appOf, mistakesOf } from './reading.suite.js'

const withLines = (...lines: string[]): string =>
  ['services:', '  api:', '    build: ./api', '    command: run', ...lines.map((line) => `    ${line}`)].join('\n')

const mistakes = (...lines: string[]): string[] =>
  mistakesOf(withLines(...lines)).map(({ line, path, message }) => `${line} ${path}: ${message}`)

describe('autoscale in a manifest', () => {
  it('is read with its defaults', () => {
    const { replicas, autoscale } = appOf(withLines('autoscale: { max: 10, concurrency: 20 }')).services['api']!
    expect(replicas).toBe(1)
    expect(autoscale).toEqual({
      min: 1,
      max: 10,
      concurrency: 20,
      rps: null,
      cpuPercent: null,
      memoryPercent: null,
      up: { stabilizationMs: 0, step: { percent: 100 }, periodMs: 15_000 },
      down: { stabilizationMs: 60_000, step: { percent: 100 }, periodMs: 15_000 },
      idleMs: 300_000,
      holdMs: 60_000,
    })
  })

  it('is read with all that may be written', () => {
    const { replicas, autoscale } = appOf(
      withLines(
        'resources: { cpus: 1, memory: 100M }',
        'replicas: 3',
        'autoscale:',
        '  min: 0',
        '  max: 8',
        '  rps: 50',
        '  cpu: 70%',
        '  memory: 80%',
        '  scale_up: { stabilization: 5s, step: 2, period: 10s }',
        '  scale_down: { stabilization: 2m, step: 50% }',
        '  idle: 90s',
        '  hold: 20s',
      ),
    ).services['api']!
    expect(replicas).toBe(3)
    expect(autoscale).toMatchObject({
      min: 0,
      rps: 50,
      cpuPercent: 70,
      memoryPercent: 80,
      up: { stabilizationMs: 5000, step: { count: 2 }, periodMs: 10_000 },
      down: { stabilizationMs: 120_000, step: { percent: 50 }, periodMs: 15_000 },
      idleMs: 90_000,
      holdMs: 20_000,
    })
  })

  it('begins awake, and with min', () => {
    expect(appOf(withLines('autoscale: { min: 0, max: 1 }')).services['api']?.replicas).toBe(1)
    expect(appOf(withLines('autoscale: { min: 3, max: 5, rps: 1 }')).services['api']?.replicas).toBe(3)
  })

  it.each([
    [['autoscale: { min: 4, max: 2, rps: 1 }'], '5 services.api.autoscale.min: min 4 is above max 2'],
    [['autoscale: { max: 2, concurrency: 0 }'], 'expected a number above 0'],
    [['autoscale: { max: 2 }'], '5 services.api.autoscale: nothing says when it needs more instances'],
    [['autoscale: { max: 2, cpu: 50% }'], 'cpu is a percentage of resources.cpus, which is not set'],
    [['autoscale: { max: 2, memory: 50% }'], 'memory is a percentage of resources.memory, which is not set'],
    [['autoscale: { max: 2, cpu: 50 }'], 'expected a percentage from 1% to 299%'],
    [['port: 4000', 'autoscale: { max: 2, rps: 1 }'], '2 instances cannot all listen on port 4000'],
    [['protocol: none', 'autoscale: { max: 2, concurrency: 1 }'], 'a service of protocol none gets no requests'],
    [['protocol: none', 'autoscale: { min: 0, max: 1 }'], 'no request that could wake it'],
    [['protocol: tcp', 'autoscale: { max: 2, rps: 1 }'], 'requests of protocol tcp are not counted'],
    [['replicas: 5', 'autoscale: { max: 2, rps: 1 }'], '5 services.api.replicas: it cannot begin with 5 replicas'],
    [['autoscale: { max: 2, rps: 1, idle: 5s }'], 'idle has a meaning only where it may sleep'],
    [['autoscale: { rps: 1 }'], 'max'],
  ])('refuses %j', (lines, expected) => {
    expect(mistakes(...lines).join('\n')).toContain(expected)
  })
})
