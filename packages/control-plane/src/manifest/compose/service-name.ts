import { toLabel } from '../names.js'
import { labelPattern } from '../schema-values.js'
import { longestServiceName } from '../schema.js'

/** Compose allows `my_db` and `API`; Pando's names are those of hosts. The name as it is written stays an alias in the network. */
export function serviceName(written: string): string {
  return labelPattern.test(written) ? written : (toLabel(written, longestServiceName) ?? written)
}
