import type { ApiKeySpec, GatewayConfig } from '@pando/model'

/** The configuration with the keys that let in: only where some authenticator takes any. */
export function withKeys(config: GatewayConfig, keys: readonly ApiKeySpec[]): GatewayConfig {
  const takesKeys = Object.values(config.authenticators ?? {}).some(({ kind }) => kind === 'api_keys')
  return takesKeys ? { ...config, apiKeys: keys } : config
}
