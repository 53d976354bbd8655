import path from 'node:path'

/** The title of a case with the machine that it is simulated on, so that no figure of it passes for a measurement. */
export function simulatedTitle(title: string, profile: string | undefined): string {
  return profile === undefined ? title : `${title}, simulated on ${path.basename(profile, '.json')}`
}
