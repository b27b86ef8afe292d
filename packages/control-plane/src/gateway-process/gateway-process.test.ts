import { describe, expect, test } from 'vitest'
import { FakeDriver, FakeSubstrate, type FakeBehaviour } from '../drivers/fake-driver.js'
import { ManualClock } from '../registry/manual-clock.suite.js'
import { GatewayProcess } from './gateway-process.js'

function world(behaviours: FakeBehaviour[] = []) {
  const clock = new ManualClock()
  const substrate = new FakeSubstrate({ clock, faults: { behaviour: () => behaviours.shift() ?? {} } })
  const events: string[] = []
  const supervisor = (): GatewayProcess =>
    new GatewayProcess({
      driver: new FakeDriver(substrate),
      clock,
      entry: '/gateway/main.js',
      name: 'gateway',
      controlSocket: '/state/control.sock',
      adminSocket: '/state/gateway.sock',
      stateDir: '/state',
      environment: {},
      onStarted: () => events.push('started'),
      onEnded: () => events.push('ended'),
    })
  return { clock, substrate, events, supervisor }
}

/** Lets everything that waits for promises alone go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the gateway’s process', () => {
  test('starts once, however often it is asked to', async () => {
    const { substrate, supervisor } = world()
    const gateway = supervisor()
    await Promise.all([gateway.start(2), gateway.start(2)])
    expect(substrate.running().length).toBe(1)
    expect(substrate.running()[0]!.program.command).toEqual([
      process.execPath,
      '/gateway/main.js',
      '--gateway',
      'gateway',
      '--control-socket',
      '/state/control.sock',
      '--admin-socket',
      '/state/gateway.sock',
      '--state-dir',
      '/state',
      '--workers',
      '2',
    ])
  })

  test('the next control plane adopts it', async () => {
    const { substrate, supervisor } = world()
    const first = supervisor()
    await first.start(null)
    await first.close()
    const second = supervisor()
    await second.start(null)
    expect(substrate.starts).toBe(1)
    expect(second.pid).toBe(first.pid)
  })

  test('a first crash is mended at once, a crash loop with growing pauses', async () => {
    const { clock, substrate, supervisor, events } = world([{}, { exitsAfterMs: 10 }, { exitsAfterMs: 10 }])
    await supervisor().start(null)
    substrate.crash(substrate.running()[0]!.id)
    await settle()
    expect(substrate.starts).toBe(2)
    clock.go(10)
    await settle()
    expect(substrate.starts).toBe(2)
    clock.go(800)
    await settle()
    expect(substrate.starts).toBe(3)
    expect(events.filter((kind) => kind === 'ended').length).toBe(2)
  })

  test('stop ends it, by force when it does not end by itself, and it stays ended', async () => {
    const { clock, substrate, supervisor } = world([{ stopsAfterMs: null }])
    const gateway = supervisor()
    await gateway.start(null)
    let hasStopped = false
    const stopped = gateway.stop(1000).then(() => (hasStopped = true))
    await settle()
    clock.go(999)
    await settle()
    expect(hasStopped).toBe(false)
    clock.go(1)
    await stopped
    expect(substrate.running()).toEqual([])
    clock.go(60_000)
    await settle()
    expect(substrate.starts).toBe(1)
    expect(gateway.pid).toBe(null)
  })

  test('a control plane that comes only to stop everything stops the one it finds', async () => {
    const { clock, substrate, supervisor } = world()
    const first = supervisor()
    await first.start(null)
    await first.close()
    const stopped = supervisor().stop(1000)
    await settle()
    clock.go(100)
    await stopped
    expect(substrate.running()).toEqual([])
  })
})
