import { PandoError } from '@pando/model'
import type { ControlClient } from '@pando/control-plane/client'
import type { Daemon } from './daemon/daemon.js'

/** Does `work` with the control plane that runs; when none does, rejects and says what to do about it. */
export async function withRunning<T>(daemon: Daemon, work: (control: ControlClient) => Promise<T>): Promise<T> {
  try {
    return await work(daemon.control())
  } catch (error) {
    if (!(error instanceof PandoError) || error.code !== 'unavailable') throw error
    throw new PandoError('unavailable', `Pando is not running here (state directory ${daemon.stateDir})`, {
      hint: 'start it with: pando up',
      cause: error,
    })
  }
}
