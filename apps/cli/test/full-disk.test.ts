import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliPlace, runCli, scratchFolders, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
const inFolder = (...parts: string[]): string => path.join(folder, ...parts)
const offloadDir = inFolder('offload')
mkdirSync(offloadDir)

/** Everything on disk; keys and values of two sequences of 400 positions take some 10 MB there. */
const onDisk = ['--percent', '0', '0', '0', '0', '0', '0', '--gpu-batch-size', '1', '--offload-dir', offloadDir]
const line = JSON.stringify({ promptIds: Array.from({ length: 300 }, (_, i) => i + 5), maxNewTokens: 100 })
writeFileSync(inFolder('in.jsonl'), `{"promptIds":[5],"maxNewTokens":1}\n${line}\n`)

/** Words that run a shell script with what follows them as its arguments. */
const shell = (script: string): string[] => ['sh', '-c', script, 'sh']

/** Ways to a disk of 2 MB, in mount namespaces that vanish with their process: for anybody, and for root only. */
const smallDisks = ['unshare -rm', 'unshare -m'].map((command) => [
  ...command.split(' '),
  ...shell(`mount -t tmpfs -o size=2m tmpfs '${offloadDir}' && "$@"; code=$?; ls '${offloadDir}' >&2; exit $code`),
])
/** Files may not grow beyond 2 MB (4096 blocks): a limit that everybody may set, where no disk may be mounted. */
const smallFiles = shell('ulimit -f 4096; exec "$@"')

const canRun = (launcher: readonly string[]): boolean =>
  spawnSync(launcher[0]!, [...launcher.slice(1), 'true']).status === 0
const mounted = smallDisks.find(canRun)

async function expectFull(args: readonly string[], place: CliPlace): Promise<string> {
  const { code, stdout, stderr } = await runCli(['generate', '--quiet', ...args], place)
  expect(stderr).toMatch(/^flexgen: (OUT_OF_DISK|NOT_WRITABLE): [^\n]+\nhint: [^\n]+\n$/)
  expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
  return stderr
}

describe('a disk that is full ends with 6 and one line', () => {
  it(`${mounted === undefined ? 'a limit of files' : 'a small disk'} under the offload directory`, async () => {
    const failure = await expectFull(['--input', inFolder('in.jsonl'), ...onDisk], { launcher: mounted ?? smallFiles })
    expect(failure).toContain(offloadDir)
    if (mounted !== undefined) expect(failure).toContain('OUT_OF_DISK')
    expect(scratchFolders(offloadDir)).toEqual([])
  })

  it('a limit of files', async () => {
    expect(await expectFull(['--input', inFolder('in.jsonl'), ...onDisk], { launcher: smallFiles })).toContain(
      offloadDir,
    )
    expect(scratchFolders(offloadDir)).toEqual([])
  })

  const oneToken = ['--prompt-ids', '5', '--gen-len', '1'] as const

  it.runIf(existsSync('/dev/full'))('a full device as --output', async () => {
    expect(await expectFull([...oneToken, '--output', '/dev/full'], {})).toContain(
      'OUT_OF_DISK: cannot write /dev/full',
    )
  })

  it.runIf(existsSync('/dev/full'))('a full device as --trace, after the outputs have been delivered', async () => {
    const output = inFolder('out.jsonl')
    const failure = await expectFull([...oneToken, '--output', output, '--trace', '/dev/full'], {})
    expect(failure).toContain('OUT_OF_DISK: cannot write /dev/full')
    expect(JSON.parse(readFileSync(output, 'utf8'))).toMatchObject({ promptIds: [5], finishReason: 'length' })
  })
})
