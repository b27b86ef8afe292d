// What the two services of the soak share. $BAD makes them bad ones: crash, crash-later, unhealthy or 500.
// They read what was built for them with every request: any other file than their own revision's is an error that the soak counts.
import { appendFileSync, readFileSync } from 'node:fs'

const { BAD, OUT, VERSION, SOURCE, PANDO_INSTANCE: instance } = process.env
if (BAD === 'crash') process.exit(3)

export const take = (file, number) => appendFileSync(`${OUT}/${file}`, `${number}\n`)

/** What a service says of itself first where messages follow; a doomed one will end without a word. */
export const greeting = JSON.stringify({ instance, isDoomed: BAD === 'crash-later' })

export function answerTo(number) {
  const built = readFileSync(new URL('built', import.meta.url), 'utf8')
  if (built !== SOURCE) return { isGood: false, answer: { isMixed: true, number, instance, built, SOURCE } }
  const isBad = BAD === '500'
  return { isGood: !isBad, answer: { isBad, number, instance, version: VERSION } }
}

/** To a probe. One that ends later is well for long enough to be given requests, and gone soon after. */
export function isWell() {
  if (BAD === 'crash-later') setTimeout(die, 200)
  return BAD !== 'unhealthy'
}

function die() {
  take('deaths', instance)
  process.exit(4)
}
