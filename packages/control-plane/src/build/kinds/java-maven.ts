import { readFileSync, readdirSync, statSync } from 'node:fs'
import type { BuildKindRecipe } from '../build-kind.js'
import { quoted } from '../build-kind.js'
import type { BuildRoom } from '../build-room.js'
import { sourceHash } from '../source-hash.js'

const outputs = ['target', '.mvn-cache']

/** `mvn package` (or the project's own ./mvnw), then the jar that has everything in it. */
export function mavenRecipe(room: BuildRoom): BuildKindRecipe {
  return {
    async prepare() {
      const key = await sourceHash(room.source(), outputs)
      if (room.readStamp('maven') === key && findJar(room) !== null) return
      requireJava(room)
      const mvn = room.has('mvnw')
        ? './mvnw'
        : room.require(
            'mvn',
            'install Maven (Debian: apt install maven), or add the Maven wrapper to the project (mvn wrapper:wrapper)',
          )
      await room.run('mvn package', [mvn, '-q', '-B', 'package', '-DskipTests'])
      room.writeStamp('maven', key)
    },
    async describe() {
      const jar = findJar(room)
      const java = requireJava(room)
      return {
        command: () => {
          if (jar === null) throw room.fail('target/ holds no jar', 'set "command" to what starts it')
          const kept = room.keep('java', jar, `${room.order.service}.jar`)
          return isSpringBoot(room) ? `${quoted(java)} -jar ${quoted(kept)} --server.port=$PORT` : [java, '-jar', kept]
        },
        environment: {},
        path: [],
      }
    },
  }
}

function requireJava(room: BuildRoom): string {
  const home = room.environment['JAVA_HOME']
  const own = home === undefined ? null : `${home}/bin/java`
  if (own !== null && statSync(own, { throwIfNoEntry: false }) !== undefined) return own
  return room.require('java', 'install a JDK (Debian: apt install default-jdk) or set JAVA_HOME')
}

/** The largest one that is no sources, documentation, test or left-over original: the fat jar where the build makes one. */
function findJar(room: BuildRoom): string | null {
  if (!room.has('target')) return null
  const jars = readdirSync(room.source('target'))
    .filter((name) => name.endsWith('.jar') && !/-(?:sources|javadoc|tests|plain)\.jar$/.test(name))
    .filter((name) => !name.startsWith('original-'))
    .map((name) => ({ file: room.source('target', name), size: statSync(room.source('target', name)).size }))
    .sort((a, b) => b.size - a.size)
  return jars[0]?.file ?? null
}

function isSpringBoot(room: BuildRoom): boolean {
  try {
    return /<groupId>\s*org\.springframework\.boot\s*<\/groupId>/.test(readFileSync(room.source('pom.xml'), 'utf8'))
  } catch {
    return false
  }
}
