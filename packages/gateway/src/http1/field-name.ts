/** A name as trailers are told apart by it: in lower case, `_` as `-`, as behind CGI they are one. */
export function fieldName(bytes: Uint8Array, start: number, end: number): string {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
  return name.toString('latin1').toLowerCase().replaceAll('_', '-')
}
