/** Prompts in the spirit of the demo model's training text: addresses to Congress and Moby Dick. */
export const demoPrompts: readonly string[] = Object.freeze([
  'Fellow citizens of the Senate and of the House of Representatives:',
  'Call me Ishmael.',
  'During the past year our relations with foreign powers',
  'Captain Ahab stood upon the deck, and',
  'Mr. Speaker, Mr. Vice President, Members of Congress, my fellow Americans:',
  'The state of the Union is',
])
