// Pando's gateway without some of what it always does, so that this can be measured: there is no switch for it. A copy of the build is edited.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const writer = 'http1/request-writer.js'
const metrics = 'metrics/gateway-metrics.js'
const lines = (name, write) =>
  new RegExp(`to = put\\(out, to, ${name}\\);[^}]*?to = ${write}\\([^}]*?to = put\\(out, to, crlf\\);`)

/** What can be left out: by name, the edits of the built files, each of which must find its place. */
const edits = {
  addresses: [{ file: writer, find: /if \(forwardedLines !== null\) \{/, put: 'if (false) {' }],
  traceparent: [{ file: writer, find: lines('traceparentName', 'writeTraceparent'), put: '' }],
  requestId: [{ file: writer, find: lines('requestIdName', 'writeRequestId'), put: '' }],
  metrics: [
    { file: metrics, find: /record\(status, durationSeconds, requestBytes, responseBytes\) \{/, put: '$&return;' },
    { file: metrics, find: /record\(status, durationSeconds\) \{/, put: '$&return;' },
  ],
}

/** Names of all that can be left out. */
export const parts = Object.keys(edits)

/** Makes it in `folder` under `name` and returns its entry. `without`: names of what is left out. */
export function gatewayWithout({ root, folder, name, without }) {
  const copy = join(folder, `${name}-build`)
  cpSync(join(root, 'packages/gateway/dist'), join(copy, 'dist'), { recursive: true })
  cpSync(join(root, 'packages/gateway/package.json'), join(copy, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const { file, find, put } of without.flatMap((part) => edits[part])) {
    const path = join(copy, 'dist', file)
    const text = readFileSync(path, 'utf8')
    if (!find.test(text)) throw new Error(`${file} of the gateway has changed: ${find} is not in it any more.`)
    writeFileSync(path, text.replace(find, put))
  }
  return join(copy, 'dist/main.js')
}
