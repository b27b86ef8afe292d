import { randomBytes, scryptSync } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Command } from 'commander'
import { type ApiKeyInfo, PandoError } from '@pando/model'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson, type Context } from '../context.js'
import { renderDuration } from '../render/duration.js'
import { renderTable } from '../render/table.js'
import { withRunning } from '../running.js'

/** RFC 7914: 32 MB and about a quarter of a second. The gateway reads others, too. */
const cost = { ln: 15, r: 8, p: 3 }

export function keyCommand(attach: Attach): Command {
  return new Command('key')
    .description('make, list and revoke API keys; hash a password')
    .addCommand(createCommand(attach))
    .addCommand(listCommand(attach))
    .addCommand(revokeCommand(attach))
    .addCommand(hashPasswordCommand(attach))
}

interface CreateOptions {
  readonly scope?: readonly string[]
  readonly service?: readonly string[]
  readonly expires?: string
}

function createCommand(attach: Attach): Command {
  const command = newCommand('create', 'make an API key; it is shown once')
    .argument('<name>', 'what it is for, for example ci')
    .option('--scope <scope...>', 'what it may do, as routes ask for it')
    .option('--service <service...>', 'only routes to these services (default: all)')
    .option('--expires <time>', 'for example 90d or 12h (default: until it is revoked)')
  return attach<CreateOptions>(command, async (invocation) => {
    const { context, options, args } = invocation
    const wish = {
      name: args[0] ?? '',
      scopes: options.scope ?? [],
      services: options.service ?? [],
      expiresInMs: options.expires === undefined ? null : parseLifetime(options.expires),
    }
    const { made, unknown } = await withRunning(daemonOf(invocation), async (control) => {
      const present = (await control.status()).services.map(({ name }) => name)
      const unknown = wish.services.filter((name) => !present.includes(name))
      return { made: await control.createKey(wish), unknown }
    })
    for (const name of unknown) {
      const message = `there is no service ${name} here: that name lets in nowhere until there is`
      context.stderr.write(`${context.paint.yellow(`${message} (pando key revoke ${wish.name} takes it back)`)}\n`)
    }
    if (options.json === true) printJson(context, made)
    else {
      print(context, made.key)
      context.stderr.write(
        `${context.paint.dim('This is the only time that it is shown: only its hash is kept. pando key revoke takes it back.')}\n`,
      )
    }
    return 0
  })
}

function listCommand(attach: Attach): Command {
  return attach(newCommand('list', 'show what is known of API keys'), async (invocation) => {
    const { context, options } = invocation
    const keys = await withRunning(daemonOf(invocation), (control) => control.keys())
    if (options.json === true) printJson(context, keys)
    else print(context, render(keys, context))
    return 0
  })
}

function revokeCommand(attach: Attach): Command {
  const command = newCommand('revoke', 'take API keys back, at once').argument(
    '<name...>',
    'as pando key list shows them',
  )
  return attach(command, async (invocation) => {
    const { context, options, args } = invocation
    await withRunning(daemonOf(invocation), async (control) => {
      for (const name of args) await control.revokeKey(name)
    })
    if (options.json === true) printJson(context, args)
    else for (const name of args) print(context, `${name}: revoked`)
    return 0
  })
}

function hashPasswordCommand(attach: Attach): Command {
  const command = newCommand(
    'hash-password',
    'hash a password from standard input, for a file of basic authentication',
  ).argument('<name>', 'whose it is')
  return attach(command, async ({ context, options, args }) => {
    const name = args[0] ?? ''
    if (name === '' || /[:#\s]/.test(name)) {
      throw new PandoError('usage', `"${name}" cannot be the name of a user`, {
        hint: 'take one without colon and space',
      })
    }
    // Never an argument: those are seen by whoever lists processes.
    if (process.stdin.isTTY) context.stderr.write('Password: ')
    const password = await firstLine(process.stdin)
    if (process.stdin.isTTY) context.stderr.write('\n')
    if (password === '') throw new PandoError('usage', 'there is no password on standard input')
    const line = `${name}:${hashPassword(password, randomBytes(16))}`
    if (options.json === true) printJson(context, { name, line })
    else print(context, line)
    return 0
  })
}

function render(keys: readonly ApiKeyInfo[], { paint, now }: Context): string {
  const time = now()
  const rows = keys.map((key) => [
    paint.name(key.name),
    `${key.prefix}…`,
    `${renderDuration(time - key.createdAt)} ago`,
    key.lastUsedAt === null ? 'never' : `${renderDuration(time - key.lastUsedAt)} ago`,
    key.expiresAt === null
      ? 'never'
      : key.expiresAt <= time
        ? paint.yellow('expired')
        : `in ${renderDuration(key.expiresAt - time)}`,
    key.scopes.join(' '),
    key.services.length === 0 ? 'all' : key.services.join(' '),
  ])
  return renderTable(['NAME', 'KEY', 'MADE', 'USED', 'EXPIRES', 'SCOPES', 'SERVICES'], rows, { paint })
}

/** Milliseconds of `90d`, `12h` or `30m`; throws `usage`. */
export function parseLifetime(text: string): number {
  const match = /^(\d{1,4})(d|h|m)$/.exec(text)
  const unit = { d: 86_400_000, h: 3_600_000, m: 60_000 }[match?.[2] ?? '']
  const ms = Number(match?.[1]) * (unit ?? 0)
  if (unit === undefined || ms === 0) {
    throw new PandoError('usage', `"${text}" is no time that a key could live`, {
      hint: 'write for example 90d, 12h or 30m',
    })
  }
  return ms
}

/** In the PHC string format, as the gateway reads it. */
export function hashPassword(password: string, salt: Buffer): string {
  const { ln, r, p } = cost
  const hash = scryptSync(password, salt, 32, { N: 2 ** ln, r, p, maxmem: 256 * r * 2 ** ln })
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/** What is typed at a terminal is not shown there. */
async function firstLine(input: NodeJS.ReadStream): Promise<string> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() })
  for await (const line of createInterface({ input, output: unseen, terminal: input.isTTY === true })) return line
  return ''
}
