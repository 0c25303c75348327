import { defineAgent, OvidError } from '@ovid/runtime'
import { z } from 'zod'

const charge = z.object({ card: z.string() })

/** Charges cards. Those that begin with 0 are refused. It has no `partition`: it cannot be sharded. */
export const payments = defineAgent({
  kind: 'payments',
  init: () => ({ charges: 0 }),
  messages: { charge },
  reads: { charges: (state) => state.charges },
  writes: {
    charge: (state, { card }: z.infer<typeof charge>) => {
      if (card.startsWith('0')) throw new OvidError('card-refused', `card ${card} is refused`)
      state.charges++
    },
  },
})
