import type { JwtKeySource } from '@pando/model'
import { type FetchLimits, fetchDocument } from './bounded-fetch.js'
import { discover } from './discovery.js'
import { FileKeySource } from './file-keys.js'
import type { KeySource } from './key-source.js'
import { RemoteKeySource } from './remote-keys.js'

const fetchTimeoutMs = 5_000
const mostBytes = 262_144

/** Begins to have the keys at hand. Troubles are told, never thrown. */
export function openKeys(spec: JwtKeySource, onTrouble: (message: string) => void): KeySource {
  if (spec.from === 'file' || spec.from === 'secret') return new FileKeySource(spec.path, spec.from, onTrouble)
  const limits: FetchLimits = { timeoutMs: fetchTimeoutMs, maxBytes: mostBytes, isInsecure: spec.isInsecure }
  const fetch = (address: string): Promise<Buffer> => fetchDocument(address, limits)
  return new RemoteKeySource({
    spec,
    fetch:
      spec.from === 'url' ? () => fetch(spec.url) : async () => fetch((await discover(spec.issuer, fetch)).jwksUri),
    now: () => performance.now(),
    onTrouble,
  })
}
