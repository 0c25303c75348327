import { defineAgent, defineSystem, OvidError } from '@ovid/runtime'

/** Refuses, as an agent may: the thread it runs on must know the error for what it is. */
const refuser = defineAgent({
  kind: 'refuser',
  init: () => ({}),
  writes: {
    put: () => {
      throw new OvidError('no-key', 'as expected')
    },
  },
})

export default defineSystem({ name: 'one-runtime', agents: { Refuser: { agent: refuser } } })
