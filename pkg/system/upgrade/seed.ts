import { randomBytes } from 'node:crypto';
import type { Host } from '../../host/index.ts';
import { seedCount as seeds } from '../../manifest/index.ts';
import { changeUpgradeFile, readUpgradeFile, type UpgradeFile } from './folder.ts';

const seedFile: UpgradeFile<{ readonly seed: number | null }> = {
  name: 'seed.json',
  empty: { seed: null },
  read: ({ seed }) =>
    typeof seed === 'number' && Number.isInteger(seed) && seed >= 0 && seed < seeds ? { seed } : undefined,
};

/** The place of this machine among all: drawn once, at random, and kept. */
export async function machineSeed(host: Host, folder: string): Promise<number> {
  const { seed } = await readUpgradeFile(host, folder, seedFile);
  if (seed !== null) return seed;
  const drawn = await changeUpgradeFile(host, folder, seedFile, (known) =>
    known.seed === null ? { seed: randomBytes(4).readUInt32BE() } : known,
  );
  return drawn.seed ?? 0;
}
