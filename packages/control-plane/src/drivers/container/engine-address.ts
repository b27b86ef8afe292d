import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PandoError } from '@pando/model'

/** Where a container engine listens. */
export type EngineAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

const hint = 'start Docker or Podman (its socket, too), or say with DOCKER_HOST where the engine listens'

/**
 * The engine that DOCKER_HOST names, else the first of the usual sockets that is there: Docker's, rootless Docker's, Podman's.
 * Throws `tool_missing` when there is none, `unsupported` when DOCKER_HOST names one that is not on this machine.
 */
export function findEngine(
  environment: Readonly<Record<string, string | undefined>>,
  isThere: (path: string) => boolean = existsSync,
): EngineAddress {
  const named = environment['DOCKER_HOST']
  if (named !== undefined && named !== '') return parseEngineHost(named)
  const path = usualSockets(environment).find(isThere)
  if (path === undefined)
    throw new PandoError('tool_missing', 'containers need Docker or Podman, and neither was found', { hint })
  return { kind: 'socket', path }
}

export function describeEngine(address: EngineAddress): string {
  return address.kind === 'socket' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`
}

function usualSockets(environment: Readonly<Record<string, string | undefined>>): string[] {
  const runtime = environment['XDG_RUNTIME_DIR']
  const home = environment['HOME']
  return [
    '/var/run/docker.sock',
    ...(runtime ? [join(runtime, 'docker.sock')] : []),
    ...(home ? [join(home, '.docker/run/docker.sock')] : []),
    '/run/podman/podman.sock',
    ...(runtime ? [join(runtime, 'podman/podman.sock')] : []),
  ]
}

/** Instances are reached on this machine's loopback, so the engine has to be here. */
function parseEngineHost(text: string): EngineAddress {
  const socket = /^unix:\/\/(\/.+)$/.exec(text)
  if (socket?.[1] !== undefined) return { kind: 'socket', path: socket[1] }
  const tcp = /^(?:tcp|http):\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\]):(\d+)\/?$/.exec(text)
  if (tcp?.[1] !== undefined) return { kind: 'tcp', host: tcp[1].replace(/[[\]]/g, ''), port: Number(tcp[2]) }
  throw new PandoError(
    'unsupported',
    `DOCKER_HOST is "${text.slice(0, 100)}", and only an engine of this machine can be used`,
    {
      hint: 'write unix:///path/of/the.sock or tcp://127.0.0.1:PORT',
    },
  )
}
