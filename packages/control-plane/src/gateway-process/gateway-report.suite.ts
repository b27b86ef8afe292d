import type { GatewayReport } from '@pando/model'

/** What a gateway says with which nothing is amiss. */
export const quietReport: GatewayReport = {
  gateway: 'gateway',
  pid: 7,
  epoch: 'e',
  applied: 1,
  workers: 2,
  draining: {},
  listenerErrors: {},
}
