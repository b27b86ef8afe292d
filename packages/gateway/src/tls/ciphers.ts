import { constants } from 'node:crypto'

/**
 * What Mozilla's guide calls "intermediate", without the finite-field Diffie-Hellman that its later versions left out as well: forward secrecy and authenticated encryption only.
 * Source: https://wiki.mozilla.org/Security/Server_Side_TLS
 */
export const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

export const curves = 'X25519:P-256:P-384'

/** A client that renegotiates makes the server work for nothing, and no client has a reason to. */
export const secureOptions = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION
