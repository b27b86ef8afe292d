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

  test('three crashes in a row are mended at once, more of them with growing pauses', async () => {
    const crashes = { exitsAfterMs: 10 }
    const { clock, substrate, supervisor, events } = world([crashes, crashes, crashes, crashes, crashes])
    await supervisor().start(null)
    for (const starts of [2, 3, 4]) {
      clock.go(10)
      await settle()
      expect(substrate.starts).toBe(starts)
    }
    clock.go(10)
    await settle()
    clock.go(399)
    await settle()
    expect(substrate.starts).toBe(4)
    clock.go(1)
    await settle()
    expect(substrate.starts).toBe(5)
    expect(events.filter((kind) => kind === 'ended').length).toBe(4)
  })

  test('what is left of a gateway that crashed is removed only when its workers have had their time', async () => {
    const { clock, substrate, supervisor } = world()
    await supervisor().start(null)
    const first = substrate.running()[0]!.id
    clock.go(1)
    substrate.crash(first)
    await settle()
    const ids = async (): Promise<string[]> => (await new FakeDriver(substrate).list()).map(({ id }) => id)
    clock.go(44_999)
    await settle()
    expect(await ids()).toHaveLength(2)
    clock.go(1)
    await settle()
    expect(await ids()).toEqual([substrate.running()[0]!.id])
    expect(await ids()).not.toContain(first)
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
