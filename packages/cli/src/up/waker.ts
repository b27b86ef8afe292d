/** A sleep that can be cut short. A wake between two sleeps is kept for the next one, so none is missed. */
export class Waker {
  #isWoken = false
  #rouse: (() => void) | null = null

  constructor(signal?: AbortSignal) {
    signal?.addEventListener('abort', () => this.wake(), { once: true })
    if (signal?.aborted === true) this.#isWoken = true
  }

  wake(): void {
    this.#isWoken = true
    this.#rouse?.()
  }

  async sleep(ms: number): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        this.#rouse = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#isWoken = false
    this.#rouse = null
  }
}
