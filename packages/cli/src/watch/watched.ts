import { relative } from 'node:path'
import type { IgnoreRules } from '@pando/control-plane'
import type { ServiceSpec, WatchRule } from '@pando/model'

/** What editors write beside a file while they save it. */
const temporary = ['4913', '*~', '.#*', '[#]*#', '*.sw[opx]', '.goutputstream-*', '*___jb_tmp___', '*___jb_old___']

/** What is asked of the rules of snapshots; passed in, as it costs a program start the schema. */
export interface Rules {
  readonly ignoreRules: (patterns: readonly string[]) => IgnoreRules
  /** What of the service's folder is no source. */
  readonly source: IgnoreRules
}

export interface Watched {
  readonly service: string
  readonly action: WatchRule['action']
  readonly path: string
  /** Paths are seen from `path`. What is so ignored is not even looked into. */
  readonly isIgnored: (path: string, isFolder: boolean) => boolean
  readonly isIncluded: (path: string) => boolean
}

/** The rules that a service is watched by: its own, or a rebuild when its folder changes. What runs from its folder as it is has no default: it sees for itself. */
export function rulesOf({ watch, revision: { build } }: ServiceSpec): readonly WatchRule[] {
  if (watch !== undefined) return watch
  return build.isLive === true ? [] : [{ action: 'rebuild', path: build.context, ignore: [], include: [] }]
}

/** What of it is no change of the service: what a snapshot leaves out, what editors leave, and what the rule says. */
export function watchedBy(service: ServiceSpec, rule: WatchRule, rules: Rules): Watched {
  const inner = relative(service.revision.build.context, rule.path)
  const prefix = inner === '' || inner.startsWith('..') ? '' : `${inner}/`
  const own = rules.ignoreRules([...temporary, ...rule.ignore])
  const included = rules.ignoreRules(rule.include)
  return {
    service: service.name,
    action: rule.action,
    path: rule.path,
    isIgnored: (path, isFolder) => own(path, isFolder) || rules.source(`${prefix}${path}`, isFolder),
    isIncluded: (path) =>
      rule.include.length === 0 || withFolders(path).some(([part, isFolder]) => included(part, isFolder)),
  }
}

/** A path and the folders that it is in. */
function withFolders(path: string): [string, boolean][] {
  const parts = path.split('/')
  return parts.map((_, index) => [parts.slice(0, index + 1).join('/'), index < parts.length - 1])
}
