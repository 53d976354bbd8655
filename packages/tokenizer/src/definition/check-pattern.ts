const maxLength = 2000
const maxRepeats = 1000

/** An escape with its braces, a class (one level of nesting), a group's start, a quantifier, or any one character. */
const pieceForm =
  /\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[(?:\\.|[^\]\\])*\]|[^\]\\])*\]|\(\?(?:<?[=!]|[a-z-]*:|<\w+>)|\{\d+(?:,\d*)?\}|./gsu

/**
 * Why a regular expression could take for ever on some text, or undefined where it cannot: no repeated group may hold
 * another choice, and no alternative may repeat without bound more than twice.
 */
export function slowPattern(pattern: string): string | undefined {
  if (pattern.length > maxLength) return `is longer than ${maxLength} characters`
  /** For each open group: whether text can match what is in it in more than one way. */
  const groups: boolean[] = []
  let isChoice = false
  let closedChoice = false
  let unbounded = 0
  for (const [piece] of pattern.matchAll(pieceForm)) {
    const isQuantifier = /^(?:[*+?]|\{\d.*)$/.test(piece)
    if (isQuantifier) {
      const [least = 0, most = least] = (piece.match(/\d+/g) ?? []).map(Number)
      const isUnbounded = piece === '*' || piece === '+' || piece.endsWith(',}')
      if (most > maxRepeats) return `repeats more than ${maxRepeats} times`
      if (closedChoice && piece !== '?') return 'repeats a group in which there is a choice'
      if (isUnbounded && ++unbounded > 2) return 'repeats without bound more than twice in a row'
      if (isUnbounded || piece === '?' || most !== least) isChoice = true
    }
    closedChoice = false
    if (piece.startsWith('(')) {
      groups.push(isChoice)
      isChoice = false
    } else if (piece === ')') {
      closedChoice = isChoice
      isChoice = groups.pop() === true || isChoice
    } else if (piece === '|') {
      isChoice = true
      if (groups.length === 0) unbounded = 0
    }
  }
  return undefined
}
