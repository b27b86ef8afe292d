import { isEdgeExtras } from './tls-shape.js'
import type { Endpoint, GatewayConfig, RoutingTable, WatchMessage } from '@pando/model'
import { isBalancer, isResilience } from './resilience-shape.js'

/**
 * Whether what came over a wire or from a file has the shape of the wire types, as far as the gateway leans on it: a schema library
 * would cost every worker 100 ms at its start. Routes are checked one by one when they are compiled.
 */
export function parseMessage(line: string): WatchMessage | null {
  const message = parseJson(line)
  if (!isObject(message)) return null
  switch (message['type']) {
    case 'snapshot':
      return isTableLike(message) && (message['config'] === undefined || isConfig(message['config']))
        ? (message as unknown as WatchMessage)
        : null
    case 'change':
      return isVersion(message['from']) &&
        isVersion(message['version']) &&
        isEndpoints(message['set']) &&
        isStrings(message['removed']) &&
        (message['config'] === undefined || isConfig(message['config']))
        ? (message as unknown as WatchMessage)
        : null
    case 'heartbeat':
      return isVersion(message['version']) ? (message as unknown as WatchMessage) : null
    default:
      return null
  }
}

export function parseTable(text: string): RoutingTable | null {
  const table = parseJson(text)
  return isObject(table) && isTableLike(table) && isConfig(table['config']) ? (table as unknown as RoutingTable) : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isTableLike(value: Record<string, unknown>): boolean {
  return typeof value['epoch'] === 'string' && isVersion(value['version']) && isEndpoints(value['endpoints'])
}

function isConfig(value: unknown): value is GatewayConfig {
  return (
    isObject(value) &&
    Array.isArray(value['listeners']) &&
    value['listeners'].every(isListener) &&
    Array.isArray(value['routes']) &&
    value['routes'].every(isRoute) &&
    Array.isArray(value['services']) &&
    value['services'].every(isService) &&
    isObject(value['limits']) &&
    Object.values(value['limits']).every((limit) => typeof limit === 'number') &&
    (value['shedAboveMs'] === undefined || typeof value['shedAboveMs'] === 'number') &&
    (value['healthPath'] === undefined || typeof value['healthPath'] === 'string') &&
    (value['accessLog'] === null || typeof value['accessLog'] === 'string') &&
    isAuthentication(value)
  )
}

function isAuthentication({ authenticators, apiKeys }: Record<string, unknown>): boolean {
  const isNamed = (spec: unknown): boolean =>
    isObject(spec) && typeof spec['kind'] === 'string' && typeof spec['name'] === 'string'
  const isKey = (key: unknown): boolean =>
    isObject(key) && typeof key['hash'] === 'string' && isStrings(key['scopes']) && isStrings(key['services'])
  return (
    (authenticators === undefined || (isObject(authenticators) && Object.values(authenticators).every(isNamed))) &&
    (apiKeys === undefined || (Array.isArray(apiKeys) && apiKeys.every(isKey)))
  )
}

function isAuth(auth: unknown): boolean {
  if (auth === undefined || auth === null) return true
  return isObject(auth) && isStrings(auth['anyOf']) && isStrings(auth['scopes']) && isObjects(auth['claims'])
}

function isListener(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    isAddress(value['address']) &&
    ((value['kind'] === 'edge' && isEdgeExtras(value)) ||
      (value['kind'] === 'mesh' &&
        typeof value['service'] === 'string' &&
        (value['from'] === undefined || typeof value['from'] === 'string')))
  )
}

function isRoute(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    isStrings(value['hosts']) &&
    isObjects(value['matches']) &&
    value['matches'].every(
      (match) => isObject(match['path']) && isObjects(match['headers']) && isObjects(match['query']),
    ) &&
    isObjects(value['filters']) &&
    isObjects(value['backends']) &&
    isObject(value['timeouts']) &&
    isAuth(value['auth'])
  )
}

function isService(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    typeof value['protocol'] === 'string' &&
    isBalancer(value['balancer']) &&
    (value['resilience'] === undefined || isResilience(value['resilience'])) &&
    (value['requestTrailers'] === undefined || value['requestTrailers'] === true) &&
    (value['onDemand'] === undefined ||
      (isObject(value['onDemand']) && typeof value['onDemand']['holdMs'] === 'number'))
  )
}

function isEndpoints(value: unknown): value is readonly Endpoint[] {
  return Array.isArray(value) && value.every(isEndpoint)
}

function isEndpoint(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['id'] === 'string' &&
    typeof value['service'] === 'string' &&
    typeof value['state'] === 'string' &&
    typeof value['weight'] === 'number' &&
    isAddress(value['address'])
  )
}

function isAddress(value: unknown): boolean {
  if (!isObject(value) || typeof value['host'] !== 'string') return false
  const port = value['port']
  return typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isObjects(value: unknown): value is readonly Record<string, unknown>[] {
  return Array.isArray(value) && value.every(isObject)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
