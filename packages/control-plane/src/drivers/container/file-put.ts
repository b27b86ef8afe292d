import { PandoError } from '@pando/model'
import type { Clock } from '../../clock.js'
import type { FileChange } from '../driver.js'
import { EngineError, type EngineClient } from './engine-client.js'
import { execute } from './exec-run.js'

const putWithinMs = 60_000
const removeWithinMs = 10_000
/** Beyond this an argument list might be more than the system takes. */
const mostArguments = 200

/** Into a container that runs: what is new, then what is gone. Rejects with `conflict` and says what was in the way. */
export async function putFiles(
  engine: EngineClient,
  clock: Clock,
  container: string,
  changes: readonly FileChange[],
): Promise<void> {
  await putArchives(engine, container, changes)
  const removed = changes.flatMap((change) => change.removed)
  for (let at = 0; at < removed.length; at += mostArguments) {
    const command = ['rm', '-rf', '--', ...removed.slice(at, at + mostArguments)]
    const { exitCode, output } = await execute({ engine, container, command, timeoutMs: removeWithinMs, clock }).catch(
      withoutRemoval,
    )
    if (exitCode === 0) continue
    // The engine says in its own words, on the command's output, that the image has no such program.
    const isAbsent = exitCode === 126 || exitCode === 127
    throw new PandoError(
      'conflict',
      isAbsent ? noRemoval : `deleted files stay in the container: ${output.trim().slice(0, 300)}`,
      isAbsent ? { hint: 'deploy the service, or restart it, for a container without them' } : {},
    )
  }
}

const noRemoval = 'deleted files stay in the container, as its image has no "rm"'

function withoutRemoval(error: unknown): { readonly exitCode: number; readonly output: string } {
  if (error instanceof EngineError && /executable file not found|no such file/i.test(error.message)) {
    return { exitCode: 127, output: '' }
  }
  throw error
}

/** Into a container that was only made. What cannot be put keeps nothing from starting: why not is what it resolves with. */
export async function putIntoNew(
  engine: EngineClient,
  container: string,
  changes: Promise<readonly FileChange[]> | undefined,
): Promise<readonly string[]> {
  try {
    await putArchives(engine, container, (await changes) ?? [])
    return []
  } catch (error) {
    return [`it has no synced files: ${PandoError.from(error).message}`]
  }
}

async function putArchives(engine: EngineClient, container: string, changes: readonly FileChange[]): Promise<void> {
  for (const { base, archive } of changes) {
    if (archive === null) continue
    try {
      await engine.ask('PUT', `/containers/${container}/archive`, {
        query: { path: base },
        body: once(archive),
        contentType: 'application/x-tar',
        timeoutMs: putWithinMs,
      })
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      throw new PandoError('conflict', `files could not be put into the container: ${error.message}`, { cause: error })
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
