const family = 'pando_gateway_api_key_requests_total'

/** How often each key was used, by its id, from the gateway's figures in the Prometheus text format. */
export function readKeyUses(text: string): ReadonlyMap<string, number> {
  const uses = new Map<string, number>()
  for (const [, id, count] of text.matchAll(new RegExp(String.raw`^${family}\{id="([0-9a-f]+)"\} (\d+)`, 'gm'))) {
    uses.set(id as string, Number(count))
  }
  return uses
}

/**
 * The keys that were used between two looks at the gateway's figures. Those begin anew with the gateway; and what was counted before the
 * first look says nothing of when, so that it counts only for keys of which no use is known (`isUsed`).
 */
export function usedSince(
  before: ReadonlyMap<string, number> | null,
  now: ReadonlyMap<string, number>,
  isUsed: (id: string) => boolean,
): string[] {
  return [...now].flatMap(([id, count]) => {
    if (count === 0) return []
    if (before === null) return isUsed(id) ? [] : [id]
    return count === before.get(id) ? [] : [id]
  })
}
