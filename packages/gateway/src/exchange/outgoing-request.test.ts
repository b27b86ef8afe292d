import { beforeEach, describe, expect, it } from 'vitest'
import { IdSource } from '../ids.js'
import { OutgoingRequest } from './outgoing-request.js'

let spare: Buffer[] = []
let outgoing: OutgoingRequest

beforeEach(() => {
  spare = [Buffer.alloc(64)]
  const traffic = {
    ids: new IdSource(),
    takeHead: () => spare.pop() as Buffer,
    giveHead: (buffer: Buffer) => void spare.push(buffer),
  }
  outgoing = new OutgoingRequest(traffic as never)
  outgoing.begin()
})

describe('an outgoing request', () => {
  it('grows without touching the bytes that a write under way may still read', () => {
    outgoing.append(Buffer.from('a'.repeat(40)))
    const beingSent = outgoing.whole()
    const copy = Buffer.from(beingSent)
    outgoing.append(Buffer.from('b'.repeat(40)))
    expect(outgoing.whole().toString()).toBe(`${'a'.repeat(40)}${'b'.repeat(40)}`)
    outgoing.bytes.fill(0)
    expect(beingSent).toEqual(copy)
  })

  it('gives its buffer back, unless that is lent', () => {
    const { bytes } = outgoing
    outgoing.giveBack()
    expect(spare).toEqual([bytes])
    outgoing.begin()
    outgoing.isLent = true
    outgoing.giveBack()
    expect(spare).toEqual([])
  })

  it('has the same id each time that it is asked, also when it was refused before its head was written', () => {
    const id = outgoing.requestId()
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect(outgoing.requestId()).toBe(id)
  })

  it('begins anew', () => {
    outgoing.append(Buffer.from('x'))
    outgoing.isReplayable = false
    const before = outgoing.requestId()
    outgoing.giveBack()
    outgoing.begin()
    expect(outgoing.whole().length).toBe(0)
    expect(outgoing.isReplayable).toBe(true)
    expect(outgoing.requestId()).not.toBe(before)
  })
})
