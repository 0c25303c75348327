import { fileURLToPath } from 'node:url'
import { connect, OvidError, startBox } from '@ovid/runtime'

/** Prints the code of the error that a caller of the refuser gets. */
const box = await startBox({ system: fileURLToPath(new URL('./one-runtime.fixture.ts', import.meta.url)), threads: 1 })
const client = await connect(box)
try {
  await client.call('Refuser', 'put')
} catch (error) {
  process.stdout.write(error instanceof OvidError ? error.code : String(error))
}
await client.close()
await box.stop()
