import { PandoError } from '@pando/model'
import type { Daemon } from './daemon/daemon.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The environment that a manifest is checked with before the control plane reads it: who does not say what runs services means what
 * the app was started with, there as here. Where no app runs, nothing is remembered.
 */
export async function withRememberedDriver(daemon: Daemon, env: Environment): Promise<Environment> {
  if (env['PANDO_DRIVER']) return env
  try {
    const { driver } = await daemon.control().status()
    return driver === undefined ? env : { ...env, PANDO_DRIVER: driver }
  } catch (error) {
    // What does not answer now is met again by whoever asks it to do something.
    if (error instanceof PandoError) return env
    throw error
  }
}
