import type { Diagnostic, GatewaySpec, RouteAuth } from '@pando/model'
import type { PlacedService } from './app-checks.js'
import { suggest } from './nearest.js'
import { servicePath } from './service-context.js'
import type { Path, Source } from './source.js'
import { quote } from './units.js'

/** A route that names an authenticator which is not there would let nobody in: better told now. `gateway` is the one that will serve. */
export function checkAuth(
  services: readonly PlacedService[],
  gateway: GatewaySpec,
  gatewaySource: Source | null,
  report: (diagnostic: Diagnostic) => void,
): void {
  const known = Object.keys(gateway.authenticators ?? {})
  const check = (auth: RouteAuth, source: Source, path: Path): void => {
    if (auth.anyOf.length === 0) {
      const message = 'it does not say by which authenticator'
      report(source.mistake(path, 'value', message, 'write any_of, or a default_auth of the gateway'))
    }
    const external = auth.anyOf.findIndex((name) => gateway.authenticators?.[name]?.kind === 'external')
    if (external !== -1 && external < auth.anyOf.length - 1) {
      const message = `${quote(auth.anyOf[external] ?? '')} decides about every request, so those behind it are never asked`
      report(source.mistake([...path, 'any_of'], 'value', message, 'write it last'))
    }
    for (const [index, name] of auth.anyOf.entries()) {
      if (known.includes(name)) continue
      const exact = [...path, 'any_of', index]
      if (name === 'none') {
        const message = 'none is no authenticator: with it anybody would get in'
        report(source.mistake(exact, 'value', message, 'take it out, or write "auth: none" and nothing else'))
        continue
      }
      const hint = known.length === 0 ? 'write it under gateway.authenticators' : suggest(name, [...known, 'none'])
      const where = source.written(exact) === undefined ? path : exact
      report(source.mistake(where, 'value', `there is no authenticator ${quote(name)}`, hint))
    }
  }
  if (gateway.defaultAuth !== undefined && gatewaySource !== null) {
    check(gateway.defaultAuth, gatewaySource, ['gateway', 'default_auth'])
  }
  for (const { source, spec } of services) {
    for (const [index, { auth }] of (spec?.routes ?? []).entries()) {
      if (auth === undefined || auth === null) continue
      const anyOf = auth.anyOf.length === 0 ? (gateway.defaultAuth?.anyOf ?? []) : auth.anyOf
      check({ ...auth, anyOf }, source, servicePath(spec?.name ?? '', ['routes', index, 'auth']))
    }
  }
}
