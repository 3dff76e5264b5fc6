import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Upper } from './molecule.ts';
import { layerFolder, planMemory, type UpperPlan } from './plan.ts';

export type OpenUpper = {
  readonly kind: Upper['kind'];
  readonly plan: UpperPlan;
  /** In bytes, of a tmpfs. */
  readonly size?: number | undefined;
  /** Where changes can be seen. */
  readonly path?: string;
  /** What goes when the mount is gone. */
  readonly ephemeral?: string;
};

/** Where the upper and work folders of a mount are. A folder of its own has the boot in its path, so that the next one knows it for a leftover. */
export function openUpper(upper: Upper | undefined, id: string, bootId: string): OpenUpper | undefined {
  if (upper === undefined) return undefined;
  if (upper.kind === 'memory')
    return { kind: 'memory', size: upper.size, plan: { ...inside('memory', 'upper'), isVolatile: false } };
  if (upper.kind === 'kept')
    return {
      kind: 'kept',
      path: `${upper.folder}/persist`,
      plan: { ...inside(upper.folder, 'persist'), isVolatile: false },
    };
  const ephemeral = `${upper.folder}/${bootId}/${id}`;
  return {
    kind: 'folder',
    path: `${ephemeral}/upper`,
    ephemeral,
    plan: { ...inside(ephemeral, 'upper'), isVolatile: true },
  };
}

const inside = (folder: string, name: string): { upper: string; work: string } => ({
  upper: `${folder}/${name}`,
  work: `${folder}/work`,
});

/** The root of an overlay is its upper folder, so a new one gets mode and owner of the top layer's root. */
export async function makeUpper(host: Host, upper: OpenUpper, id: string, stage: string): Promise<void> {
  const at = (path: string) => (path.startsWith('/') ? path : `${stage}/${path}`);
  if (upper.kind === 'memory') {
    await host.files.makeFolder(`${stage}/memory`);
    await host.mounts.mount(planMemory(id, `${stage}/memory`, upper.size));
  }
  await host.files.makeFolder(at(upper.plan.work), { parents: true, mode: 0o700 });
  const path = at(upper.plan.upper);
  const found = await host.files.stat(path);
  if (found?.type === 'directory') return;
  if (found !== undefined) throw new MosError('invalid', `cannot write to ${path}: it is no folder`);
  const root = await host.files.stat(layerFolder(stage, 0));
  await host.files.makeFolder(path);
  if (root === undefined) return;
  await host.files.setOwner(path, root.uid, root.gid);
  await host.files.setMode(path, root.mode);
}
