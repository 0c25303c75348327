import { type Box, type BoxOptions, type Client, connect, startBox } from '@ovid/runtime'

const system = new URL('./plain-system.fixture.ts', import.meta.url).href

export interface PlainBox {
  readonly box: Box
  readonly client: Client
  readonly controller: ReturnType<Box['controller']>
}

/** Starts the plain system, calls `use`, and stops it. */
export async function withBox(
  use: (plain: PlainBox) => Promise<void>,
  options: Partial<BoxOptions> = {},
): Promise<void> {
  const box = await startBox({ system, threads: 3, ...options })
  try {
    const client = await connect(box)
    await use({ box, client, controller: box.controller(client) })
  } finally {
    await box.stop()
  }
}

/** The code a call is refused with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  const outcome = await call.then(
    (value) => `answered: ${JSON.stringify(value)}`,
    (error: { code?: string }) => error.code ?? String(error),
  )
  return outcome
}

/** Asks again and again until the answer is as wanted. */
export async function until<Value>(ask: () => Promise<Value>, wanted: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await ask()
    if (wanted(value)) return value
  }
}
