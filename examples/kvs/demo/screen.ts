const { isTTY = false, columns = 80 } = process.stdout

const styled = (code: number) => (text: string) => (isTTY ? `\u001b[${code}m${text}\u001b[0m` : text)
export const bold = styled(1)
export const faint = styled(2)
export const green = styled(32)
export const red = styled(31)

/** Two texts beside each other, or one below the other where the terminal is too narrow for both. */
export function beside(left: string, right: string, titles: readonly [string, string]): string {
  const [lefts, rights] = [
    [titles[0], ...left.split('\n')],
    [titles[1], ...right.split('\n')],
  ]
  const width = (lines: readonly string[]) => Math.max(...lines.map((line) => line.length))
  const column = width(lefts) + 4
  if (isTTY && column + width(rights) + 2 > columns) return indent(`${lefts.join('\n')}\n\n${rights.join('\n')}`)
  const rows = Array.from({ length: Math.max(lefts.length, rights.length) }, (_, row) => {
    const line = `${(lefts[row] ?? '').padEnd(column)}${rights[row] ?? ''}`.trimEnd()
    return row === 0 ? faint(line) : line
  })
  return indent(rows.join('\n'))
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}

/** Columns: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart((widths[column] ?? 0) + 3)))
      .join('')
  return indent(rows.map((row, index) => (index === 0 ? faint(line(row)) : line(row))).join('\n'))
}

export const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`

export function bytes(value: number): string {
  if (value < 2 ** 20) return `${(value / 2 ** 10).toFixed(1)} KiB`
  return `${(value / 2 ** 20).toFixed(1)} MiB`
}

export const thousands = (value: number) => String(value).replace(/\B(?=(\d{3})+$)/g, ' ')
