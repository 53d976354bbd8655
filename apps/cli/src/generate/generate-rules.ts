import type { FlagRules } from '../settings/flag-rules.ts'

const noText = 'nothing is generated'
const oneSource = 'prompts come from one place'

/** Which flags of `generate` go together; files are another matter (`checkFiles`). */
export const generateRules: FlagRules = {
  elsewhere: [
    { flag: 'cutGenLen', command: 'bench' },
    { flag: 'logFile', command: 'bench' },
    { flag: 'log', command: 'bench' },
    { flag: 'debugMode', value: 'fewer_batch', command: 'bench' },
  ],
  excludes: [
    { flags: ['input', 'prompt'], why: oneSource },
    { flags: ['input', 'promptIds'], why: oneSource },
    { flags: ['input', 'numPrompts'], why: oneSource },
    { flags: ['input', 'promptLen'], why: oneSource },
    { flags: ['prompt', 'numPrompts'], why: oneSource },
    { flags: ['prompt', 'promptLen'], why: oneSource },
    { flags: ['promptIds', 'numPrompts'], why: oneSource },
    { flags: ['promptIds', 'promptLen'], why: oneSource },
    { flags: ['score', 'maxNewTokens'], why: noText },
    { flags: ['score', 'temperature'], why: noText },
    { flags: ['score', 'topK'], why: noText },
    { flags: ['score', 'topP'], why: noText },
    { flags: ['score', 'stop'], why: noText },
    { flags: ['score', 'ignoreEos'], why: noText },
    { flags: ['score', 'logProbs'], why: '--score gives those of the prompts, and nothing is generated' },
    { flags: ['temperature', 'topK'], why: 'temperature 0 is greedy', when: isGreedy },
    { flags: ['temperature', 'topP'], why: 'temperature 0 is greedy', when: isGreedy },
    { flags: ['policy', 'percent'], why: 'a policy says where everything lies' },
    { flags: ['debugMode', 'overlap'], why: 'a breakdown runs every step alone', when: (mode) => mode === 'breakdown' },
    { flags: ['quiet', 'verbose'], why: '--quiet is --verbose 0', when: (_, level) => level !== 0 },
  ],
  needs: [
    { flag: 'logProbs', oneOf: ['json', 'output'], why: 'text has no place for numbers' },
    { flag: 'hostBackend', oneOf: ['cpuCacheCompute', 'policy'], why: 'it attends where those say so' },
  ],
}

function isGreedy(temperature: unknown, kept: unknown): boolean {
  return temperature === 0 && kept !== 0
}
