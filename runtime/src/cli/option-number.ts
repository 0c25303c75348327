import { OvidError } from '../message/errors.js'
import type { Given } from './command.js'
import { shortened } from './words.js'

/**
 * A command's own numeric option, or undefined if it is not given.
 *
 * @throws OvidError `command-invalid`
 */
export function optionNumber(
  given: Given,
  name: string,
  { least, most, whole = false }: { least: number; most: number; whole?: boolean },
): number | undefined {
  const value = given.options[name]
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))) return value
  throw new OvidError(
    'command-invalid',
    `${name} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, found ${shortened(JSON.stringify(value))}`,
  )
}
