import { tickMs } from '../timer-wheel.js'

/** What has taken too long. */
export type Overdue = 'queue' | 'exchange' | 'attempt' | 'idle'

/** The timeouts of one exchange, on the wheel's clock; 0 is none. They are looked at together, by one timer of the client's. */
export class Timeouts {
  /** When something last went on. */
  lastActivity = 0
  /** Of the exchange as a whole. */
  deadline = 0
  /** Of the head of the answer to the try under way. */
  attemptDeadline = 0
  /** Of the wait in the queue; while there is one, nothing else has to go on. */
  queueDeadline = 0

  begin(now: number): void {
    this.lastActivity = now
    this.deadline = 0
    this.attemptDeadline = 0
    this.queueDeadline = 0
  }

  /** When the next of them may be over. */
  next(idleMs: number): number {
    let next = this.queueDeadline === 0 ? this.lastActivity + idleMs + tickMs : this.queueDeadline
    if (this.deadline !== 0 && this.deadline < next) next = this.deadline
    if (this.attemptDeadline !== 0 && this.attemptDeadline < next) next = this.attemptDeadline
    return next
  }

  /** The one that is over; null when none is. */
  overdue(now: number, idleMs: number): Overdue | null {
    if (this.queueDeadline !== 0 && now >= this.queueDeadline) return 'queue'
    if (this.deadline !== 0 && now >= this.deadline) return 'exchange'
    if (this.attemptDeadline !== 0 && now >= this.attemptDeadline) return 'attempt'
    if (this.queueDeadline === 0 && now - this.lastActivity >= idleMs + tickMs) return 'idle'
    return null
  }
}
