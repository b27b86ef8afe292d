import type { IpRules, RouteSpec } from '@pando/model'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { RoutePolicy, Verdict } from '../policy/route-policy.js'
import { Networks } from './networks.js'

/** `ip` of routes. Made after `TrustedProxies`, which finds out who the client is. */
export class IpAccess implements PolicyKind {
  configure(): void {
    // Nothing outlives a table.
  }

  of({ ip }: RouteSpec): readonly RoutePolicy[] {
    if (ip === undefined) return []
    const isWelcome = ipRule(ip)
    return [
      {
        name: 'ip',
        phase: 'address',
        check: ({ clientAddress }) => (isWelcome(clientAddress) ? null : denied(clientAddress)),
      },
    ]
  }

  close(): void {
    // Nothing is open.
  }
}

/** Who may come: nobody of `deny`, and where `allow` names anything, only those. */
export function ipRule({ allow, deny }: IpRules): (address: string) => boolean {
  const allowed = new Networks(allow)
  const denied = new Networks(deny)
  return (address) => !denied.has(address) && (allow.length === 0 || allowed.has(address))
}

function denied(address: string): Verdict {
  return { answer: { kind: 'problem', reason: 'ip_denied', detail: `The address ${address} may not use this route.` } }
}
