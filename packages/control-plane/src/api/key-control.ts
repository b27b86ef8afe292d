import type { ApiKeyInfo, MadeApiKey, NewApiKey } from '@pando/model'

/** What the control API asks about API keys. */
export interface KeyControl {
  list(): Promise<readonly ApiKeyInfo[]>
  /** Rejects with `conflict` when the name is taken, and with `limit_reached` when there are too many. */
  create(wish: NewApiKey): Promise<MadeApiKey>
  /** It lets in no more as soon as the gateways have heard. Rejects with `not_found`. */
  revoke(name: string): Promise<void>
}
