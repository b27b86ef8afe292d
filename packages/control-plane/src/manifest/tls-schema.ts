import { z } from 'zod'
import { filled, flag, port, portOrFree } from './schema-values.js'

const certificate = z.strictObject({
  cert: filled('a file').describe('PEM: the certificate, and those that lead to its root behind it.'),
  key: filled('a file').describe('PEM: its private key, without a passphrase.'),
})

const redirect = z
  .union([flag(), z.strictObject({ port: port().describe('Where clients reach https, if that is another port.') })], {
    error: 'expected true, false or { port }',
  })
  .optional()
  .describe(
    'Answers requests on the plain port with 308 to https. { port: 443 } where a router changes the port. Default: false.',
  )

const tls = z
  .strictObject({
    port: portOrFree().optional().describe('0: a free one. Default: 8443.'),
    certificates: z
      .array(certificate, { error: 'expected a list of { cert, key }' })
      .min(1, { error: 'expected at least one certificate; without the list it is the development certificate' })
      .max(200)
      .optional()
      .describe(
        'Shown by the name that a client asks for; the first one for every other name. The files are read again when they change. Default: one of the development authority of this user.',
      ),
    min_version: z
      .union([z.enum(['1.2', '1.3']), z.literal(1.2), z.literal(1.3)], { error: 'expected 1.2 or 1.3' })
      .optional()
      .describe('The oldest TLS that is spoken. Default: 1.2.'),
    client_auth: z
      .strictObject({
        ca: filled('a file').describe('PEM: the authorities that may have signed the certificates of clients.'),
        mode: z
          .enum(['require', 'request'])
          .optional()
          .describe('request: clients without a certificate are served too. Default: require.'),
      })
      .optional()
      .describe('Asks clients for certificates.'),
    redirect,
  })
  .describe('How it encrypts.')

export const tlsFields = {
  tls: z
    .union([flag(), tls], { error: 'expected true or a map' })
    .optional()
    .describe('A second port, encrypted. true: with the development certificate. Default: false.'),
}

export type TlsInput = z.infer<typeof tlsFields.tls>
