import { parseEntryName } from '../esp/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../host/index.ts';
import type { MachinePaths } from './paths.ts';

const fileIn = ({ config }: Pick<MachinePaths, 'config'>): string => `${config}/mos/boot-failure.json`;

/** From the initrd, which can't write to git: why the boot by an entry ended before anything ran that could say so. */
export async function recordBootFailure(
  host: Host,
  paths: Pick<MachinePaths, 'config'>,
  entry: string,
  problem: string,
): Promise<void> {
  const generation = parseEntryName(entry)?.generation;
  if (generation === undefined) return;
  await writeAtomic(host, fileIn(paths), `${JSON.stringify({ format: 1, generation, problem })}\n`);
}

/** Told to people, and nothing else: /config is not signed. */
export async function readBootFailure(
  host: Host,
  paths: MachinePaths,
  generation: number,
): Promise<string | undefined> {
  const text = await readTextIfThere(host, fileIn(paths));
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const isOfIt = 'generation' in value && value.generation === generation;
    return isOfIt && 'problem' in value && typeof value.problem === 'string' ? value.problem : undefined;
  } catch {
    return undefined; // it was cut, and only told why
  }
}
