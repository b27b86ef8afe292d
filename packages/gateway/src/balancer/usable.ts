import type { UpstreamEndpoint } from '../upstream-endpoint.js'

/** True when the endpoint has not failed lately and was not tried before for this request. */
export function isUsable(
  endpoint: UpstreamEndpoint,
  exclude: readonly UpstreamEndpoint[] | null,
  now: number,
): boolean {
  return endpoint.suspectUntil <= now && (exclude === null || !exclude.includes(endpoint))
}
