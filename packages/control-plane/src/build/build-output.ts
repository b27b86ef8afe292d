import type { IncomingMessage } from 'node:http'
import { EngineError } from '../drivers/container/engine-client.js'

const maxOutputLine = 2000

/** What an engine's answer to a build has told. */
export interface BuildOutput {
  /** Ids of the images that the stages before the last ended with; empty from an engine that does not tell (BuildKit). */
  readonly stages: readonly string[]
}

/**
 * Lines of JSON: `stream` is what the build prints, `errorDetail` that it failed; the status was sent long before. Rejects with
 * `EngineError`.
 */
export async function outputOf(
  answer: IncomingMessage,
  onOutput: (line: string) => void,
  { isQuiet }: { readonly isQuiet: boolean },
): Promise<BuildOutput> {
  const stages = new Stages()
  let rest = ''
  answer.setEncoding('utf8')
  const take = (line: string): void => {
    if (line.trim() === '') return
    const message = JSON.parse(line) as { stream?: string; errorDetail?: { message?: string }; error?: string }
    const error = message.errorDetail?.message ?? message.error
    if (error !== undefined) throw new EngineError(500, error)
    if (isQuiet) return
    for (const text of (message.stream ?? '').split('\n')) {
      stages.take(text)
      if (text.trim() !== '') onOutput(text.slice(0, maxOutputLine))
    }
  }
  for await (const text of answer as AsyncIterable<string>) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
  }
  take(rest)
  return { stages: stages.ended }
}

/**
 * Docker's classic builder and Podman tell of every step, and then which image it came to. What FROM comes to is not of this build.
 */
class Stages {
  readonly ended: string[] = []
  #isFrom = false
  #last: string | null = null

  take(line: string): void {
    const [, docker, podman] = /^(?:Step \d+\/\d+ : (\w+)|(?:\[\d+\/\d+\] )?STEP \d+\/\d+: (\w+))/.exec(line) ?? []
    const instruction = docker ?? podman
    if (instruction !== undefined) {
      this.#isFrom = instruction.toUpperCase() === 'FROM'
      if (this.#isFrom && this.#last !== null) this.ended.push(this.#last)
      if (this.#isFrom) this.#last = null
      return
    }
    const [, id] = /^(?: ---|--)> (?:Using cache )?([0-9a-f]{11,64})$/.exec(line) ?? []
    if (id !== undefined && !this.#isFrom) this.#last = id
  }
}
