import { defineAgent } from '../agent/definition.js'
import type { Place } from '../message/envelope.js'
import { OvidError } from '../message/errors.js'
import { type AckMessage, CONTROLLER, hostId, type StageMessage } from './protocol.js'

/** What a box manager knows: its threads. Plain data. */
export interface BoxManagerState {
  readonly name: string
  readonly threads: Map<Place, 'running' | 'lost'>
}

function onlyFromSystem(sender: string): void {
  // The box's own hosts, seen from its manager, are `box/NAME/THREAD`.
  if (sender !== CONTROLLER && !sender.startsWith('box/'))
    throw new OvidError('not-allowed', `box managers take orders from the controller, not from ${sender}`)
}

/**
 * The agent `box/NAME`, one per box: hands the controller's operations to the box's threads, and tells the
 * controller which threads there are. An operation for a thread that is gone is refused at once.
 */
export const boxManager = defineAgent({
  kind: 'box-manager',
  init: (params: { name: string }): BoxManagerState => ({ name: params.name, threads: new Map() }),
  writes: {
    threadUp: (state, message: { place: Place }, context) => {
      onlyFromSystem(context.sender)
      state.threads.set(message.place, 'running')
      context.tell(CONTROLLER, 'threadUp', message)
    },
    threadLost: (state, message: { place: Place; reason: string }, context) => {
      onlyFromSystem(context.sender)
      if (state.threads.get(message.place) !== 'running') return
      state.threads.set(message.place, 'lost')
      context.tell(CONTROLLER, 'threadLost', message)
    },
    stage: (state, message: StageMessage, context) => {
      onlyFromSystem(context.sender)
      for (const [place, operation] of message.operations) {
        if (state.threads.get(place) === 'running')
          context.tell(hostId(place), 'operation', { plan: message.plan, operation })
        else {
          const ack: AckMessage = {
            plan: message.plan,
            stage: operation.stage,
            place,
            error: { code: 'no-such-place', message: `${place} is not running` },
          }
          context.tell(CONTROLLER, 'ack', ack)
        }
      }
    },
  },
})
