import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import type { Context } from './context.js'
import { noPaint } from './paint.js'
import { buildProgram, run } from './program.js'

function contextOf(): { readonly context: Context; readonly out: string[]; readonly err: string[] } {
  const out: string[] = []
  const err: string[] = []
  const context: Context = {
    env: {},
    cwd: '/',
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    paint: noPaint,
    now: () => 0,
  }
  return { context, out, err }
}

const commands = (): readonly Command[] =>
  buildProgram(contextOf().context, (command) => command)
    .commands.filter((command) => command.name() !== 'complete')
    .flatMap((command) => (command.commands.length === 0 ? [command] : command.commands))

/** With the word of its group before it. */
const nameOf = (command: Command): string =>
  command.parent?.parent == null ? command.name() : `${command.parent.name()} ${command.name()}`

describe('the command line', () => {
  it('is written down: every command and every option of its own', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../docs/reference/cli.md'), 'utf8')
    const missing = commands().flatMap((command) => [
      ...(text.includes(`\`pando ${nameOf(command)}`) ? [] : [nameOf(command)]),
      ...command.options
        .filter((option) => !text.includes(option.long ?? ''))
        .map((option) => `${command.name()} ${option.long}`),
    ])
    expect(missing).toEqual([])
  })

  it('writes down nothing that is not there', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../docs/reference/cli.md'), 'utf8')
    const known = new Set(commands().map((command) => nameOf(command).split(' ')[0]))
    const named = [...text.matchAll(/`pando (\w+)/g)].map((match) => match[1] ?? '')
    expect(named.filter((name) => !known.has(name))).toEqual([])
    const options = new Set(commands().flatMap((command) => command.options.map((option) => option.long)))
    const said = [...text.matchAll(/--[a-z][a-z-]*/g)].map(([option]) => option)
    expect(said.filter((option) => !options.has(option) && option !== '--no-color')).toEqual([])
  })

  it('gives -f to the manifest, but to --follow where one can follow', () => {
    for (const command of commands()) {
      const short = command.options.find((option) => option.short === '-f')?.long
      expect([command.name(), short]).toEqual([
        command.name(),
        ['logs', 'events'].includes(command.name())
          ? '--follow'
          : ['init', 'completion'].includes(command.name())
            ? undefined
            : '--file',
      ])
    }
  })

  it('shows help without being asked for anything, and that is no mistake', async () => {
    const { context, out, err } = contextOf()
    expect(await run([], context)).toBe(0)
    expect(out.join('')).toContain('Usage: pando')
    expect(out.join('')).not.toContain('complete')
    expect(err).toEqual([])
  })
})
