import type { AgentDefinition } from '../agent/definition.js'
import type { ControllerDefinition } from '../controller/controller.js'
import type { Box } from '../edge/box/box.js'
import type { EdgeClient } from '../edge/client/client.js'
import type { AgentClient } from '../edge/client/types.js'
import { findNode, type LattNode, leaves, walk } from '../latt/latt.js'
import { ROOT } from '../latt/path.js'
import { isTransformation } from '../latt/transformation.js'
import type { Place } from '../message/envelope.js'
import { OvidError } from '../message/errors.js'
import type { Command } from './command.js'
import { didYouMean, listed, shortened } from './words.js'

/** A running box as the commands see it: what they ask, and how they speak while they run. */
export class Session {
  readonly box: Box
  readonly client: EdgeClient
  readonly controller: AgentClient<ControllerDefinition>
  readonly commands: readonly Command[]
  /** Shows a line while a command runs; what a command answers is not shown by it. */
  readonly say: (line: string) => void
  /** Whether somebody is there to stop a command that runs until it is stopped. */
  readonly attended: boolean
  /** Set by `exit`, and when the process is told to end: no further command is begun. */
  ended = false
  /** Called when no further command is to be begun: who waits for one need not wait. */
  onEnd: () => void = () => {}
  #running = new AbortController()

  constructor(
    box: Box,
    client: EdgeClient,
    commands: readonly Command[],
    options: { say?: (line: string) => void; attended?: boolean } = {},
  ) {
    this.box = box
    this.client = client
    this.commands = commands
    this.controller = box.controller(client)
    this.say = options.say ?? (() => {})
    this.attended = options.attended ?? false
  }

  /** Aborted when the command that runs is to end. */
  get signal(): AbortSignal {
    return this.#running.signal
  }

  /** Before each command: an interruption is meant for one command alone. */
  begin(): void {
    if (!this.ended) this.#running = new AbortController()
  }

  /** Has the command that runs end: what it waits for may never come. */
  interrupt(): void {
    this.#running.abort()
  }

  /** Has the command that runs end, and begins no other. */
  end(): void {
    this.ended = true
    this.interrupt()
    this.onEnd()
  }

  async latt(): Promise<LattNode> {
    return (await this.controller.latt()).latt
  }

  /** Ids of all agents, virtual and physical. */
  async ids(): Promise<string[]> {
    return [...walk(await this.latt())].map((node) => node.id).filter((id) => id !== ROOT)
  }

  /** @throws OvidError `unknown-agent`, with the names there are */
  async node(id: string): Promise<LattNode> {
    const latt = await this.latt()
    const node = id === ROOT ? undefined : findNode(latt, id)
    if (node !== undefined) return node
    const ids = [...walk(latt)].map((each) => each.id).filter((each) => each !== ROOT)
    const names = latt.children.map((child) => child.id)
    throw new OvidError(
      'unknown-agent',
      `there is no agent ${JSON.stringify(shortened(id))}.${didYouMean(id, ids)} The system has ${listed(names)}`,
    )
  }

  /** The agent's definition, if it is an agent (and no gateway or proxy) whose code this process has. */
  definitionOf(node: LattNode): AgentDefinition | undefined {
    const found = this.box.store.get(node.code)
    return found !== undefined && !isTransformation(found) && found.form === 'agent' ? found : undefined
  }

  /** Types of the messages an agent understands; none for gateways, which say it themselves. */
  async messagesOf(id: string): Promise<string[]> {
    const node = findNode(await this.latt(), id)
    const definition = node === undefined || node.id === ROOT ? undefined : this.definitionOf(node)
    return [...(definition?.handlers.keys() ?? [])]
  }

  /** Threads agents may be moved to. */
  async places(): Promise<Place[]> {
    const boxes = await this.controller.boxes()
    const threads = boxes.flatMap((box) => box.threads.filter((thread) => thread.status === 'running'))
    return threads.map((thread) => thread.place).filter((place) => !place.endsWith('/0'))
  }

  /**
   * The thread meant by `main/2`, by `2` where there is one box, or by the name of a box: its running thread with
   * the fewest agents that does not have the agent already.
   */
  async place(text: string, id: string): Promise<Place> {
    const boxes = await this.controller.boxes()
    const [only] = boxes
    if (/^\d+$/.test(text) && boxes.length === 1 && only !== undefined) return `${only.name}/${text}`
    const box = boxes.find((each) => each.name === text)
    if (box === undefined) return text
    const holders = new Set((await this.controller.layout({ id })).agents.map((agent) => agent.place))
    const running = box.threads.filter(
      ({ place, status }) => status === 'running' && !place.endsWith('/0') && !holders.has(place),
    )
    const [least] = running.sort((one, other) => one.agents - other.agents)
    if (least === undefined)
      throw new OvidError(
        'no-such-place',
        `box ${text} has no other running thread for ${id}; name a place: ${listed(await this.places())}`,
      )
    return least.place
  }

  /** Physical agents of a subtree. */
  async physical(id: string): Promise<string[]> {
    return leaves(await this.node(id)).map((leaf) => leaf.id)
  }
}
