import type { Clock } from '../../clock.js'
import type { EngineClient } from './engine-client.js'
import type { ContainerDetails } from './engine-types.js'
import { OutputFrames } from './output-frames.js'

/** A shell's exit code for what the init process of Podman (catatonit) says in words and ends with 1. */
export interface InitFailure {
  readonly code: 126 | 127
  readonly line: string
}

/** That a container has ended may be told before its last line is in the log: of one that has ended just now, a log without a line is asked again. */
const mostAsked = 10
const pauseMs = 50
const justNowMs = 1_000

/** Null when the program was started. Docker's init has these exit codes itself. */
export async function initFailureOf(
  engine: Pick<EngineClient, 'isPodman' | 'stream'>,
  { Id, State }: Pick<ContainerDetails, 'Id' | 'State'>,
  clock: Clock,
): Promise<InitFailure | null> {
  if (State.ExitCode !== 1 || !(await engine.isPodman())) return null
  const mayBeLate = clock.now() - Date.parse(State.FinishedAt) < justNowMs
  for (let asked = 1; ; asked++) {
    const line = await lastErrorLine(engine, Id)
    if (line !== '' || !mayBeLate || asked === mostAsked) return initFailureIn(line)
    await new Promise<void>((resolve) => void clock.after(pauseMs, resolve))
  }
}

async function lastErrorLine(engine: Pick<EngineClient, 'stream'>, container: string): Promise<string> {
  const query = { stderr: '1', tail: '1' }
  const said = await engine.stream('GET', `/containers/${container}/logs`, { query })
  const frames = new OutputFrames()
  const lines: Buffer[] = []
  for await (const chunk of said as AsyncIterable<Buffer>) lines.push(...frames.push(chunk))
  return Buffer.concat(lines).toString('utf8')
}

export function initFailureIn(output: string): InitFailure | null {
  const [line, why = ''] = /^ERROR \(catatonit:\d+\): failed to exec pid1: (.+)$/m.exec(output) ?? []
  if (line === undefined) return null
  return { code: why.startsWith('Permission denied') ? 126 : 127, line }
}
