import { execFile } from 'node:child_process'
import type { AppSpec, BuildKind } from '@pando/model'
import { ok, type Finding } from './finding.js'

interface Tool {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly next: string
}

/** What a service of each kind needs on this machine before it can be built. A kind that is new does not compile until it is here. */
const toolsByKind: Readonly<Record<BuildKind, readonly Tool[]>> = {
  python: [
    { name: 'python3', command: 'python3', args: ['--version'], next: 'install Python 3.9 or newer' },
    {
      name: 'python3 venv',
      command: 'python3',
      args: ['-c', 'import venv, ensurepip; print("available")'],
      next: 'install the venv module (Debian, Ubuntu: apt-get install python3-venv)',
    },
  ],
  node: [{ name: 'npm', command: 'npm', args: ['--version'], next: 'install npm; it comes with Node' }],
  go: [{ name: 'go', command: 'go', args: ['version'], next: 'install Go from https://go.dev/dl' }],
  rust: [{ name: 'cargo', command: 'cargo', args: ['--version'], next: 'install Rust from https://rustup.rs' }],
  'java-maven': [
    { name: 'java', command: 'java', args: ['--version'], next: 'install a JDK, 17 or newer' },
    { name: 'mvn', command: 'mvn', args: ['--version'], next: 'install Maven' },
  ],
  dockerfile: [],
  none: [],
}

/** Resolves with the first line that a command prints, or null when it is not there, fails or takes longer than five seconds. */
export type RunTool = (command: string, args: readonly string[]) => Promise<string | null>

export const runTool: RunTool = (command, args) =>
  new Promise((resolve) => {
    execFile(command, [...args], { timeout: 5_000 }, (error, stdout, stderr) => {
      resolve(error === null ? ((stdout || stderr).split('\n')[0] ?? '').trim() : null)
    })
  })

/** A finding for each tool that the manifest's services need; none for services that bring their own build command. */
export async function findTools(app: AppSpec, run: RunTool): Promise<Finding[]> {
  const needed = new Map<string, { readonly tool: Tool; readonly services: string[] }>()
  for (const service of Object.values(app.services)) {
    if (service.revision.build.command !== null) continue
    for (const tool of toolsByKind[service.revision.build.kind]) {
      const entry = needed.get(tool.name) ?? { tool, services: [] }
      entry.services.push(service.name)
      needed.set(tool.name, entry)
    }
  }
  return Promise.all(
    [...needed.values()].map(async ({ tool, services }): Promise<Finding> => {
      const version = await run(tool.command, tool.args)
      if (version !== null) return ok(tool.name, version)
      return {
        check: tool.name,
        state: 'fail',
        detail: `not found; ${services.join(', ')} cannot be built without it`,
        next: tool.next,
      }
    }),
  )
}

export async function findDocker(run: RunTool, isNeeded: boolean): Promise<Finding> {
  const version = await run('docker', ['version', '--format', '{{.Server.Version}}'])
  if (version !== null && version !== '') return ok('docker', version)
  return {
    check: 'docker',
    state: 'info',
    detail: isNeeded
      ? 'no server answers; services with a Dockerfile need one'
      : 'no server answers; nothing here needs one',
    next: '',
  }
}
