import type { ContainerMount, ContainerSpec } from '@pando/model'
import type { StartOrder } from '../driver.js'
import { shell } from '../process/launcher.js'
import type { AppNetwork } from './app-network.js'
import { appLabel } from './labels.js'
import { networkingOf, portBindings } from './container-ports.js'

/** Copy of a secret that a container may see. */
export interface SecretFile {
  readonly path: string
  readonly target: string
}

/** Of the engine's own copy of the output, which is all there is of what is printed while no control plane runs. */
const minEngineLogBytes = 1_048_576

/**
 * What the engine is asked for, of one instance. Strict by default: no capability, no new privileges, a root that cannot be
 * written (but for /tmp, in memory), an init process that reaps, limits on processes, ports on loopback only, and never
 * restarted by the engine, since that is the reconciler's.
 */
export function containerSettings(input: {
  readonly order: StartOrder
  readonly container: ContainerSpec
  readonly image: string
  readonly key: string
  readonly labels: Readonly<Record<string, string>>
  readonly network: AppNetwork
  readonly secrets: readonly SecretFile[]
  /** Names that lead to the mesh's listeners. */
  readonly meshNames: readonly string[]
}): object {
  const { order, container, network } = input
  const { address, program, spec } = order
  const { security, extras = {} } = container
  const port = insidePort(order)
  const bindings = portBindings(container, port === null ? null : address, port)
  const memoryBytes = spec.resources.memoryBytes
  return {
    Image: input.image,
    // Ours last: they say whose it is.
    Labels: { ...extras.labels, ...input.labels },
    Env: Object.entries({ ...program.environment, ...order.environment }).map(([name, value]) => `${name}=${value}`),
    ...commandOf(program.command, extras.entrypoint),
    ...(program.workdir === '' ? {} : { WorkingDir: program.workdir }),
    ...(security.user === null ? {} : { User: security.user }),
    StopSignal: spec.stopSignal,
    // What the image asks about its health would run beside our own checks.
    Healthcheck: { Test: ['NONE'] },
    ...networkingOf(container.network, network.name),
    ExposedPorts: Object.fromEntries(bindings.map(([name]) => [name, {}])),
    HostConfig: {
      NetworkMode: network.name,
      PortBindings: Object.fromEntries(bindings),
      ExtraHosts: [
        ...Object.entries(extras.extraHosts ?? {}).map(([name, at]) => `${name}:${at}`),
        ...(network.isLocal ? input.meshNames.map((name) => `${name}:${network.gateway}`) : []),
      ],
      RestartPolicy: { Name: 'no' },
      Init: extras.hasInit ?? true,
      Privileged: false,
      ReadonlyRootfs: security.isRootReadOnly,
      CapDrop: security.isEngineDefault === true ? (extras.capDrop ?? []) : ['ALL'],
      CapAdd: security.capAdd,
      SecurityOpt: isConfined(security) ? ['no-new-privileges:true'] : [],
      PidsLimit: security.pidsLimit,
      ...(extras.shmBytes === undefined ? {} : { ShmSize: extras.shmBytes }),
      ...(extras.dns === undefined ? {} : { Dns: extras.dns }),
      Sysctls: extras.sysctls ?? {},
      Ulimits: (extras.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      // No swap beside it: a limit that swaps is none.
      ...(memoryBytes === null ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
      ...(spec.resources.cpus === null ? {} : { NanoCpus: Math.round(spec.resources.cpus * 1e9) }),
      Binds: container.mounts.flatMap(madeFolder),
      Mounts: [...container.mounts.flatMap((mount) => mountOf(mount, input)), ...input.secrets.map(secretMount)],
      Tmpfs: tmpfsOf(container),
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(Math.max(spec.logs.maxBytes, minEngineLogBytes)), 'max-file': '2' },
      },
    },
  }
}

/** The port that the program listens on inside: the one that it insists on, else the one that it has outside. */
function insidePort({ spec, address }: StartOrder): number | null {
  return address === null ? null : (spec.port ?? address.port)
}

/**
 * A text replaces all that the image says of how to start; a list is what the image's entry point is given, as in Compose. An entry
 * point of the manifest's own is given the one as the other, and no longer what the image says it is given.
 */
function commandOf(command: string | readonly string[], entrypoint?: readonly string[]): object {
  if (typeof command !== 'string') {
    const own = entrypoint === undefined ? {} : { Entrypoint: entrypoint }
    return command.length === 0 ? own : { ...own, Cmd: command }
  }
  return entrypoint === undefined
    ? { Entrypoint: shell(command), Cmd: [] }
    : { Entrypoint: entrypoint, Cmd: shell(command) }
}

function mountOf(
  mount: ContainerMount,
  { key, order }: { readonly key: string; readonly order: StartOrder },
): object[] {
  switch (mount.kind) {
    case 'bind':
      if (mount.isMade === true) return []
      return [{ Type: 'bind', Source: mount.source, Target: mount.target, ReadOnly: mount.isReadOnly }]
    case 'volume':
      return [
        {
          Type: 'volume',
          ...(mount.source === '' ? {} : { Source: volumeName(mount.source, key, order) }),
          Target: mount.target,
          ReadOnly: mount.isReadOnly,
          VolumeOptions: { Labels: { [appLabel]: key } },
        },
      ]
    case 'tmpfs':
      return []
  }
}

/** Of the two ways to bind only this one makes a folder that is not there. */
function madeFolder(mount: ContainerMount): string[] {
  if (mount.kind !== 'bind' || mount.isMade !== true) return []
  return [`${mount.source}:${mount.target}:${mount.isReadOnly ? 'ro' : 'rw'}`]
}

function isConfined({ hasNoNewPrivileges, isEngineDefault }: ContainerSpec['security']): boolean {
  return hasNoNewPrivileges ?? isEngineDefault !== true
}

/** A named volume is its app's, and outlives `pando down`. */
function volumeName(name: string, key: string, order: StartOrder): string {
  return `pando-${order.environment['PANDO_APP'] ?? 'app'}-${key}_${name}`
}

function secretMount({ path, target }: SecretFile): object {
  return { Type: 'bind', Source: path, Target: target, ReadOnly: true }
}

function tmpfsOf({ mounts, security }: ContainerSpec): Record<string, string> {
  const taken = new Set(mounts.map(({ target }) => target))
  const tmpfs: Record<string, string> = {}
  if (security.isRootReadOnly && !taken.has('/tmp')) tmpfs['/tmp'] = 'rw,nosuid,nodev,mode=1777'
  for (const mount of mounts) {
    if (mount.kind !== 'tmpfs') continue
    tmpfs[mount.target] = `rw,nosuid,nodev,mode=1777${mount.sizeBytes === null ? '' : `,size=${mount.sizeBytes}`}`
  }
  return tmpfs
}
