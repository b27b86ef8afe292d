/** Awaits a condition, looking again every `everyMs`; rejects with `what` when it has not come true in time. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 20_000)
  let last: unknown = null
  while (Date.now() < deadline) {
    try {
      const value = await condition()
      if (value !== null && value !== undefined && value !== false) return value
      last = value
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 50))
  }
  throw new Error(`did not come true in time: ${what} (last: ${String(last)})`)
}
