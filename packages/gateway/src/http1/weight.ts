/** The weight that a member of an Accept field has by its parameters, in lower case (RFC 9110 section 12.4.2): 1 without a word; what is no weight is 0. */
export function weightOf(parameters: readonly string[]): number {
  const written = parameters.find((parameter) => parameter.startsWith('q='))
  if (written === undefined) return 1
  return /^q=(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(written) ? Number(written.slice(2)) : 0
}
