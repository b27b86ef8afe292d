import { resolve } from 'node:path'
import type { BuildSpec } from '@pando/model'
import { isGivenTo } from './environment.js'
import { detectKind } from './folder.js'
import { readImageBuild, saysImage } from './image-build.js'
import { interpolate } from './interpolation.js'
import type { ServiceInput } from './schema.js'
import { mistake, servicePath, type ServiceContext } from './service-context.js'
import type { Path } from './source.js'
import { quote } from './units.js'

export type TextReader = (text: string, path: Path) => string

/** Replaces in a command what is the manifest's and leaves the rest to the shell. */
export function commandReader(context: ServiceContext, environment: Readonly<Record<string, string>>): TextReader {
  return (text, path) => {
    const result = interpolate(text, {
      variables: context.variables,
      mode: 'command',
      isGiven: (name) => Object.hasOwn(environment, name) || isGivenTo(name, context.services),
    })
    for (const name of result.used) context.use(name)
    for (const { snippet, message, hint } of result.mistakes) mistake(context, path, 'value', message, hint, snippet)
    return result.text
  }
}

export function readCommand(
  written: string | readonly string[],
  path: Path,
  readText: TextReader,
  context: ServiceContext,
): string | readonly string[] {
  if (typeof written === 'string') return readText(written, path)
  return written.map((word, index) => {
    const text = readText(word, [...path, index])
    if (/\$\{?(PORT|HOST)\b/.test(text) && !written.slice(0, 2).some((word) => /^(\/bin\/)?(ba|da|z)?sh$/.test(word))) {
      const hint = 'write the command as one text, which a shell reads'
      const message = `a list is executed without a shell, so ${quote(text)} stays as it is`
      context.warn(context.source.mistake(servicePath(context.name, [...path, index]), 'value', message, hint))
    }
    return text
  })
}

export interface Build {
  readonly spec: BuildSpec
  /** What kept the kind from being known, or null. */
  readonly unknown: { readonly message: string; readonly hint: string } | null
}

export function readBuild(input: ServiceInput, context: ServiceContext): Build {
  const written = typeof input.build === 'string' ? { context: input.build } : (input.build ?? {})
  const folder = resolve(context.folder, written.context ?? '.')
  const contextPath = typeof input.build === 'string' ? ['build'] : ['build', 'context']
  const command =
    written.command === undefined ? null : commandReader(context, {})(written.command, ['build', 'command'])
  const facts = context.facts.folder(folder)
  if (facts === null) {
    const path = input.build === undefined ? [] : contextPath
    mistake(
      context,
      path,
      'value',
      `there is no folder ${quote(folder)}`,
      'paths are seen from the folder of the manifest',
    )
  }
  const kind = written.kind ?? (saysImage(written) ? 'dockerfile' : null)
  const rest: Partial<BuildSpec> = {
    ...readImageBuild(written, folder, context),
    ...(written.ignore === undefined || written.ignore.length === 0 ? {} : { ignore: written.ignore }),
    ...(input.build === undefined || String(written.snapshot) === 'false' ? { isLive: true } : {}),
  }
  if (kind !== null || input.build === undefined) {
    return { spec: { kind: kind ?? 'none', context: folder, command, ...rest }, unknown: null }
  }
  const detected = facts === null || facts === undefined ? null : detectKind(facts)
  if (facts === null || facts === undefined || detected !== null) {
    return {
      spec: { kind: detected?.kind ?? 'none', context: folder, command, ...rest },
      unknown: facts ? null : { message: '', hint: '' },
    }
  }
  const found =
    facts.entries.length === 0
      ? 'it is empty'
      : `it holds ${facts.entries.slice(0, 6).join(', ')}${facts.entries.length > 6 ? ', ...' : ''}`
  return {
    spec: { kind: 'none', context: folder, command, ...rest },
    unknown: {
      message: `what kind of program is in ${quote(folder)} cannot be told: ${found}`,
      hint: 'write how to start it under "command", or one of python, node, go, rust, java-maven, dockerfile under "build.kind"',
    },
  }
}

/** A service needs something to run: a command, or a kind of program that says one. */
export function checkProgram(input: ServiceInput, build: Build, context: ServiceContext): void {
  if (input.command !== undefined || input.image !== undefined || !context.isWhole) return
  if (input.build === undefined) {
    mistake(
      context,
      [],
      'key',
      `the service ${quote(context.name)} says neither what to build nor what to run`,
      'write its folder under "build", its image under "image", or how to start it under "command"',
    )
  } else if (build.unknown !== null) {
    if (build.unknown.message !== '') mistake(context, ['build'], 'value', build.unknown.message, build.unknown.hint)
  } else if (build.spec.kind === 'none') {
    mistake(
      context,
      ['build', 'kind'],
      'value',
      'kind none says nothing of how to start it',
      'write it under "command"',
    )
  }
}
