import type { MessagePort } from 'node:worker_threads'
import type * as Comlink from 'comlink'
import type { HostStatistics } from '../../box/host.js'
import type { Place } from '../../message/envelope.js'
import type { MeshLink } from './mesh.js'

/** What a worker thread is given when it starts. */
export interface WorkerTask {
  readonly place: Place
  readonly controller: Place
  readonly development: boolean
  /** Control calls come by this port. */
  readonly control: MessagePort
}

/** Control calls from a box's main thread to a worker. Never on the way of a message. */
export interface ThreadControl {
  attach(link: MeshLink): void
  detach(peer: number): void
  statistics(): HostStatistics & { readonly pending: number; readonly heapBytes: number }
  /** Node's own number of the thread: a thread that comes back has another. */
  workerId(): number
  /** Stops the thread's gateways and ends its task. */
  stop(): Promise<void>
}

interface CallMessage {
  readonly id?: string
  readonly type?: string
}

/**
 * A comlink endpoint over a port whose calls fail when the other end dies. Comlink's own would leave them
 * pending for ever.
 */
export function mortalEndpoint(port: MessagePort): Comlink.Endpoint {
  const open = new Set<string>()
  const listeners = new Set<(event: { data: unknown }) => void>()
  let dead = false
  const isReply = (message: CallMessage) => message.type === 'RAW' || message.type === 'HANDLER'
  const fail = (id: string) => {
    const value = { isError: true, value: { name: 'Error', message: 'the thread is gone', stack: '' } }
    for (const listener of listeners) listener({ data: { id, type: 'HANDLER', name: 'throw', value } })
  }
  port.on('message', (data: CallMessage) => {
    if (data.id !== undefined && isReply(data)) open.delete(data.id)
    for (const listener of listeners) listener({ data })
  })
  port.on('close', () => {
    dead = true
    for (const id of open) fail(id)
    open.clear()
  })
  const endpoint = {
    postMessage(message: CallMessage, transfer?: readonly unknown[]) {
      if (!isReply(message) && message.id !== undefined) {
        const { id } = message
        if (dead) {
          queueMicrotask(() => fail(id))
          return
        }
        open.add(id)
      }
      port.postMessage(message, transfer as never)
    },
    addEventListener: (_type: string, listener: (event: { data: unknown }) => void) => void listeners.add(listener),
    removeEventListener: (_type: string, listener: (event: { data: unknown }) => void) =>
      void listeners.delete(listener),
  }
  return endpoint as unknown as Comlink.Endpoint
}
