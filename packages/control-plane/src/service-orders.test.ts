import { expect, it } from 'vitest'
import type { NewEvent } from './events/events.js'
import { autoscale, desiredOf, desiredService } from './reconciler/fixtures.suite.js'
import type { Desired, DesiredService } from './reconciler/state.js'
import { ServiceOrders } from './service-orders.js'

function open(changes: Partial<DesiredService> = {}, inTurn = <T>(work: () => Promise<T>): Promise<T> => work()) {
  let desired: Desired = desiredOf(desiredService('web', { replicas: 2, ...changes }))
  const events: NewEvent[] = []
  const orders = new ServiceOrders({
    reconciler: {
      desired: () => desired,
      setDesired: (next) => void (desired = next),
      promote: () => false,
      abort: () => false,
    },
    deployer: {} as never,
    emit: (event) => void events.push(event),
    inTurn,
    connect: async () => {},
    serve: () => {},
    app: () => null,
  })
  return { orders, events, web: () => desired.get('web')! }
}

it('tells of a stop and of a start by hand, once each', async () => {
  const { orders, events, web } = open()
  await orders.start('web')
  expect(events).toEqual([])
  for (let i = 0; i < 2; i++) await orders.stop('web')
  expect(web().isStopped).toBe(true)
  for (let i = 0; i < 2; i++) await orders.start('web')
  expect(web()).toMatchObject({ isStopped: false, replicas: 2 })
  expect(events.map(({ kind, service }) => [kind, service])).toEqual([
    ['service.stopped', 'web'],
    ['service.started', 'web'],
  ])
})

it('orders nothing of a service that is not there, and says which is near', async () => {
  const { orders } = open()
  await expect(orders.stop('wep')).rejects.toMatchObject({ code: 'not_found', hint: expect.stringContaining('web') })
  await expect(orders.promote('web')).rejects.toMatchObject({ code: 'conflict' })
})

it('wakes a service beside an order that takes long, and moves its count after it', async () => {
  const waiting: (() => void)[] = []
  const busy = new Promise<void>((resolve) => void waiting.push(resolve))
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => busy.then(work)
  const { orders, web } = open({ replicas: 0, autoscale }, inTurn)
  await orders.follow('web', { from: 0, to: 1, why: 'a request waits for it' })
  expect(web().replicas).toBe(1)
  const more = orders.follow('web', { from: 1, to: 3, why: 'load' })
  expect(web().replicas).toBe(1)
  for (const resolve of waiting) resolve()
  await more
  expect(web().replicas).toBe(3)
  await orders.follow('web', { from: 0, to: 1, why: 'old news' })
  expect(web().replicas).toBe(3)
})
