/**
 * Text that cannot command a terminal: of the control characters only tabs and ends of lines stay, the others are
 * written as `\x1b`. Texts of models, prompts and files are not ours.
 */
export function printable(text: string): string {
  return text.replaceAll(/(?!\r\n|[\t\n])\p{Cc}/gu, (control) => {
    return `\\x${control.codePointAt(0)!.toString(16).padStart(2, '0')}`
  })
}
