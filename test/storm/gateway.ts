import { defineGateway } from '@ovid/runtime'
import type { Ledger } from './ledger.js'
import { type Resources, resources } from './resources.js'
import { Writer, type WriterOptions, type WriterReport } from './writer.js'

/** A writer on a worker thread: it is what a server with callers of its own would be. */
export const writerGateway = defineGateway({
  kind: 'storm-writer',
  start: (gateway) => {
    const way = {
      ledger: gateway.agent<Ledger>('Ledger'),
      tell: (type: string, body: unknown) => gateway.tell('Ledger', type, body),
    }
    let writer: Writer | undefined
    return {
      handlers: {
        start: (options: WriterOptions): boolean => {
          writer ??= new Writer(way, options)
          writer.start()
          return true
        },
        report: (): WriterReport | null => writer?.report ?? null,
        stop: async (): Promise<boolean> => {
          await writer?.stop()
          return true
        },
        resources: (): Promise<Resources> => resources(),
      },
    }
  },
})

/** What the gateway answers, as its callers see it. */
export interface RemoteWriter {
  start(options: WriterOptions): Promise<boolean>
  report(): Promise<WriterReport>
  stop(): Promise<boolean>
  resources(): Promise<Resources>
}
