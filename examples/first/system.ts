import { defineSystem } from '@ovid/runtime'
import { counter } from './counter.js'

export default defineSystem({
  name: 'first',
  plugins: ['@ovid/shard'],
  agents: { COUNTER: { agent: counter } },
})
