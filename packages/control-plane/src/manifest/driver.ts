import { posix } from 'node:path'
import type { BuildSpec } from '@pando/model'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'

/** The variable in which `pando up --driver` says what runs a service that does not say it itself. */
export const driverVariable = 'PANDO_DRIVER'
/** Where generated images hold the program. */
const imageFolder = '/app'

/** What is built of the folder, and whether it is an image. */
export interface BuildTarget {
  readonly spec: BuildSpec
  readonly isContainer: boolean
}

export function chooseDriver(input: ServiceInput, spec: BuildSpec, context: ServiceContext): BuildTarget {
  const written = typeof input.build === 'string' ? undefined : input.build
  if (input.image !== undefined || spec.kind === 'dockerfile') {
    if (input.driver === 'process') {
      mistake(context, ['driver'], 'value', 'an image does not run as a process', 'take "driver" out')
    }
    for (const key of ['base', 'runtime'] as const) {
      if (written?.[key] === undefined) continue
      mistake(context, ['build', key], 'key', `"${key}" is for images without a Dockerfile`, 'write it behind FROM')
    }
    return { spec, isContainer: true }
  }
  if (driverFor(input, spec, context) === 'process') return { spec, isContainer: false }
  const isAsked = context.images?.includes(context.name) === true
  const otherwise = isAsked ? 'or name other services' : 'or "driver: process"'
  if (spec.kind === 'none' && context.isWhole) {
    const at = input.driver === undefined ? [] : ['driver']
    const hint = `write its folder under "build", its image under "image", ${otherwise}`
    mistake(context, at, 'value', 'a service without a kind of program has nothing to make an image of', hint)
  }
  if (spec.command !== null) {
    const hint = `take it out, write a Dockerfile, ${otherwise}`
    mistake(context, ['build', 'command'], 'key', '"command" builds on this machine, and not in an image', hint)
  }
  return {
    spec: {
      ...spec,
      ...(written?.base === undefined ? {} : { base: written.base }),
      ...(written?.runtime === undefined ? {} : { runtime: written.runtime }),
    },
    isContainer: true,
  }
}

function driverFor(input: ServiceInput, spec: BuildSpec, context: ServiceContext): 'process' | 'container' {
  const { images } = context
  if (images?.includes(context.name) === true) return 'container'
  if (input.driver !== undefined) return input.driver
  if (images !== undefined) return spec.kind === 'none' || spec.command !== null ? 'process' : 'container'
  const said = context.variables[driverVariable]
  if (said === undefined || said === '') return 'process'
  context.use(driverVariable)
  if (said !== 'process' && said !== 'container') {
    mistake(context, [], 'key', `${driverVariable} is ${said}, and is either process or container`)
  }
  return said === 'container' ? 'container' : 'process'
}

/** In an image that Pando makes a folder is seen from that of the program, in others from nowhere. */
export function containerFolder(written: string | undefined, { spec }: BuildTarget, hasImage: boolean): string {
  if (written === undefined || hasImage || spec.kind === 'dockerfile') return written ?? ''
  return posix.resolve(imageFolder, written)
}
