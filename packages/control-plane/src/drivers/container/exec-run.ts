import { randomUUID } from 'node:crypto'
import { PandoError } from '@pando/model'
import type { Clock } from '../../clock.js'
import { shell } from '../process/launcher.js'
import type { EngineClient } from './engine-client.js'
import { OutputFrames } from './output-frames.js'

const maxOutputBytes = 65_536

/** Inherited by whatever the command starts, so that all of it can be found again. */
const markName = 'PANDO_RUN'
const sweepWithinMs = 5000

/**
 * Runs a command inside a container to its end and collects what it prints (the first 64 KiB). The engine cannot end what it has
 * started there: after the timeout a second command kills the first and all that it has started. That takes a shell and grep in
 * the image; without them nobody waits for it any more, and it goes with the container at the latest.
 */
export async function execute(options: {
  readonly engine: EngineClient
  readonly container: string
  readonly command: string | readonly string[]
  readonly timeoutMs: number
  readonly clock: Clock
}): Promise<{ readonly exitCode: number; readonly output: string }> {
  const { engine, container, command, timeoutMs, clock } = options
  const abort = new AbortController()
  const cancel = clock.after(timeoutMs, () => abort.abort())
  const { signal } = abort
  const mark = `${markName}=${randomUUID()}`
  try {
    const Cmd = typeof command === 'string' ? shell(command) : command
    const body = { Cmd, Env: [mark], AttachStdout: true, AttachStderr: true }
    const made = await engine.ask<{ readonly Id: string }>('POST', `/containers/${container}/exec`, {
      body,
      signal,
      absent: [404, 409],
    })
    if (made === null) throw new PandoError('not_found', 'the instance does not run')
    const stream = await engine.stream('POST', `/exec/${made.Id}/start`, {
      body: { Detach: false, Tty: false },
      signal,
    })
    const frames = new OutputFrames()
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      for (const payload of frames.push(chunk)) {
        if (bytes < maxOutputBytes) chunks.push(payload.subarray(0, maxOutputBytes - bytes))
        bytes += payload.length
      }
    }
    const details = await engine.ask<{ readonly ExitCode: number | null }>('GET', `/exec/${made.Id}/json`, { signal })
    return { exitCode: details?.ExitCode ?? 255, output: Buffer.concat(chunks).toString('utf8') }
  } catch (error) {
    if (!signal.aborted) throw error
    void sweep(engine, container, mark).catch(() => {})
    throw new PandoError('timeout', `the command did not end within ${timeoutMs} ms`, { cause: error })
  } finally {
    cancel()
  }
}

async function sweep(engine: EngineClient, container: string, mark: string): Promise<void> {
  const script = `for each in /proc/[0-9]*; do grep -qs '${mark}' "$each/environ" && kill -9 "\${each#/proc/}"; done`
  const made = await engine.ask<{ readonly Id: string }>('POST', `/containers/${container}/exec`, {
    body: { Cmd: shell(script) },
    absent: [404, 409],
    timeoutMs: sweepWithinMs,
  })
  if (made === null) return
  await engine.ask('POST', `/exec/${made.Id}/start`, { body: { Detach: true, Tty: false }, timeoutMs: sweepWithinMs })
}
