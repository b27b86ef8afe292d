import { PandoError } from '@pando/model'
import { holderOf } from '../../ports/port-holder.js'
import type { StartOrder } from '../driver.js'

/** Rejects with `port_taken` when somebody listens already where the instance shall. */
export async function checkPort({ address, service }: StartOrder): Promise<void> {
  if (address === null) return
  const holder = await holderOf(address)
  if (holder === null) return
  throw new PandoError('port_taken', `service ${service}: ${address.host}:${address.port} is taken by ${holder}`, {
    hint: 'stop that program, or give the service another port',
  })
}
