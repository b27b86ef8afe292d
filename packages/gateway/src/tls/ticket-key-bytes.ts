/** Bytes of a key that session tickets are sealed with, as OpenSSL takes them: a name, and keys to authenticate and to encrypt. */
export const ticketKeyBytes = 48
