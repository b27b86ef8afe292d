import { Policies } from './policies.js'

/** Every kind of policy that the gateway knows, with what each needs of the world. */
export function gatewayPolicies(): Policies {
  return new Policies([])
}
