// The build of the soak's service: what it makes of `source` is what its instances of this revision read, and those of no other.
import { readFileSync, writeFileSync } from 'node:fs'

writeFileSync('built', readFileSync('source', 'utf8'))
