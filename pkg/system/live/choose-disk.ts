import { readDisks, readDiskTarget, requireUsable } from '../../disk/index.ts';
import { isMosError, MosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';

/** A disk, and why nothing may be installed on it; undefined where it may. */
export type Candidate = { readonly node: string; readonly problem: string | undefined };

/** Every disk of this computer. One that an install of ours was stopped on may be used, to end it. */
export async function installCandidates(host: Host): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const { name } of await readDisks(host)) {
    const node = `/dev/${name}`;
    try {
      requireUsable(await readDiskTarget(host, node), {});
      candidates.push({ node, problem: undefined });
    } catch (error) {
      if (!isMosError(error)) throw error;
      candidates.push({ node, problem: messageOf(error).replace(`cannot install on ${node}: `, '') });
    }
  }
  return candidates;
}

/** The only one that may be used: nobody is there who could say which of two. */
export function chooseOnly(candidates: readonly Candidate[]): string {
  const [only, ...others] = candidates.filter(({ problem }) => problem === undefined);
  if (only !== undefined && others.length === 0) return only.node;
  const why =
    only === undefined
      ? candidates.map(({ node, problem }) => `${node}: ${problem}`).join('; ') || 'there is none'
      : `there are ${[only, ...others].map(({ node }) => node).join(', ')}`;
  throw new MosError('state', `cannot choose a disk to install on: ${why}`, {
    hint: 'disk.txt of inst-data names one',
  });
}
