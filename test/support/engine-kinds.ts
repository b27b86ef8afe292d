import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from './find-program.js'
import { processesWith } from './processes.js'

/** A program that serves the Docker Engine API, and how a test starts and ends one of its own. */
export interface EngineKind {
  readonly name: 'docker' | 'podman'
  /** The init process that it puts into containers. */
  readonly init: string
  /** Says of a container that has ended that its memory was used up. Podman 4.3 does not. */
  readonly tellsOutOfMemory: boolean
  /** All of it is here, and this user may run it. */
  readonly isHere: boolean
  /** What serves `host` and keeps all that it has below a directory. */
  command(options: {
    readonly at: (name: string) => string
    readonly host: string
    readonly isLiveRestore: boolean
  }): readonly string[]
  /** Ends containers that outlive what serves them. */
  sweep(at: (name: string) => string): void
}

const isRoot = process.platform === 'linux' && process.getuid?.() === 0
const areHere = (...tools: readonly string[]): boolean =>
  isRoot && [...tools, 'iptables', 'busybox'].every((tool) => findProgram(tool) !== null)

/** What Podman runs and nobody else, where distributions put it. */
const isHelper = (name: string): boolean =>
  findProgram(name) !== null ||
  ['/usr/lib/podman', '/usr/libexec/podman'].some((folder) => existsSync(join(folder, name)))

const docker: EngineKind = {
  name: 'docker',
  init: 'docker-init',
  tellsOutOfMemory: true,
  isHere: areHere('dockerd'),
  command({ at, host, isLiveRestore }) {
    const paths = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')]
    const network = ['--bridge', 'none', '--default-address-pool', 'base=10.203.0.0/16,size=24']
    return ['dockerd', '-H', host, ...paths, ...network, ...(isLiveRestore ? ['--live-restore'] : [])]
  },
  sweep: () => {},
}

/** Its containers are of no process of its service, so they always outlive it. */
const podman: EngineKind = {
  name: 'podman',
  init: 'podman-init',
  tellsOutOfMemory: false,
  isHere: areHere('podman', 'conmon') && ['netavark', 'aardvark-dns', 'catatonit'].every(isHelper),
  command: ({ at, host }) => [...podmanAt(at), 'system', 'service', '--time=0', host],
  sweep(at) {
    const [command = '', ...args] = podmanAt(at)
    spawnSync(command, [...args, 'pod', 'rm', '--all', '--force', '--time=0'])
    spawnSync(command, [...args, 'rm', '--all', '--force', '--time=0'])
    // What watched over a command in a container stays for five minutes, and would then make its folders anew.
    for (const pid of processesWith(at(''))) {
      if (commandOf(pid) === 'conmon') process.kill(pid, 'SIGKILL')
    }
  },
}

const kinds = [docker, podman]

/** Those that promises are tried on; one that is not here is to be skipped, and so named. */
export const engineKinds: readonly EngineKind[] = kinds.filter(({ name }) => {
  const only = process.env['PANDO_TEST_ENGINE']
  return only === undefined || only === '' || only === name
})

/** `PANDO_TEST_ENGINE=podman` tries everything on Podman. */
export const defaultEngine: EngineKind = engineKinds[0] ?? docker

function commandOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return null
  }
}

function podmanAt(at: (name: string) => string): string[] {
  const folders = { root: 'data', runroot: 'exec', tmpdir: 'tmp', 'network-config-dir': 'networks' }
  return [
    'podman',
    ...Object.entries(folders).map(([option, name]) => `--${option}=${at(name)}`),
    `--storage-driver=${isOverlay(at('')) ? 'vfs' : 'overlay'}`,
    '--cgroup-manager=cgroupfs',
    '--events-backend=file',
    '--network-backend=netavark',
    `--runtime=${runtimeAt(at('runtime'))}`,
  ]
}

const overlayMagic = 0x794c7630

/** One overlay cannot be laid over another. */
function isOverlay(directory: string): boolean {
  return statfsSync(directory).type === overlayMagic
}

/**
 * Podman asks for 1048576 open files and processes of every container, whatever its configuration says, and where root may not raise
 * limits (a container, a locked-down machine) nothing would start: there a program in front of the runtime lowers them to what there is.
 * crun wants the one hierarchy of control groups or the old ones, and takes no mixture.
 */
function runtimeAt(path: string): string {
  const isMixed = existsSync('/sys/fs/cgroup/unified')
  const runtime = findProgram(isMixed ? 'runc' : 'crun') ?? findProgram('runc') ?? 'crun'
  if (mayRaiseLimits()) return runtime
  const lower = `sed -i -E 's/"(hard|soft)": ?1048576/"\\1":'$(ulimit -Hn)'/g'`
  const script = `#!/bin/sh
for each; do
  case $each in
    */exec-process-*) ${lower} "$each" ;;
  esac
  [ -f "$each/config.json" ] && ${lower} "$each/config.json"
done
exec ${runtime} "$@"
`
  writeFileSync(path, script)
  chmodSync(path, 0o755)
  return path
}

const capSysResource = 24n

function mayRaiseLimits(): boolean {
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return ((BigInt(`0x${effective}`) >> capSysResource) & 1n) === 1n
}
