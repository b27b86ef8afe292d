import type { MessageSizes } from '@pando/model'

/** How large the messages of a route may be, in bytes. */
export interface CompiledSizes {
  /** 0: no limit; null: the gateway's. */
  readonly requestBody: number | null
  readonly responseBody: number
  readonly responseHead: number
}

export function compileSizes(sizes: MessageSizes = {}): CompiledSizes {
  return {
    requestBody: sizes.maxRequestBodyBytes ?? null,
    responseBody: sizes.maxResponseBodyBytes ?? Infinity,
    responseHead: sizes.maxResponseHeadBytes ?? Infinity,
  }
}

/** What is too large in an answer, as far as its head says; null when nothing is. `bodyBytes`: as it declares, -1 when it does not or has no body. */
export function responseExcess(sizes: CompiledSizes, headBytes: number, bodyBytes: number): string | null {
  if (headBytes > sizes.responseHead) {
    return `The head of the answer has ${headBytes} bytes; ${sizes.responseHead} are allowed.`
  }
  if (bodyBytes > sizes.responseBody) {
    return `The body of the answer has ${bodyBytes} bytes; ${sizes.responseBody} are allowed.`
  }
  return null
}
