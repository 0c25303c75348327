import {
  type GatewayDefinition,
  type GatewayOptions,
  gatewayDefinition,
  type RunningGateway,
} from '../../agent/definition.js'
import type { Cell } from '../../box/cell.js'
import { errorBody, OvidError } from '../../message/errors.js'
import { EdgeClient } from '../client/client.js'
import type { AgentClient, CallOptions } from '../client/types.js'
import type { ThreadLoop } from './loop.js'

/** What a gateway is given when it starts. */
export interface Gateway {
  /** Its name in the system. */
  readonly self: string
  /** From the system definition. */
  readonly params: unknown
  /** Another agent's typed methods. */
  agent<Definition = unknown>(name: string, options?: CallOptions): AgentClient<Definition>
  /** Sends a message that wants no reply. */
  tell(name: string, type: string, body?: unknown): void
}

/**
 * Defines a gateway: an agent that owns sockets or files. Its code may do I/O; it runs on a thread of its box
 * and does not move.
 *
 * @throws OvidError `definition-invalid`
 */
export function defineGateway(options: GatewayOptions<Gateway>): GatewayDefinition<Gateway> {
  return gatewayDefinition(options)
}

/** The gateways of a thread. */
export class Gateways {
  readonly #loop: ThreadLoop
  readonly #running = new Map<string, { client: EdgeClient; gateway: RunningGateway | undefined }>()

  constructor(loop: ThreadLoop) {
    this.#loop = loop
  }

  start(cell: Cell, definition: GatewayDefinition<Gateway>, params: unknown): void {
    const client = new EdgeClient(this.#loop)
    cell.edge = client
    const entry: { client: EdgeClient; gateway: RunningGateway | undefined } = { client, gateway: undefined }
    this.#running.set(cell.id, entry)
    client.bind(cell, (type, body) => {
      const handlers = entry.gateway?.handlers ?? {}
      const handler = Object.hasOwn(handlers, type) ? handlers[type] : undefined
      if (handler === undefined) {
        throw new OvidError(
          'unknown-message',
          `${definition.kind} has no message ${JSON.stringify(type)}; it has ${Object.keys(handlers).join(', ') || 'none'}`,
        )
      }
      return handler(body)
    })
    const handle: Gateway = {
      self: cell.id,
      params,
      agent: (name, options) => client.agent(name, options),
      tell: (name, type, body) => client.tell(name, type, body),
    }
    void this.#begin(cell.id, definition, handle, entry)
  }

  async #begin(
    id: string,
    definition: GatewayDefinition<Gateway>,
    handle: Gateway,
    entry: { gateway: RunningGateway | undefined },
  ): Promise<void> {
    let failure: OvidError | undefined
    try {
      entry.gateway = await definition.start(handle)
    } catch (error) {
      const { code, message } = errorBody(error)
      failure = new OvidError(code, message)
      this.#running.delete(id)
    }
    this.#loop.host.reconfiguration.starting.gatewayStarted(id, failure)
    this.#loop.kick()
  }

  async stop(id: string): Promise<void> {
    const entry = this.#running.get(id)
    this.#running.delete(id)
    if (entry === undefined) return
    try {
      await entry.gateway?.stop?.()
    } catch (error) {
      this.#loop.host.lookout.fault(id, 'agent-faulty', `stopping: ${errorBody(error).message}`)
    }
    entry.client.shut()
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.stop(id)))
  }
}
