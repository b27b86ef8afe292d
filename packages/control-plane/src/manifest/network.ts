import type { Address, ContainerNetworking, Protocol, PublishedPort } from '@pando/model'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import { quote } from './units.js'

/** Undefined where nothing is said of it: then the mesh alone finds the container. */
export function readNetworking(input: ServiceInput, context: ServiceContext): ContainerNetworking | undefined {
  const { aliases, published, hostname } = input
  if (aliases === undefined && published === undefined && hostname === undefined) return undefined
  for (const [index, alias] of (aliases ?? []).entries()) {
    if (!/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(alias)) {
      mistake(context, ['aliases', index], 'value', `${quote(alias)} cannot be a name in a network`)
    }
  }
  return {
    aliases: aliases ?? [],
    published: (published ?? []).flatMap((written, index): PublishedPort[] => {
      const [, host = '127.0.0.1', port, target, transport] =
        /^(?:(.+):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(String(written)) ?? []
      if (!isPort(port) || !isPort(target)) {
        mistake(
          context,
          ['published', index],
          'value',
          `${quote(String(written))} publishes no port`,
          'write 127.0.0.1:8080:80, for udp 127.0.0.1:5353:53/udp',
        )
        return []
      }
      return [
        {
          host: bare(host),
          port: Number(port),
          target: Number(target),
          transport: transport === 'udp' ? 'udp' : 'tcp',
        },
      ]
    }),
    hostname: hostname ?? null,
  }
}

/** As `published` is written. */
export function renderPublished({ host, port, target, transport }: PublishedPort): string {
  return `${shownHost(host)}:${port}:${target}${transport === 'udp' ? '/udp' : ''}`
}

export function readListen(input: ServiceInput, context: ServiceContext): Address[] | undefined {
  if (input.listen === undefined) return undefined
  if (input.protocol === 'none') {
    mistake(context, ['listen'], 'key', 'a service of protocol none has nothing to listen for')
  }
  return input.listen.flatMap((written, index): Address[] => {
    const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(String(written)) ?? []
    if (isPort(port)) return [{ host: bare(host), port: Number(port) }]
    const message = `${quote(String(written))} is no address to listen on`
    mistake(context, ['listen', index], 'value', message, 'write 5432, 127.0.0.1:5432 or 0.0.0.0:5432')
    return []
  })
}

export function readRequestTrailers(input: ServiceInput, protocol: Protocol, context: ServiceContext): boolean {
  if (input.request_trailers !== undefined && protocol !== 'http') {
    const hint =
      protocol === 'h2c' || protocol === 'grpc' ? 'take it out: over HTTP/2 they are always sent' : 'take it out'
    mistake(context, ['request_trailers'], 'key', 'request_trailers is for a service of protocol http', hint)
  }
  return String(input.request_trailers) === 'true'
}

/** As `listen` is written. */
export function renderListen({ host, port }: Address): string {
  return `${shownHost(host)}:${port}`
}

function isPort(text: string | undefined): text is string {
  return text !== undefined && Number(text) >= 1 && Number(text) <= 65_535
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

function shownHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
