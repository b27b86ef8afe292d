import { PandoError } from '@pando/model'
import type { Watcher } from '../registry/watch-hub.js'

/** A chunk of lines is sent when it has this many characters, or when no further line is ready. */
const chunkLength = 32_768

/**
 * A response of newline-delimited JSON. It is made as it is read: nothing is taken from `items` while the client does not read, so the
 * only memory it needs is the chunk under way. Ends with the items, when the client goes, or when `closing` aborts; in each case
 * `signal` aborts. A failure under way becomes a last line, `{"problem": …}`, as the status has been sent by then.
 */
export function streamLines(
  open: (signal: AbortSignal) => AsyncIterable<unknown>,
  closing: AbortSignal | undefined,
): Response {
  const abort = new AbortController()
  const close = (): void => abort.abort()
  const iterator = open(abort.signal)[Symbol.asyncIterator]()
  let pending: Promise<IteratorResult<unknown>> | null = null
  const end = async (): Promise<void> => {
    closing?.removeEventListener('abort', close)
    close()
    await iterator.return?.()
  }
  closing?.addEventListener('abort', close, { once: true })
  if (closing?.aborted === true) close()

  return respond({
    async pull(controller) {
      let chunk = ''
      try {
        while (chunk.length < chunkLength) {
          pending ??= iterator.next()
          const result = chunk === '' ? await pending : await Promise.race([pending, nextTurn()])
          if (result === null) break
          pending = null
          if (result.done === true) {
            if (chunk !== '') controller.enqueue(Buffer.from(chunk))
            controller.close()
            await end()
            return
          }
          chunk += `${JSON.stringify(result.value)}\n`
        }
        controller.enqueue(Buffer.from(chunk))
      } catch (error) {
        const problem = PandoError.from(error).toProblem()
        controller.enqueue(Buffer.from(`${chunk}${JSON.stringify({ problem })}\n`))
        controller.close()
        await end().catch(() => undefined)
      }
    },
    cancel: end,
  })
}

export interface WatchStreamOptions {
  readonly open: (onNews: () => void) => Watcher
  readonly heartbeatMs: number
  readonly closing: AbortSignal | undefined
  /** Called once, when the stream has ended, however it did. */
  readonly onEnd: () => void
}

/**
 * A watch as a response. A client that does not read is handed nothing, heartbeats included; what it missed is folded into
 * its next message when it reads again. Throws what `open` throws, before there is a response.
 */
export function streamWatch({ open, heartbeatMs, closing, onEnd }: WatchStreamOptions): Response {
  let wake: (() => void) | null = null
  let hasEnded = false
  const watcher = open(() => wake?.())
  const end = (): void => {
    if (hasEnded) return
    hasEnded = true
    closing?.removeEventListener('abort', end)
    watcher.close()
    onEnd()
    wake?.()
  }
  closing?.addEventListener('abort', end, { once: true })
  if (closing?.aborted === true) end()

  return respond({
    async pull(controller) {
      for (;;) {
        if (hasEnded) return controller.close()
        const line = watcher.next()
        if (line !== null) return controller.enqueue(line)
        const isNews = await new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(false), heartbeatMs)
          wake = () => {
            clearTimeout(timer)
            resolve(true)
          }
        })
        wake = null
        if (!isNews && !hasEnded) return controller.enqueue(watcher.heartbeat())
      }
    },
    cancel: end,
  })
}

function respond(source: {
  pull: (controller: ReadableStreamDefaultController<Uint8Array>) => Promise<void>
  cancel: () => void | Promise<void>
}): Response {
  // High-water mark 0: what is not asked for is not made.
  return new Response(new ReadableStream(source, { highWaterMark: 0 }), {
    headers: {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      // Said here so that the server sends the head at once, without waiting for a first chunk.
      'transfer-encoding': 'chunked',
    },
  })
}

/** After all that is ready now. */
function nextTurn(): Promise<null> {
  return new Promise((resolve) => setImmediate(() => resolve(null)))
}
