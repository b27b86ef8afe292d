import { WebSocket } from 'ws'

/** Texts both ways on one connection or stream, until one side ends it. */
export interface Conversation {
  readonly isOpen: boolean
  send(text: string): void
  /** We have had enough: what follows is our doing. */
  end(): void
  /** Ends it at once, as no answer comes. */
  breakOff(): void
}

/** The service took its leave, or what an end is that nobody says: of its instance's death. */
export type ConversationEnd = 'leave' | 'break' | 'fault'

export interface Listening {
  heard(text: string): void
  /** Once, at the end; `how` in the words of the protocol. */
  ended(end: ConversationEnd, how: string): void
}

export type Open = (listening: Listening) => Conversation

/** What a service says when it goes: RFC 6455 section 7.4.1, and 1012 of the IANA registry. */
const leaves = [1001, 1012]
/** No close frame came (section 7.1.5). */
const broken = 1006

const endOf = (code: number): ConversationEnd => {
  if (leaves.includes(code)) return 'leave'
  return code === broken ? 'break' : 'fault'
}

export const webSocketTo =
  (url: string): Open =>
  ({ heard, ended }) => {
    const socket = new WebSocket(url)
    socket.on('error', () => {})
    socket.on('message', (data) => heard(String(data)))
    socket.on('close', (code) => ended(endOf(code), String(code)))
    return {
      get isOpen() {
        return socket.readyState === WebSocket.OPEN
      },
      send: (text) => socket.send(text),
      end: () => socket.close(1000),
      breakOff: () => socket.terminate(),
    }
  }
