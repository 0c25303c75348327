import type { AgentImage } from '../agent/image.js'
import { isUnder, isWithin } from '../latt/path.js'
import type { Message, Place } from '../message/envelope.js'
import { type Cell, type InChannel, inChannels, leavePlace, outChannel, putInChannel } from './cell.js'
import type { Host } from './host.js'
import type { CellCapture, ClientChannel } from './protocol.js'

const isAnswer = (message: Message) => message.kind === 'reply' || message.kind === 'error'
const messagesOf = (work: readonly { kind: string }[]) => work.filter((each): each is Message => each.kind !== 'timer')

/** What lies under a changed subtree is dropped from the way a reply takes; who asked stays. */
function liftPath(path: readonly string[], region: string): readonly string[] {
  return path.filter((hop, index) => index === 0 || !isUnder(hop, region))
}

/** The image of a wedged cell that is about to be replaced. Answers that wait for it go with what asked. */
export function captureImage(cell: Cell, region: string): AgentImage {
  return {
    state: cell.state,
    timers: [...cell.timers.values()],
    asks: [...cell.asks.values()],
    deferred: [...cell.deferred.values()].map((owed) => ({ ...owed, path: liftPath(owed.path, region) })),
    replies: [...messagesOf(cell.mailbox.toArray()), ...cell.parked].filter(isAnswer),
    random: cell.random,
  }
}

/** The channels of outside clients at a cell, each with what of it is accepted and not yet processed. */
export function captureChannels(cell: Cell, region: string): Omit<ClientChannel, 'home'>[] {
  const parked = new Map<string, Message[]>()
  for (const message of cell.parked) {
    if (isAnswer(message)) continue
    const channel = `${message.incarnation} ${message.name}`
    const found = parked.get(channel)
    if (found === undefined) parked.set(channel, [message])
    else found.push(message)
  }
  return inChannels(cell)
    .filter((channel) => !isWithin(channel.from, region))
    .map(({ from, incarnation, name, next, handled, early }) => ({
      client: from,
      incarnation,
      name,
      next,
      handled,
      early: [...(early?.values() ?? [])],
      parked: parked.get(`${incarnation} ${name}`) ?? [],
    }))
}

/** A wedged cell as it is, to go on elsewhere or with other code. `place`: where it is now. */
export function captureCell(cell: Cell, place: Place): CellCapture {
  for (const out of cell.outgoing.values()) leavePlace(cell, out, place)
  return {
    id: cell.id,
    image: {
      state: cell.state,
      timers: [...cell.timers.values()],
      asks: [...cell.asks.values()],
      deferred: [...cell.deferred.values()],
      replies: [],
      random: cell.random,
    },
    now: cell.now,
    nextCorrelation: cell.nextCorrelation,
    nextToken: cell.nextToken,
    mailbox: messagesOf(cell.mailbox.toArray()),
    incoming: inChannels(cell).map(({ incarnation, from, name, next, handled, early, sender }) => ({
      incarnation,
      from,
      name,
      next,
      handled,
      sender,
      early: [...(early?.values() ?? [])],
    })),
    outgoing: [...cell.outgoing.values()].map(({ name, next, credited, last, past, waiting }) => ({
      name,
      next,
      credited,
      last,
      past,
      waiting: waiting.toArray(),
    })),
  }
}

function installInChannel(host: Host, cell: Cell, channel: Omit<InChannel, 'early'>, early: readonly Message[]): void {
  const entries = early.map((message) => [message.sequence, message] as const)
  putInChannel(cell, { ...channel, early: entries.length > 0 ? new Map(entries) : undefined })
  host.noteCursor(channel.incarnation, cell)
}

/** An image from another agent: the answers to its asks come to that one's address. */
export function inherited(image: AgentImage): AgentImage {
  return { ...image, asks: image.asks.map((ask) => ({ ...ask, inherited: true })) }
}

export function installImage(host: Host, cell: Cell, image: AgentImage): void {
  cell.state = image.state
  cell.random = image.random
  for (const timer of image.timers) host.timers.addTimer(cell, timer)
  for (const ask of image.asks) host.timers.addAsk(cell, ask)
  for (const owed of image.deferred) cell.deferred.set(owed.token, owed)
  for (const reply of image.replies) cell.mailbox.push(reply)
}

export function installCell(host: Host, cell: Cell, capture: CellCapture, image: AgentImage): void {
  installImage(host, cell, image)
  cell.now = capture.now
  cell.nextCorrelation = capture.nextCorrelation
  cell.nextToken = capture.nextToken
  for (const message of capture.mailbox) cell.mailbox.push(message)
  for (const { early, ...channel } of capture.incoming) installInChannel(host, cell, channel, early)
  for (const { name, next, credited, last, past, waiting } of capture.outgoing) {
    const out = outChannel(cell, name)
    out.next = next
    out.credited = credited
    out.last = last
    out.past = past
    for (const message of waiting) out.waiting.push(message)
    host.flow.checkWindow(cell, out)
  }
}

export function installChannel(host: Host, cell: Cell, channel: ClientChannel, sender: string): void {
  const { client, incarnation, name, next, handled, early, parked } = channel
  installInChannel(host, cell, { incarnation, from: client, name, next, handled, sender }, early)
  for (const message of parked) cell.mailbox.push(message)
}
