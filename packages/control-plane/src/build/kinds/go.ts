import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildKindRecipe } from '../build-kind.js'
import type { BuildRoom } from '../build-room.js'
import { plainRecipe } from './plain.js'

/** `go build`, which itself knows what has changed, also outside of the folder. */
export function goRecipe(room: BuildRoom): BuildKindRecipe {
  let binary: string | null = null
  return {
    async prepare() {
      const go = room.require(
        'go',
        'install Go from https://go.dev/dl/ or your package manager (Debian: apt install golang)',
      )
      const made = join(room.output, 'go-new')
      await room.run('go build', [go, 'build', '-o', made, mainPackage(room)])
      binary = room.keep('go', made, room.order.service)
      rmSync(made)
    },
    async describe() {
      const program = binary
      return program === null
        ? plainRecipe(room).describe(room)
        : { command: () => [program], environment: {}, path: [] }
    },
  }
}

/** The folder itself when it has Go files, otherwise the one program under cmd/, or the one that is called as the service. */
function mainPackage(room: BuildRoom): string {
  if (readdirSync(room.source()).some((name) => name.endsWith('.go') && !name.endsWith('_test.go'))) return '.'
  const programs = room.has('cmd')
    ? readdirSync(room.source('cmd'), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
    : []
  const program = programs.length === 1 ? programs[0] : programs.find((name) => name === room.order.service)
  if (program !== undefined) return `./cmd/${program}`
  throw room.fail(
    programs.length === 0
      ? 'it has no Go files and no cmd folder'
      : `cmd/ holds several programs: ${programs.join(', ')}`,
    'set "build.command" (for example go build -o bin/server ./cmd/server) and "command"',
  )
}
