import { basename, join } from 'node:path'
import type { BuildKindRecipe } from '../build-kind.js'
import type { BuildRoom } from '../build-room.js'
import { plainRecipe } from './plain.js'

/** `cargo build --release` into a target folder of ours; cargo itself knows what has changed. */
export function rustRecipe(room: BuildRoom): BuildKindRecipe {
  let binary: string | null = null
  return {
    async prepare() {
      const cargo = room.require(
        'cargo',
        'install Rust with https://rustup.rs or your package manager (Debian: apt install cargo)',
      )
      const programs = new Set<string>()
      await room.run('cargo build', [cargo, 'build', '--release', '--message-format=json-render-diagnostics'], {
        environment: { CARGO_TARGET_DIR: join(room.directory, 'cargo') },
        onData: (line) => {
          const program = executableOf(line)
          if (program !== null) programs.add(program)
        },
      })
      const program = choose(room, [...programs])
      binary = room.keep('rust', program, basename(program))
    },
    async describe() {
      const program = binary
      return program === null
        ? plainRecipe(room).describe(room)
        : { command: () => [program], environment: {}, path: [] }
    },
  }
}

/** Cargo reports each finished artifact as a line of JSON (The Cargo Book, External tools, JSON messages). */
function executableOf(line: string): string | null {
  try {
    const message = JSON.parse(line) as { reason?: unknown; executable?: unknown; target?: { kind?: unknown } }
    const isProgram = Array.isArray(message.target?.kind) && message.target.kind.includes('bin')
    return isProgram && typeof message.executable === 'string' ? message.executable : null
  } catch {
    return null
  }
}

function choose(room: BuildRoom, programs: readonly string[]): string {
  const program = programs.length === 1 ? programs[0] : programs.find((file) => basename(file) === room.order.service)
  if (program !== undefined) return program
  throw room.fail(
    programs.length === 0
      ? 'cargo made no program'
      : `cargo made several programs: ${programs.map((file) => basename(file)).join(', ')}`,
    'set "build.command" (for example cargo build --release --bin server) and "command"',
  )
}
