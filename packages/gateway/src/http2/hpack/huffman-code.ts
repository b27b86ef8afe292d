/**
 * The Huffman code of RFC 7541, Appendix B. It is canonical: codes of one length follow one another in the order of their symbols, and
 * each length goes on where the one before it stopped. So the lengths say everything, and the codes are counted out of them.
 */

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** Symbols by the length of their codes; 256 is the end of string. */
const symbolsByLength: Readonly<Record<number, readonly (string | number | readonly number[])[]>> = {
  5: ['012aceiost'],
  6: [' %-./3456789=A_bdfghlmnpru'],
  7: [':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  8: ['&*,;XZ'],
  10: ['!"()?'],
  11: ["'+|"],
  12: ['#>'],
  13: [0, '$@[]~'],
  14: ['^}'],
  15: ['<`{'],
  19: ['\\', 195, 208],
  20: [128, 130, 131, 162, 184, 194, 224, 226],
  21: [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230],
  22: [
    [129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170],
    [173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233],
  ],
  23: [
    [1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157],
    [158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239],
  ],
  24: [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
  25: [199, 207, 234, 235],
  26: [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255],
  27: [203, 204, 211, 212, 214, 221, 222, 223, 241, range(244, 248), range(250, 254)],
  28: [range(2, 8), 11, 12, range(14, 21), range(23, 31), 127, 220, 249],
  30: [10, 13, 22, 256],
}

/** The symbol after the 256 bytes; it ends no string and must not occur in one (RFC 7541 section 5.2). */
export const endOfString = 256

/** By symbol: the code, in the low bits. */
export const huffmanCodes = new Uint32Array(257)
/** By symbol: the code's length in bits. */
export const huffmanLengths = new Uint8Array(257)

let nextCode = 0
let lengthBefore = 0
for (const [key, groups] of Object.entries(symbolsByLength)) {
  const length = Number(key)
  nextCode *= 2 ** (length - lengthBefore)
  lengthBefore = length
  for (const symbol of groups.flatMap((group) => (typeof group === 'string' ? [...Buffer.from(group)] : group))) {
    huffmanCodes[symbol] = nextCode++
    huffmanLengths[symbol] = length
  }
}
