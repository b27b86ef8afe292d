import type { Address, GatewaySpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { defaultGateway } from '../manifest/defaults.js'
import { assertGatewayPorts } from './gateway-ports.js'

function gateway(tlsPort?: number): GatewaySpec {
  if (tlsPort === undefined) return defaultGateway
  const tls = { port: tlsPort, certificates: null, minVersion: '1.2', clientAuth: null, redirectPort: null } as const
  return { ...defaultGateway, tls }
}

const holds =
  (...ports: number[]) =>
  ({ port }: Address): Promise<string | null> =>
    Promise.resolve(ports.includes(port) ? 'nginx (pid 7)' : null)

describe('the ports of the gateway', () => {
  it('may be had when nobody listens there, or the gateway itself does', async () => {
    await expect(assertGatewayPorts(gateway(8443), null, holds())).resolves.toBeUndefined()
    await expect(assertGatewayPorts(gateway(8443), gateway(8443), holds(8080, 8443))).resolves.toBeUndefined()
  })

  it.each([
    [gateway(8443), null, 8080, '127.0.0.1:8080: nginx (pid 7) does'],
    [gateway(8443), null, 8443, '127.0.0.1:8443: nginx (pid 7) does'],
    [gateway(9443), gateway(8443), 9443, '127.0.0.1:9443: nginx (pid 7) does'],
  ])('that another program holds are named with it (%#)', async (wanted, served, port, expected) => {
    await expect(assertGatewayPorts(wanted, served, holds(port))).rejects.toThrow(expected)
  })

  it('say which setting gives another one', async () => {
    const refused = await assertGatewayPorts(gateway(8443), null, holds(8443)).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'port_taken', hint: expect.stringContaining('tls: { port: … }') })
  })
})
