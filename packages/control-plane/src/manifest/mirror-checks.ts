import type { Diagnostic, ServiceSpec } from '@pando/model'
import { suggest } from './nearest.js'
import { servicePath } from './service-context.js'
import type { Path, Source } from './source.js'
import { quote } from './units.js'

/** A service of the app as far as a mirror needs to know it. */
interface MirrorTarget {
  readonly spec: ServiceSpec | null
}

/** Mirrors of a service's routes go to services that are there and speak HTTP/1.1. */
export function checkMirrors(
  { source, spec }: { readonly source: Source; readonly spec: ServiceSpec | null },
  services: ReadonlyMap<string, MirrorTarget>,
  report: (diagnostic: Diagnostic) => void,
): void {
  for (const [index, { mirror }] of (spec?.routes ?? []).entries()) {
    if (mirror === undefined) continue
    const path = servicePath(spec?.name ?? '', ['routes', index, 'mirror'])
    const exact: Path = [...path, 'service']
    const where = source.written(exact) === undefined ? path : exact
    const other = services.get(mirror.service)
    if (other === undefined) {
      const message = `there is no service ${quote(mirror.service)}`
      report(source.mistake(where, 'value', message, suggest(mirror.service, [...services.keys()])))
    } else if (other.spec !== null && other.spec.revision.protocol !== 'http') {
      const message = `the service ${quote(mirror.service)} has protocol ${other.spec.revision.protocol}, and copies are HTTP/1.1`
      report(source.mistake(where, 'value', message))
    }
  }
}
