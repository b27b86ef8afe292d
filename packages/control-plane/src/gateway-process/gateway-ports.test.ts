import type { Address, GatewaySpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { defaultGateway } from '../manifest/defaults.js'
import { assertGatewayPorts, type Obstacle } from './gateway-ports.js'

function gateway(tlsPort?: number): GatewaySpec {
  if (tlsPort === undefined) return defaultGateway
  const tls = { port: tlsPort, certificates: null, minVersion: '1.2', clientAuth: null, redirectPort: null } as const
  return { ...defaultGateway, tls }
}

const holds =
  (...ports: number[]) =>
  ({ port }: Address): Promise<Obstacle | null> =>
    Promise.resolve(ports.includes(port) ? { kind: 'holder', who: 'nginx (pid 7)' } : null)

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

  it.each([
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND shop.invalid', 'gateway: { host: … }'],
    ['EADDRNOTAVAIL', 'listen EADDRNOTAVAIL: address not available 10.9.9.9:8080', 'gateway: { host: … }'],
    ['EACCES', 'listen EACCES: permission denied 127.0.0.1:80', 'gateway: { port: … }'],
  ])('that the system refuses (%s) are no program to stop', async (code, message, setting) => {
    const refused = (): Promise<Obstacle> => Promise.resolve({ kind: 'system', code, message })
    const error = await assertGatewayPorts(gateway(), null, refused).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(`: ${message}$`) })
    expect(error).toMatchObject({ hint: expect.stringContaining(setting) })
    expect(error).not.toMatchObject({ hint: expect.stringContaining('stop that') })
  })
})
