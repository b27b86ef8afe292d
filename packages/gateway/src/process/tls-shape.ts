/** Whether what an edge listener may have beside its address has the shape of the wire types. */
export function isEdgeExtras({ tls, redirectPort }: Record<string, unknown>): boolean {
  return (tls === undefined || isTls(tls)) && (redirectPort === undefined || isPort(redirectPort))
}

function isTls(value: unknown): boolean {
  return (
    isObject(value) &&
    Array.isArray(value['certificates']) &&
    value['certificates'].every(
      (pair) => isObject(pair) && typeof pair['cert'] === 'string' && typeof pair['key'] === 'string',
    ) &&
    (value['minVersion'] === '1.2' || value['minVersion'] === '1.3') &&
    (value['clientAuth'] === null || isClientAuth(value['clientAuth'])) &&
    Array.isArray(value['alpn']) &&
    value['alpn'].every((name) => name === 'h2' || name === 'http/1.1')
  )
}

function isClientAuth(value: unknown): boolean {
  return isObject(value) && typeof value['ca'] === 'string' && ['require', 'request'].includes(String(value['mode']))
}

function isPort(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
