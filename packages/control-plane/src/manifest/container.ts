import { isAbsolute, resolve } from 'node:path'
import type { ContainerMount, ContainerSecret, ContainerSpec } from '@pando/model'
import { containerFields } from './container-schema.js'
import { capability, readExtras } from './container-extras.js'
import { containerExtraFields } from './container-extras-schema.js'
import { networkFields } from './network-schema.js'
import { readNetworking } from './network.js'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import type { Path } from './source.js'
import { isMistake, parseSize, quote } from './units.js'

const defaultPidsLimit = 256

/** What only a container has; undefined for a service that runs as processes, where each of its words is a mistake. */
export function readContainer(
  input: ServiceInput,
  isContainer: boolean,
  context: ServiceContext,
): ContainerSpec | undefined {
  if (!isContainer) {
    const words = { ...containerFields, ...containerExtraFields, ...networkFields }
    for (const key of Object.keys(words) as (keyof typeof words)[]) {
      if (input[key] === undefined) continue
      const message = `"${key}" is for containers, and this service runs as processes of this machine`
      mistake(
        context,
        [key],
        'key',
        message,
        'take it out, or say "driver: container", "image", or "build.kind: dockerfile"',
      )
    }
    return undefined
  }
  if (input.image !== undefined && input.build !== undefined) {
    mistake(
      context,
      ['image'],
      'key',
      'write either image or build',
      'an image that is built is named after its contents',
    )
  }
  const isEngineDefault = String(input.engine_defaults ?? false) === 'true'
  const network = readNetworking(input, context)
  const extras = readExtras(input, context)
  const tmpfs = typeof input.tmpfs === 'string' ? [input.tmpfs] : (input.tmpfs ?? [])
  return {
    image: input.image ?? null,
    mounts: [
      ...(input.volumes ?? []).flatMap((written, index) => readMount(written, ['volumes', index], context)),
      ...tmpfs.map((target): ContainerMount => ({ kind: 'tmpfs', target, sizeBytes: null })),
    ],
    secrets: (input.secrets ?? []).flatMap((name, index) => readSecret(name, index, context)),
    security: {
      isRootReadOnly: String(input.read_only ?? true) === 'true',
      capAdd: (input.cap_add ?? []).map(capability),
      user: input.user ?? null,
      pidsLimit: Number(input.pids_limit ?? (isEngineDefault ? 0 : defaultPidsLimit)),
      ...(isEngineDefault ? { isEngineDefault } : {}),
      ...(input.no_new_privileges === undefined
        ? {}
        : { hasNoNewPrivileges: String(input.no_new_privileges) === 'true' }),
    },
    ...(network === undefined ? {} : { network }),
    ...(extras === undefined ? {} : { extras }),
  }
}

function readSecret(name: string, index: number, context: ServiceContext): ContainerSecret[] {
  const file = context.named.secrets.get(name)
  if (file !== undefined) return [{ name, file, target: `/run/secrets/${name}` }]
  const hint = `write it: secrets: { ${name}: { file: ./${name}.txt } }`
  mistake(context, ['secrets', index], 'value', `there is no secret ${quote(name)} at the top of the manifest`, hint)
  return []
}

type WrittenMount = NonNullable<ServiceInput['volumes']>[number]

function readMount(written: WrittenMount, path: Path, context: ServiceContext): ContainerMount[] {
  const wrong = (message: string, hint?: string): ContainerMount[] => {
    mistake(context, path, 'value', message, hint)
    return []
  }
  if (typeof written !== 'string') {
    const { type, source = '', target, read_only, bind: more } = written
    if (!isAbsolute(target)) return wrong('the target is an absolute path inside the container')
    const isReadOnly = String(read_only ?? false) === 'true'
    if (type === 'tmpfs') {
      const size = written.tmpfs?.size === undefined ? null : parseSize(written.tmpfs.size)
      return [{ kind: 'tmpfs', target, sizeBytes: isMistake(size) ? null : size }]
    }
    return type === 'bind'
      ? bind(source, target, isReadOnly, context, String(more?.create_host_path ?? false) === 'true')
      : volume(source, target, isReadOnly, path, context)
  }
  const [first = '', second, mode, ...more] = written.split(':')
  const isModeKnown = mode === undefined || mode === 'ro' || mode === 'rw'
  const target = second ?? first
  if (more.length > 0 || !isModeKnown || !isAbsolute(target)) {
    return wrong(`${quote(written)} is no volume`, 'write source:/target, or source:/target:ro')
  }
  const isReadOnly = mode === 'ro'
  if (second === undefined) return [{ kind: 'volume', source: '', target, isReadOnly: false }]
  if (/^[./~]/.test(first)) return bind(first, target, isReadOnly, context)
  return volume(first, target, isReadOnly, path, context)
}

function bind(
  source: string,
  target: string,
  isReadOnly: boolean,
  context: ServiceContext,
  isMade = false,
): ContainerMount[] {
  const mount = { kind: 'bind', source: resolve(context.folder, source), target, isReadOnly } as const
  return [isMade ? { ...mount, isMade } : mount]
}

function volume(
  source: string,
  target: string,
  isReadOnly: boolean,
  path: Path,
  context: ServiceContext,
): ContainerMount[] {
  if (source !== '' && !context.named.volumes.has(source)) {
    const hint = `write it: volumes: { ${source}: }; a folder begins with ./ or /`
    mistake(context, path, 'value', `there is no volume ${quote(source)} at the top of the manifest`, hint)
    return []
  }
  return [{ kind: 'volume', source, target, isReadOnly }]
}
