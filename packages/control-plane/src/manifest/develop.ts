import { isAbsolute, relative, resolve } from 'node:path'
import type { BuildSpec, WatchRule } from '@pando/model'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import { quote } from './units.js'

/** What is written under `develop.watch`; undefined when nothing is. Rules that could do nothing are reported. */
export function readDevelop(
  input: ServiceInput,
  build: BuildSpec,
  context: ServiceContext,
): readonly WatchRule[] | undefined {
  return input.develop?.watch?.flatMap((written, index) => {
    const { action } = written
    const at = ['develop', 'watch', index]
    const path = resolve(context.folder, written.path)
    if (action !== 'rebuild' && action !== 'restart') {
      const hint = 'write "rebuild": only this service is built, and the old one serves until the new one is healthy'
      mistake(context, [...at, 'action'], 'value', `"${action}" is not supported yet`, hint)
      return []
    }
    if (action === 'rebuild' && build.isLive === true) {
      const why = input.build === undefined ? 'nothing is built' : 'it runs from its folder as it is'
      mistake(context, [...at, 'action'], 'value', `${why}, so that a rebuild changes nothing`, 'write "restart"')
    } else if (action === 'rebuild' && !isWithin(build.context, path)) {
      const message = `${quote(path)} is outside of the service's folder, so that a rebuild changes nothing`
      mistake(context, [...at, 'path'], 'value', message, 'write "action: restart", or a path in that folder')
    }
    return [{ action, path, ignore: listOf(written.ignore), include: listOf(written.include) }]
  })
}

/** As it would be written. */
export function renderDevelop(rules: readonly WatchRule[], plain: (text: string) => string): object {
  return {
    watch: rules.map(({ action, path, ignore, include }) => ({
      action,
      path: plain(path),
      ...(ignore.length === 0 ? {} : { ignore: ignore.map(plain) }),
      ...(include.length === 0 ? {} : { include: include.map(plain) }),
    })),
  }
}

function listOf(written: string | readonly string[] | undefined): readonly string[] {
  return written === undefined ? [] : typeof written === 'string' ? [written] : written
}

function isWithin(folder: string, path: string): boolean {
  const inner = relative(folder, path)
  return inner !== '..' && !inner.startsWith('../') && !isAbsolute(inner)
}
