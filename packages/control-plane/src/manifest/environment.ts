import type { Protocol } from '@pando/model'

/** Variables that every instance is given; a manifest cannot set them. PORT and HOST are not given to a service that listens on nothing. */
export function isReserved(name: string, protocol: Protocol): boolean {
  return name.startsWith('PANDO_') || (protocol !== 'none' && (name === 'PORT' || name === 'HOST'))
}

/** The names under which an instance finds another service: `a-b` is found by A_B_URL, A_B_SERVICE_HOST and A_B_SERVICE_PORT. */
export function discoveryNames(service: string): readonly string[] {
  const prefix = service.toUpperCase().replaceAll('-', '_')
  return [`${prefix}_URL`, `${prefix}_SERVICE_HOST`, `${prefix}_SERVICE_PORT`]
}

/** What every instance is handed on from whoever started Pando, as far as a command would name it; see desired/environment.ts. */
const handedOn = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'TERM',
  'PWD',
])

/** True for names that only the program's own environment knows, which a shell in a command is left to look up. */
export function isGivenTo(name: string, services: readonly string[]): boolean {
  if (name === 'PORT' || name === 'HOST' || name.startsWith('PANDO_') || name.startsWith('OTEL_')) return true
  return handedOn.has(name) || services.some((service) => discoveryNames(service).includes(name))
}
