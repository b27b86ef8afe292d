import { AuthPolicies } from '../auth/auth-policies.js'
import { Policies } from './policies.js'

/** Every kind of policy that the gateway knows, with what each needs of the world. `onTrouble` is told what stops nothing by itself. */
export function gatewayPolicies(onTrouble: (message: string) => void): Policies {
  return new Policies([new AuthPolicies(onTrouble)])
}
