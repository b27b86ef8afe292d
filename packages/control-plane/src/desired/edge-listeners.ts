import type { AppSpec, CertificateFiles, Listener } from '@pando/model'

/** Where traffic from outside comes in: the plain port, and the encrypted one where the app has one. */
export function edgeListenersOf({ gateway }: AppSpec, localCertificate: CertificateFiles): Listener[] {
  const { host, port, tls } = gateway
  const plain: Listener = { kind: 'edge', name: 'edge', address: { host, port } }
  if (tls === undefined) return [plain]
  const { redirectPort, certificates, minVersion, clientAuth } = tls
  return [
    redirectPort === null ? plain : { ...plain, redirectPort },
    {
      kind: 'edge',
      name: 'edge/tls',
      address: { host, port: tls.port },
      tls: { certificates: certificates ?? [localCertificate], minVersion, clientAuth, alpn: ['h2', 'http/1.1'] },
    },
  ]
}
