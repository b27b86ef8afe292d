import { hostname } from 'node:os'

export interface Identity {
  readonly instance: string
  /** Empty when nobody said. */
  readonly version: string
}

/** Names this process by OpenTelemetry's standard variable, which any platform may set, else by host and pid. */
export function identityOf(env: NodeJS.ProcessEnv): Identity {
  const attributes = new Map<string, string>()
  for (const pair of (env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',')) {
    const at = pair.indexOf('=')
    if (at > 0) attributes.set(pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim()))
  }
  return {
    instance: attributes.get('service.instance.id') || `${hostname()}:${process.pid}`,
    version: attributes.get('service.version') ?? '',
  }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
