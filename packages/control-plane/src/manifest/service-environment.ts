import { resolve } from 'node:path'
import type { Protocol } from '@pando/model'
import { parseEnvironmentFile } from './environment-file.js'
import { isReserved } from './environment.js'
import { variablePattern } from './schema-values.js'
import type { ServiceInput } from './schema.js'
import { mistake, servicePath, type ServiceContext } from './service-context.js'
import type { Path } from './source.js'
import { quote } from './units.js'

/** All variables that the manifest gives a service: from its files, then from its own map, which has the last word. */
export function readEnvironment(
  input: ServiceInput,
  written: Protocol,
  context: ServiceContext,
): Record<string, string> {
  // With names in its network a container is told no address, so that it may have its own PORT and HOST.
  const protocol = input.aliases === undefined ? written : 'none'
  const environment: Record<string, string> = {}
  readEnvironmentFiles(input, protocol, context, environment)
  const set = (name: string, value: string | null, path: Path): void => {
    if (isReserved(name, protocol)) {
      const hint =
        name === 'PORT' ? 'when the program insists on a port, write it under "port"' : 'every instance gets its own'
      mistake(context, path, 'key', `${name} is given by Pando`, hint)
      return
    }
    if (value !== null) {
      if (value.includes('\0')) mistake(context, path, 'value', 'a variable cannot hold a NUL character')
      environment[name] = value
      return
    }
    const handedOn = Object.hasOwn(context.variables, name) ? context.variables[name] : undefined
    if (handedOn === undefined) {
      const message = `${name} is to be handed on, and is not set`
      context.warn(
        context.source.mistake(servicePath(context.name, path), 'key', message, `set ${name}, or give it a value`),
      )
      return
    }
    context.use(name)
    environment[name] = handedOn
  }

  if (Array.isArray(input.environment)) {
    for (const [index, entry] of input.environment.entries()) {
      const equals = entry.indexOf('=')
      const name = equals === -1 ? entry : entry.slice(0, equals)
      if (!variablePattern.test(name)) {
        mistake(
          context,
          ['environment', index],
          'value',
          `${quote(name)} is not a name of a variable`,
          'write NAME=value',
        )
      } else set(name, equals === -1 ? null : entry.slice(equals + 1), ['environment', index])
    }
    return environment
  }
  for (const [name, value] of Object.entries(input.environment ?? {})) {
    // As it is written, since a version such as 1.10 is no number to its reader.
    const text = context.source.written(servicePath(context.name, ['environment', name])) ?? String(value)
    set(name, value === null ? null : text, ['environment', name])
  }
  return environment
}

function readEnvironmentFiles(
  input: ServiceInput,
  protocol: Protocol,
  context: ServiceContext,
  environment: Record<string, string>,
): void {
  const written = input.env_file ?? []
  const files = typeof written === 'string' ? [written] : written
  for (const [index, entry] of files.entries()) {
    const path = typeof written === 'string' ? ['env_file'] : ['env_file', index]
    const file = resolve(context.folder, typeof entry === 'string' ? entry : entry.path)
    const fact = context.facts.file(file)
    if (fact === undefined) continue
    if (fact.kind === 'mistake') {
      const isOptional = typeof entry !== 'string' && String(entry.required) === 'false'
      if (!isOptional) mistake(context, path, 'value', fact.message)
      continue
    }
    const { values, used, mistakes } = parseEnvironmentFile(fact.text, context.variables)
    for (const name of used) context.use(name)
    for (const { hint, ...wrong } of mistakes)
      context.report({ file, path: '', ...wrong, ...(hint === undefined ? {} : { hint }) })
    for (const [name, value] of Object.entries(values)) {
      if (!isReserved(name, protocol)) environment[name] = value
      else {
        const message = `${name} in ${quote(file)} has no effect: it is given by Pando`
        context.warn(context.source.mistake(servicePath(context.name, path), 'value', message))
      }
    }
  }
}
