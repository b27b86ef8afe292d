import { createContext, runInContext } from 'node:vm'

/** As much of a browser's element as the storefront's script touches. */
export class StubElement {
  textContent = ''
  className = ''
  checked = true
  readonly style: Record<string, string> = {}
  readonly children: unknown[] = []
  readonly classes = new Set<string>()
  readonly classList = {
    add: (name: string) => this.classes.add(name),
    remove: (name: string) => this.classes.delete(name),
  }
  readonly #found = new Map<string, StubElement>()
  readonly #listeners = new Map<string, () => unknown>()

  querySelector(selector: string): StubElement {
    const found = this.#found.get(selector) ?? new StubElement()
    this.#found.set(selector, found)
    return found
  }

  append(...children: unknown[]): void {
    this.children.push(...children)
  }

  replaceChildren(...children: unknown[]): void {
    this.children.splice(0, this.children.length, ...children)
  }

  addEventListener(name: string, listener: () => unknown): void {
    this.#listeners.set(name, listener)
  }

  /** Calls what listens, and resolves when it is done. */
  async fire(name: string): Promise<void> {
    await this.#listeners.get(name)?.()
  }
}

/** Runs a page's inline script against stubs; elements are found by id. `fetch` is what the script's own asks. */
export function runPage(html: string, fetch: (url: string) => Promise<Response>): (id: string) => StubElement {
  const script = /<script>([^]*)<\/script>/.exec(html)?.[1] ?? ''
  const root = new StubElement()
  const document = {
    hidden: false,
    body: root,
    getElementById: (id: string) => root.querySelector(id),
    createElement: () => new StubElement(),
  }
  runInContext(script, createContext({ document, fetch, AbortSignal, setInterval: () => 0 }))
  return (id) => (id === 'body' ? root : root.querySelector(id))
}
