import type { Protocol } from '@pando/model'

/** Variables that every instance is given; a manifest cannot set them. PORT and HOST are not given to a service that listens on nothing. */
export function isReserved(name: string, protocol: Protocol): boolean {
  return name.startsWith('PANDO_') || (protocol !== 'none' && (name === 'PORT' || name === 'HOST'))
}

/** The names under which an instance finds another service: `a-b` is found by A_B_URL, A_B_SERVICE_HOST and A_B_SERVICE_PORT. */
export function discoveryNames(service: string): readonly [url: string, host: string, port: string] {
  const prefix = service.toUpperCase().replaceAll('-', '_')
  return [`${prefix}_URL`, `${prefix}_SERVICE_HOST`, `${prefix}_SERVICE_PORT`]
}

/** What a program may expect of any machine, handed on from whoever started Pando. Everything else of the host's environment stays outside. */
export const handedOn: readonly string[] = [
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
]

/** True for names that only the program's own environment knows, which a shell in a command is left to look up. */
export function isGivenTo(name: string, services: readonly string[]): boolean {
  if (name === 'PORT' || name === 'HOST' || name.startsWith('PANDO_') || name.startsWith('OTEL_')) return true
  return (
    handedOn.includes(name) ||
    name === 'PWD' ||
    services.some((service) => discoveryNames(service).some((given) => given === name))
  )
}
