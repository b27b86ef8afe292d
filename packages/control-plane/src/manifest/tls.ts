import { isAbsolute, resolve } from 'node:path'
import type { GatewaySpec, TlsSpec } from '@pando/model'
import type { TlsInput } from './tls-schema.js'

const defaultPort = 8443

/** Empty when nothing is encrypted. `folder`: what paths are seen from. */
export function readTls(written: TlsInput, folder: string): Pick<GatewaySpec, 'tls'> {
  if (written === undefined || String(written) === 'false') return {}
  const input = typeof written === 'object' ? written : {}
  const port = Number(input.port ?? defaultPort)
  const { certificates, client_auth: clientAuth } = input
  const at = (file: string): string => (isAbsolute(file) ? file : resolve(folder, file))
  return {
    tls: {
      port,
      certificates:
        certificates === undefined ? null : certificates.map(({ cert, key }) => ({ cert: at(cert), key: at(key) })),
      minVersion: String(input.min_version ?? '1.2') === '1.3' ? '1.3' : '1.2',
      clientAuth: clientAuth === undefined ? null : { ca: at(clientAuth.ca), mode: clientAuth.mode ?? 'require' },
      redirectPort: redirectPort(input.redirect, port),
    },
  }
}

function redirectPort(
  written: Exclude<TlsInput, undefined | boolean | string>['redirect'],
  port: number,
): number | null {
  if (typeof written === 'object') return Number(written.port)
  return String(written) === 'true' ? port : null
}

/** As it would be written; `plain` keeps text from being taken for a variable. */
export function renderTls(tls: TlsSpec | undefined, plain: (text: string) => string): object {
  if (tls === undefined) return {}
  const { port, certificates, minVersion, clientAuth, redirectPort: redirect } = tls
  return {
    tls: {
      port,
      ...(certificates === null
        ? {}
        : { certificates: certificates.map(({ cert, key }) => ({ cert: plain(cert), key: plain(key) })) }),
      min_version: minVersion,
      ...(clientAuth === null ? {} : { client_auth: { ca: plain(clientAuth.ca), mode: clientAuth.mode } }),
      redirect: redirect === null ? false : redirect === port ? true : { port: redirect },
    },
  }
}
