import type { CertificateFiles, TlsSpec } from '@pando/model'
import { PandoError } from '@pando/model'
import { Argument, type Command } from 'commander'
import { showCertificate, type ShownCertificate } from '../certificates/shown-certificate.js'
import { trustSteps } from '../certificates/trust-steps.js'
import { newCommand, projectOf, type Attach, type Invocation } from '../command.js'
import { print, printJson, type Context } from '../context.js'
import { readManifest } from '../manifest-reader.js'
import { renderTable } from '../render/table.js'

interface CertOptions {
  readonly authority?: boolean
}

// Certificates are made with a library that is slow to load; only what this command does needs it.
const certificatesRoom = () => import('@pando/control-plane')

export function certCommand(attach: Attach): Command {
  const command = newCommand('cert', "show the gateway's certificates; trust or renew those for development")
    .addArgument(
      new Argument('[action]', 'show; trust: say how the development authority is trusted, and change nothing; renew')
        .choices(['show', 'trust', 'renew'])
        .default('show'),
    )
    .option('--authority', 'with renew: a new development authority too, which has to be trusted anew')
  return attach<CertOptions>(command, async (invocation) => {
    const action = invocation.args[0] ?? 'show'
    if (invocation.options.authority === true && action !== 'renew') {
      throw new PandoError('usage', '--authority goes with renew only')
    }
    if (action === 'trust') await trust(invocation)
    else if (action === 'renew') await renew(invocation)
    else await show(invocation)
    return 0
  })
}

async function show(invocation: Invocation<CertOptions>): Promise<void> {
  const { context, options } = invocation
  const { tls, local } = await tlsOf(invocation)
  const files = tls.certificates ?? [local]
  const shown = await Promise.all(files.map((pair) => showCertificate(pair, context.now())))
  if (options.json === true) printJson(context, shown)
  else
    print(
      context,
      renderTable(
        ['CERTIFICATE', 'NAMES', 'UNTIL', 'FROM'],
        shown.map((one, index) => row(one, files[index], context)),
        context,
      ),
    )
}

function row(shown: ShownCertificate | null, files: CertificateFiles | undefined, { paint }: Context): string[] {
  if (shown === null) return [files?.cert ?? '', paint.red('cannot be read, or is not made yet'), '', '']
  const { cert, names, validUntil, daysLeft, issuer } = shown
  const until = `${validUntil.slice(0, 10)}, ${daysLeft} days`
  return [cert, names.join(' '), daysLeft < 0 ? paint.red(until) : until, issuer]
}

async function trust(invocation: Invocation<CertOptions>): Promise<void> {
  const { context, options } = invocation
  const { authorityFolder, LocalAuthority } = await certificatesRoom()
  const { certificate: path } = await LocalAuthority.open(authorityFolder(context.env), context.now())
  const shown = await showCertificate({ cert: path, key: '' }, context.now())
  const sha256 = shown?.sha256 ?? ''
  if (options.json === true) {
    printJson(context, { certificate: path, sha256 })
    return
  }
  const { paint } = context
  // Where there is no manifest yet, or it encrypts nothing: the port that `tls: true` would have.
  const port = await tlsOf(invocation).then(
    ({ tls }) => tls.port,
    () => 8443,
  )
  const steps = trustSteps(path, port)
  const width = Math.max(...steps.map(([who]) => who.length))
  print(context, `${paint.bold(path)}\n${paint.dim(`SHA-256 ${sha256}`)}\n`)
  print(
    context,
    'It signs the development certificates of your apps. Nothing trusts it until you say so, each for itself:\n',
  )
  print(context, steps.map(([who, what]) => `  ${paint.cyan(who.padEnd(width))}  ${what}`).join('\n'))
  print(
    context,
    '\nWhoever has the key beside it can pass for every site to what trusts it: trust it on this machine only.',
  )
}

async function renew(invocation: Invocation<CertOptions>): Promise<void> {
  const { context, options } = invocation
  const { authorityFolder, ensureLocalCertificate, LocalAuthority, namesOf } = await certificatesRoom()
  const { tls, local, app } = await tlsOf(invocation)
  if (tls.certificates !== null) {
    throw new PandoError('conflict', 'the certificates of this app are your own', {
      hint: 'write the new ones into the same files: the gateway reads them within seconds',
    })
  }
  const folder = authorityFolder(context.env)
  const open = options.authority === true ? LocalAuthority.replace : LocalAuthority.open
  const authority = await open(folder, context.now())
  await ensureLocalCertificate(local, namesOf(app), authority, { now: context.now(), isForced: true })
  const shown = await showCertificate(local, context.now())
  if (options.json === true) printJson(context, shown)
  else
    print(
      context,
      `${local.cert} is new, until ${shown?.validUntil.slice(0, 10)}; a gateway that runs shows it within seconds.`,
    )
}

/** How the app of the manifest encrypts, and where its development certificate is. */
async function tlsOf(invocation: Invocation<CertOptions>) {
  const { context } = invocation
  const project = projectOf(invocation)
  const { localCertificateFiles } = await certificatesRoom()
  const { app } = await readManifest(project.manifest, context.env)
  const tls: TlsSpec | undefined = app.gateway.tls
  if (tls === undefined) {
    throw new PandoError('conflict', 'the gateway of this app encrypts nothing', {
      hint: 'write `gateway: { tls: true }` into the manifest for a development certificate',
    })
  }
  return { app, tls, local: localCertificateFiles(project.stateDir) }
}
