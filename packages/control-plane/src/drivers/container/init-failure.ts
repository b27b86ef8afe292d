import type { EngineClient } from './engine-client.js'
import type { ContainerDetails } from './engine-types.js'
import { OutputFrames } from './output-frames.js'

/** A shell's exit code for what the init process of Podman (catatonit) says in words and ends with 1. */
export interface InitFailure {
  readonly code: 126 | 127
  readonly line: string
}

/** Null when the program was started. Docker's init has these exit codes itself. */
export async function initFailureOf(
  engine: EngineClient,
  { Id, State }: ContainerDetails,
): Promise<InitFailure | null> {
  if (State.ExitCode !== 1 || !(await engine.isPodman())) return null
  const query = { stderr: '1', tail: '1' }
  const said = await engine.stream('GET', `/containers/${Id}/logs`, { query })
  const frames = new OutputFrames()
  const lines: Buffer[] = []
  for await (const chunk of said as AsyncIterable<Buffer>) lines.push(...frames.push(chunk))
  return initFailureIn(Buffer.concat(lines).toString('utf8'))
}

export function initFailureIn(output: string): InitFailure | null {
  const [line, why = ''] = /^ERROR \(catatonit:\d+\): failed to exec pid1: (.+)$/m.exec(output) ?? []
  if (line === undefined) return null
  return { code: why.startsWith('Permission denied') ? 126 : 127, line }
}
