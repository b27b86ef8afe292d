import { PandoError } from '@pando/model'
import type { MiddlewareHandler } from 'hono'

/** Largest request body, bytes. */
export const maxBodyBytes = 1_048_576

/** Refuses a larger body with `too_large`: by its length when that is said, and otherwise while it is read. */
export const limitBody: MiddlewareHandler = async (context, next) => {
  const length = context.req.header('content-length')
  if (length !== undefined && Number(length) > maxBodyBytes) throw tooLarge()
  if (length === undefined && context.req.header('transfer-encoding') !== undefined) {
    // Read here, once, into the place where whoever asks for the body looks first. It holds promises, whatever its type says.
    const text = await readLimited(context.req.raw.body)
    context.req.bodyCache.text = Promise.resolve(text) as unknown as string
  }
  await next()
}

async function readLimited(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > maxBodyBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function tooLarge(): PandoError {
  return new PandoError('too_large', `a request body may have at most ${maxBodyBytes} bytes`)
}
