import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withContainerApp } from '../support/container-app.js'
import { hasEngine, type ContainerEngine } from '../support/container-engine.js'
import type { TarEntry } from '../../packages/control-plane/src/build/tar.js'
import type { TemporaryApp } from '../support/temporary-app.js'
import { goEntries, goRoot, rustEntries, rustRoot } from '../support/compilers.js'
import { programEntries, shellEntries } from '../support/offline-images.js'

interface Language {
  readonly name: string
  readonly root: string | null
  /** `program` is a folder with the files, and may be left with more in it. */
  readonly entries: (root: string, program: string) => TarEntry[]
  /** Of the image that it is built in. */
  readonly changes: (root: string) => readonly string[]
  readonly files: Readonly<Record<string, string>>
}

// Without package net, which brings half of the standard library along to be compiled.
const goServer = `package main

import (
	"strconv"
	"syscall"
)

func main() {
	text, _ := syscall.Getenv("PORT")
	port, _ := strconv.Atoi(text)
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(socket, &syscall.SockaddrInet4{Port: port})
	}
	if err == nil {
		err = syscall.Listen(socket, 16)
	}
	if err != nil {
		panic(err)
	}
	body := "user " + strconv.Itoa(syscall.Getuid())
	answer := "HTTP/1.1 200 OK\\r\\ncontent-length: " + strconv.Itoa(len(body)) + "\\r\\nconnection: close\\r\\n\\r\\n" + body
	for {
		connection, _, err := syscall.Accept(socket)
		if err != nil {
			continue
		}
		syscall.Read(connection, make([]byte, 4096))
		syscall.Write(connection, []byte(answer))
		syscall.Close(connection)
	}
}
`
const rustServer = `use std::{env, fs, io::{Read, Write}, net::TcpListener};

fn main() {
    let at = format!("{}:{}", env::var("HOST").unwrap(), env::var("PORT").unwrap());
    for stream in TcpListener::bind(at).unwrap().incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 4096]);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let user = status.lines().find(|line| line.starts_with("Uid:")).unwrap().split_whitespace().nth(1).unwrap();
        let body = format!("user {user}");
        let _ = write!(stream, "HTTP/1.1 200 OK\\r\\ncontent-length: {}\\r\\nconnection: close\\r\\n\\r\\n{body}", body.len());
    }
}
`

const languages: readonly Language[] = [
  {
    name: 'Go',
    root: goRoot,
    entries: goEntries,
    changes: (root) => [
      `ENV PATH=${root}/bin:/bin`,
      'ENV GOTOOLCHAIN=local',
      'ENV GOPROXY=off',
      'ENV GOCACHE=/gocache',
    ],
    files: { 'go.mod': 'module web\n\ngo 1.21\n', 'main.go': goServer },
  },
  {
    name: 'Rust',
    root: rustRoot,
    entries: rustEntries,
    changes: (root) => [`ENV PATH=${root}/bin:/usr/bin:/bin`],
    files: {
      'Cargo.toml': '[package]\nname = "web"\nversion = "0.1.0"\nedition = "2021"\n',
      'Cargo.lock': 'version = 3\n\n[[package]]\nname = "web"\nversion = "0.1.0"\n',
      'src/main.rs': rustServer,
    },
  },
]

const service = `
  web:
    driver: container
    build: { context: ./web, base: toolchain, runtime: small }
    healthcheck: /healthz
    routes: [/web]`

for (const { name, root, entries, changes, files } of languages) {
  describe.skipIf(!hasEngine || root === null)(`a ${name} program without a Dockerfile`, () => {
    let engine: ContainerEngine
    let app: TemporaryApp

    withContainerApp(service, async (made) => {
      ;({ engine, app } = made)
      write('program', 1e9)
      const tools = [...shellEntries(), ...entries(root ?? '', app.file('program'))]
      await engine.importImage('toolchain', tools, changes(root ?? ''))
      // What a program of Rust loads, and more; one of Go loads nothing.
      const node = process.execPath.slice(1)
      const libraries = programEntries([process.execPath]).filter((entry) => entry.name !== node)
      await engine.importImage('small', [...shellEntries(), ...libraries])
      write('web', 1e9)
    })

    const write = (folder: string, seconds: number): void => {
      for (const [file, text] of Object.entries(files)) {
        const path = app.file(`${folder}/${file}`)
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, text)
        utimesSync(path, seconds, seconds)
      }
    }
    const build = async (): Promise<{ id: string; isCached: boolean; isSteady: boolean; output: string }> => {
      const { code, stdout, stderr } = await app.run('build', '--json')
      expect(code, `${stdout}${stderr}`).toBe(0)
      return { ...JSON.parse(stdout)[0], output: stderr }
    }

    test('is built by its own tools and answers, not as root, from an image without them', async () => {
      const up = await app.run('up', '-d')
      expect(up.code, `${up.stdout}${up.stderr}`).toBe(0)
      expect((await app.fetch('/web')).body).toBe('user 65532')
      const images = await engine.images<{ RepoTags: string[] | null; Size: number }>()
      const sizeOf = (start: string) => images.find(({ RepoTags }) => RepoTags?.[0]?.startsWith(start))?.Size ?? 0
      expect(sizeOf('pando-')).toBeLessThan(sizeOf('toolchain') / 4)
    }, 400_000)

    test('has the same digest when all of it is built again at another time', async () => {
      const first = await build()
      expect([first.isCached, first.isSteady]).toEqual([true, true])
      expect(await build()).toMatchObject({ id: first.id, isCached: true })
      expect((await app.run('down')).code).toBe(0)
      expect((await app.run('prune', '--all')).code).toBe(0)
      expect(await engine.images('?all=true')).toHaveLength(2)
      expect(readdirSync(join(app.stateDir, 'images'))).toEqual([])
      write('web', 1.7e9)
      const second = await build()
      expect(second.output).not.toContain('Using cache')
      expect([second.id, second.isCached]).toEqual([first.id, false])
      // It runs as it did.
      expect((await app.run('up', '-d')).code).toBe(0)
      expect((await app.fetch('/web')).body).toBe('user 65532')
    }, 400_000)
  })
}
