import { type Box, type Client, connect, startBox } from '@ovid/runtime'
import type { Side } from './benchmark.js'
import type { Round } from './samples.js'

export interface StoreLayout {
  /** Worker threads of the box. */
  readonly threads: number
  /** Thread of the store; the driver is on thread 1. */
  readonly thread?: number
  readonly shards?: number
}

/** A box with the store and its driver. */
export class StoreBox {
  readonly box: Box
  readonly client: Client

  private constructor(box: Box, client: Client) {
    this.box = box
    this.client = client
  }

  static async open({ threads, thread = 1, shards = 0 }: StoreLayout): Promise<StoreBox> {
    const system = new URL(`./systems/store.ts?thread=${thread}&shards=${shards}`, import.meta.url).href
    const box = await startBox({ system, threads })
    return new StoreBox(box, await connect(box, { timeoutMs: 120_000 }))
  }

  drive(type: string, message: unknown): Promise<unknown> {
    return this.client.call('Driver', type, message)
  }

  async close(): Promise<void> {
    await this.client.close()
    await this.box.stop()
  }
}

/** What the driver is told to do in each round, against a store laid out like this. */
export async function storeSide(
  name: string,
  layout: StoreLayout,
  type: 'putInTurn' | 'putPipelined' | 'tell',
  message: unknown,
): Promise<Side> {
  const opened = await StoreBox.open(layout)
  return { name, round: async () => (await opened.drive(type, message)) as Round, close: () => opened.close() }
}
