import { isAbsolute, posix, relative, resolve } from 'node:path'
import type { BuildSpec, ContainerSpec, WatchRule } from '@pando/model'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import { quote } from './units.js'

type Written = NonNullable<NonNullable<ServiceInput['develop']>['watch']>[number]

interface Watched {
  readonly build: BuildSpec
  readonly container: ContainerSpec | undefined
}

/** What is written under `develop.watch`; undefined when nothing is. Rules that could do nothing are reported. */
export function readDevelop(
  input: ServiceInput,
  watched: Watched,
  context: ServiceContext,
): readonly WatchRule[] | undefined {
  return input.develop?.watch?.flatMap((written, index) => {
    const { action } = written
    const at = ['develop', 'watch', index]
    const path = resolve(context.folder, written.path)
    const rule = { path, ignore: listOf(written.ignore), include: listOf(written.include) }
    if (action !== 'rebuild' && action !== 'restart') return readSync({ written, rule, at }, watched, context)
    const { build } = watched
    if (action === 'rebuild' && build.isLive === true) {
      const why = input.build === undefined ? 'nothing is built' : 'it runs from its folder as it is'
      mistake(context, [...at, 'action'], 'value', `${why}, so that a rebuild changes nothing`, 'write "restart"')
    } else if (action === 'rebuild' && !isWithin(build.context, path)) {
      const message = `${quote(path)} is outside of the service's folder, so that a rebuild changes nothing`
      mistake(context, [...at, 'path'], 'value', message, 'write "action: restart", or a path in that folder')
    } else if (written.target !== undefined) {
      mistake(context, [...at, 'target'], 'key', `"target" has a meaning for sync only, and this is a ${action}`)
    }
    return [{ action, ...rule }]
  })
}

/** What runs from its folder as it is has nothing to copy; what is copied needs a container, and a place there that can be written. */
function readSync(
  of: {
    readonly written: Written
    readonly rule: Omit<WatchRule, 'action'>
    readonly at: readonly (string | number)[]
  },
  { build, container }: Watched,
  context: ServiceContext,
): readonly WatchRule[] {
  const { written, rule, at } = of
  const { action, target } = written
  const refuse = (key: string, message: string, hint: string): readonly WatchRule[] => {
    mistake(context, [...at, key], 'value', message, hint)
    return []
  }
  if (action !== 'sync' && action !== 'sync+restart') {
    return refuse('action', `"${action}" is not supported yet`, 'write "sync+restart", or "rebuild"')
  }
  if (container === undefined && build.isLive === true) {
    return action === 'sync' ? [] : [{ action: 'restart', ...rule }]
  }
  if (container === undefined) {
    const why = 'its revision is what was built, and a rollback relies on it'
    const hint = 'write "rebuild": only this service is built, and the old one serves until the new one is healthy'
    return refuse('action', `"${action}" is not supported for a service that runs as a process: ${why}`, hint)
  }
  if (target === undefined) {
    return refuse(
      'action',
      `"${action}" needs a "target"`,
      'say where the path is inside the container, as "target: /app"',
    )
  }
  if (!target.startsWith('/') || posix.normalize(target) === '/') {
    return refuse('target', `${quote(target)} is no place in the container`, 'write an absolute path below /')
  }
  const inside = posix.normalize(target)
  const cover = baseOf(container, inside)
  if (cover === null) {
    const hint = 'set "read_only: false", or mount a volume there; or write "rebuild"'
    return refuse('target', `${quote(inside)} is read-only in the container, so that nothing can be put there`, hint)
  }
  return [{ action, ...rule, target: inside.replace(/\/$/, '') }]
}

/**
 * Where an archive that holds `target` is unpacked: the mount that it lies in, or the root. Null where nothing can be put: in what is
 * read-only, and in memory, which the engine's archives do not reach.
 */
export function baseOf(
  { mounts, security }: Pick<ContainerSpec, 'mounts' | 'security'>,
  target: string,
): string | null {
  const [mount] = mounts
    .filter((each) => target === each.target || target.startsWith(`${each.target.replace(/\/$/, '')}/`))
    .sort((a, b) => b.target.length - a.target.length)
  if (mount === undefined) return security.isRootReadOnly ? null : '/'
  return mount.kind === 'tmpfs' || mount.isReadOnly ? null : mount.target
}

/** As it would be written. */
export function renderDevelop(rules: readonly WatchRule[], plain: (text: string) => string): object {
  return {
    watch: rules.map(({ action, path, target, ignore, include }) => ({
      action,
      path: plain(path),
      ...(target === undefined ? {} : { target: plain(target) }),
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
