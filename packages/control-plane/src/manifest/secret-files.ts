import { basename, dirname } from 'node:path'
import type { AuthenticatorSpec, Diagnostic, GatewaySpec } from '@pando/model'
import type { Facts } from './facts.js'
import type { Path, Source } from './source.js'
import { quote } from './units.js'

/**
 * Files that the gateway reads by itself, and that are not there yet. It is no mistake, as something may put them there later; until
 * then nobody gets in by them. Only whether they are there is looked at: what is in them is secret.
 */
export function warnOfSecretFiles(
  { authenticators = {}, rateLimitStore }: GatewaySpec,
  source: Source | null,
  facts: Facts,
  warn: (diagnostic: Diagnostic) => void,
): void {
  if (source === null) return
  const check = (path: string, at: Path, consequence: string): void => {
    const folder = facts.folder(dirname(path))
    if (folder === undefined || folder?.entries.includes(basename(path))) return
    warn(source.mistake(['gateway', ...at], 'value', `there is no file ${quote(path)}`, consequence))
  }
  for (const [name, spec] of Object.entries(authenticators)) {
    for (const path of filesOf(spec)) {
      const consequence = 'until it is there, routes with this authenticator answer 503'
      check(path, ['authenticators', name], consequence)
    }
  }
  if (rateLimitStore?.url.kind === 'file') {
    const consequence = `until it is there, requests go as on_failure says: ${rateLimitStore.onFailure}`
    check(rateLimitStore.url.file, ['rate_limit_store', 'url_file'], consequence)
  }
}

function filesOf(spec: AuthenticatorSpec): readonly string[] {
  if (spec.kind === 'basic') return [spec.path]
  if (spec.kind === 'login')
    return [spec.cookieSecretPath, ...(spec.clientSecretPath === null ? [] : [spec.clientSecretPath])]
  if (spec.kind === 'jwt' && (spec.keys.from === 'file' || spec.keys.from === 'secret')) return [spec.keys.path]
  return []
}
