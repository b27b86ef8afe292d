import { expect, it } from 'vitest'
import type { NewEvent } from './events/events.js'
import { desiredOf, desiredService } from './reconciler/fixtures.suite.js'
import type { Desired } from './reconciler/state.js'
import { ServiceOrders } from './service-orders.js'

function open() {
  let desired: Desired = desiredOf(desiredService('web', { replicas: 2 }))
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
    inTurn: (work) => work(),
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
