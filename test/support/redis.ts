import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { freePorts } from './free-ports.js'

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

/** A real store of its own, on loopback, that keeps nothing on disk. */
export class Redis {
  readonly port: number
  #child: ChildProcess | null = null
  readonly #password: string

  private constructor(port: number, password: string) {
    this.port = port
    this.#password = password
  }

  static async start(password = ''): Promise<Redis> {
    const [port = 0] = await freePorts(1)
    const redis = new Redis(port, password)
    await redis.resume()
    return redis
  }

  /** Starts it again on its port, empty. */
  async resume(): Promise<void> {
    const secret = this.#password === '' ? [] : ['--requirepass', this.#password]
    const child = spawn(
      'redis-server',
      [
        '--port',
        String(this.port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        '/tmp',
        ...secret,
      ],
      { stdio: 'ignore' },
    )
    this.#child = child
    while (!(await this.#accepts())) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** It answers nothing and closes nothing, as when its machine hangs. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }

  /** What it answers to an inline command, as it comes. */
  ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1')
      let text = ''
      socket.on('error', reject)
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
      const login = this.#password === '' ? '' : `AUTH ${this.#password}\r\n`
      socket.end(`${login}${command}\r\nQUIT\r\n`)
    })
  }

  async #accepts(): Promise<boolean> {
    return this.ask('PING').then(
      (answer) => answer.includes('PONG'),
      () => false,
    )
  }
}
