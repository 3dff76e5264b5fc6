import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';
import { runtimeFolder } from '../paths.ts';
import type { Release } from './release.ts';

/** What protects the secrets of the machine that runs, as its initrd saw it. */
export type Protection = {
  readonly secrets: Release['kind'];
  /** Why the TPM gave none. */
  readonly why: string | null;
};

const kinds: readonly string[] = [
  'released',
  'no TPM',
  'not provisioned',
  'withheld',
] satisfies Release['kind'][];
const file = `${runtimeFolder}/protection.json`;

/** Of this boot: runtime state is lost with it. */
export async function recordProtection(host: Host, release: Release): Promise<void> {
  const protection: Protection = {
    secrets: release.kind,
    why: release.kind === 'withheld' ? release.why : null,
  };
  await host.files.makeFolder(runtimeFolder, { parents: true });
  await writeAtomic(host, file, `${JSON.stringify(protection)}\n`);
}

/** undefined where no initrd of ours started this machine, or below another root than its own. */
export async function readProtection(host: Host, root: string): Promise<Protection | undefined> {
  const text = root === '/' ? await readTextIfThere(host, file) : undefined;
  if (text === undefined) return undefined;
  const { secrets, why } = JSON.parse(text) as Protection;
  return kinds.includes(secrets) ? { secrets, why: typeof why === 'string' ? why : null } : undefined;
}
