import { isAbsolute, relative, resolve } from 'node:path'
import type { BuildSpec } from '@pando/model'
import { variablePattern } from './schema-values.js'
import type { ServiceInput } from './schema.js'
import { mistake, servicePath, type ServiceContext } from './service-context.js'
import type { Path } from './source.js'
import { quote } from './units.js'

type WrittenBuild = Exclude<NonNullable<ServiceInput['build']>, string>

const imageKeys = ['dockerfile', 'args', 'target'] as const

/** Whether it says something that only the build of an image understands, which makes it one. */
export function saysImage(written: WrittenBuild): boolean {
  return imageKeys.some((key) => written[key] !== undefined)
}

/** What is said of the image that is built of the folder; next to another kind of program each word of it is a mistake. */
export function readImageBuild(written: WrittenBuild, folder: string, context: ServiceContext): Partial<BuildSpec> {
  if (written.kind !== undefined && written.kind !== 'dockerfile') {
    for (const key of imageKeys) {
      if (written[key] === undefined) continue
      const message = `"${key}" is for images, and kind ${written.kind} builds none`
      mistake(context, ['build', key], 'key', message, 'take it out, or say "kind: dockerfile"')
    }
    return {}
  }
  if (written.command !== undefined && (written.kind === 'dockerfile' || saysImage(written))) {
    const message = '"command" builds a program of this machine, and an image is built by its Dockerfile alone'
    mistake(context, ['build', 'command'], 'key', message, 'write it into the Dockerfile, as a RUN')
  }
  const args = readArgs(written.args, context)
  return {
    ...(written.dockerfile === undefined ? {} : { dockerfile: innerPath(written.dockerfile, folder, context) }),
    ...(Object.keys(args).length === 0 ? {} : { args }),
    ...(written.target === undefined ? {} : { target: written.target }),
  }
}

/** The engine is sent the folder and nothing else, so the recipe has to be in it. */
function innerPath(written: string, folder: string, context: ServiceContext): string {
  const inner = relative(folder, resolve(folder, written))
  if (inner === '' || inner.startsWith('..') || isAbsolute(inner)) {
    const message = `${quote(written)} is no file inside ${quote(folder)}`
    const hint = 'the path is seen from the context; name a folder around both as "context"'
    mistake(context, ['build', 'dockerfile'], 'value', message, hint)
  }
  return inner
}

function readArgs(written: WrittenBuild['args'], context: ServiceContext): Record<string, string> {
  const args: Record<string, string> = {}
  const set = (name: string, value: string | null, path: Path): void => {
    const given = value ?? (Object.hasOwn(context.variables, name) ? context.variables[name] : undefined)
    if (value === null) context.use(name)
    if (given !== undefined) args[name] = given
    else {
      const message = `${name} is to be handed on, and is not set`
      const hint = `set ${name}, or give it a value`
      context.warn(context.source.mistake(servicePath(context.name, path), 'key', message, hint))
    }
  }
  if (Array.isArray(written)) {
    for (const [index, entry] of written.entries()) {
      const [, name = '', value = null] = /^([^=]*)(?:=([^]*))?$/.exec(entry) ?? []
      const path = ['build', 'args', index]
      if (variablePattern.test(name)) set(name, value, path)
      else mistake(context, path, 'value', `${quote(name)} is not a name of an argument`, 'write NAME=value')
    }
    return args
  }
  for (const [name, value] of Object.entries(written ?? {})) {
    const path = ['build', 'args', name]
    // As it is written, since a version such as 1.10 is no number to its reader.
    set(name, value === null ? null : (context.source.written(servicePath(context.name, path)) ?? String(value)), path)
  }
  return args
}
