import type { RouteSpec } from '@pando/model'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { RoutePolicy } from '../policy/route-policy.js'
import { CorsPolicy } from './cors-policy.js'

/** `cors` of routes. */
export class Cors implements PolicyKind {
  configure(): void {
    // Nothing outlives a table.
  }

  of({ cors }: RouteSpec): readonly RoutePolicy[] {
    return cors === undefined ? [] : [new CorsPolicy(cors)]
  }

  close(): void {
    // Nothing is open.
  }
}
