import { defineAgent, defineSystem } from '@ovid/runtime'

/** A system of many small agents. Their number is in the query of the module's URL: many.ts?agents=100000 */
const counter = defineAgent({
  kind: 'bench-counter',
  init: () => ({ count: 0 }),
  writes: {
    increment: (state, message: { by: number }) => {
      state.count += message.by
      return state.count
    },
  },
})

const agents = Number(new URL(import.meta.url).searchParams.get('agents') ?? 10)

export default defineSystem({
  name: 'bench-many',
  agents: Object.fromEntries(Array.from({ length: agents }, (_, index) => [`Counter${index}`, { agent: counter }])),
})
