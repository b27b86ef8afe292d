import { ending, imageFolder, type RecipeOrder } from './recipe.js'

/** It has a shell, which commands that are one text need. */
const smallImage = 'debian:stable-slim'

export function goLines(order: RecipeOrder): string[] {
  const { folder, service, base = 'golang:1', runtime = smallImage } = order
  const files = ['go.mod', 'go.sum'].filter((name) => folder.has(name))
  return [
    `FROM ${base} AS build`,
    'WORKDIR /src',
    ...(files.length === 2 ? [`COPY ${files.join(' ')} ./`, 'RUN go mod download'] : []),
    'COPY . ./',
    // Nothing of the machine that builds is written into the program.
    `RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/${service} ${goPackage(order)}`,
    '',
    ...running(service, `/out/${service}`, runtime),
  ]
}

function goPackage({ folder, service, fail }: RecipeOrder): string {
  if (folder.names('.').some((name) => name.endsWith('.go') && !name.endsWith('_test.go'))) return '.'
  const programs = folder.names('cmd')
  const program = programs.length === 1 ? programs[0] : programs.find((name) => name === service)
  if (program !== undefined) return `./cmd/${program}`
  throw fail('which of its programs to build cannot be told', 'write a Dockerfile')
}

export function rustLines({
  folder,
  service,
  base = 'rust:1-slim',
  runtime = smallImage,
  fail,
}: RecipeOrder): string[] {
  const text = folder.text('Cargo.toml') ?? ''
  const programs = [...text.matchAll(/^\[\[bin\]\][^[]*?^\s*name\s*=\s*"([^"]+)"/gm)].map(([, name = '']) => name)
  const [, own] = /^\[package\][^[]*?^\s*name\s*=\s*"([^"]+)"/m.exec(text) ?? []
  const program = programs.length > 1 ? programs.find((name) => name === service) : (programs[0] ?? own)
  if (program === undefined) throw fail('which of its programs to run cannot be told', 'write a Dockerfile')
  const locked = folder.has('Cargo.lock') ? ' --locked' : ''
  return [
    `FROM ${base} AS build`,
    'WORKDIR /src',
    'COPY . ./',
    `RUN cargo build --release${locked} --bin ${program}`,
    '',
    ...running(program, `/src/target/release/${program}`, runtime),
  ]
}

export function mavenLines(order: RecipeOrder): string[] {
  const { folder, base = 'maven:3-eclipse-temurin-21', runtime = 'eclipse-temurin:21-jre' } = order
  const isSpring = /spring-boot/.test(folder.text('pom.xml') ?? '')
  const jar = `${imageFolder}/app.jar`
  const choose = "ls -S target/*.jar | grep -vE -e '-(sources|javadoc|tests|plain)[.]jar$' -e '/original-' | head -n 1"
  return [
    `FROM ${base} AS build`,
    'WORKDIR /src',
    'COPY pom.xml ./',
    'RUN mvn -q -B dependency:go-offline',
    'COPY . ./',
    `RUN mvn -q -B package -DskipTests -Dproject.build.outputTimestamp=1980-01-01T00:00:02Z && cp "$(${choose})" /app.jar`,
    '',
    `FROM ${runtime}`,
    `WORKDIR ${imageFolder}`,
    `COPY --from=build /app.jar ${jar}`,
    ...ending(isSpring ? ['/bin/sh', '-c', `exec java -jar ${jar} --server.port=$PORT`] : ['java', '-jar', jar]),
  ]
}

function running(name: string, made: string, runtime: string): string[] {
  const program = `/usr/local/bin/${name}`
  return [`FROM ${runtime}`, `WORKDIR ${imageFolder}`, `COPY --from=build ${made} ${program}`, ...ending([program])]
}
