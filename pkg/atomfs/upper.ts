import { MosError } from '../errors/index.ts';
import type { Host, MountEntry } from '../host/index.ts';
import { mountRoom } from './bounded.ts';
import type { Molecule, Upper } from './molecule.ts';
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
  /** Where the file of a bounded one is made. */
  readonly folder?: string;
};

/** Where the upper and work folders of a mount are. A folder of its own has the boot in its path, so that the next one knows it for a leftover. */
export function openUpper(upper: Upper | undefined, id: string, bootId: string): OpenUpper | undefined {
  if (upper === undefined) return undefined;
  if (upper.kind === 'memory')
    return { kind: 'memory', size: upper.size, plan: { ...inside('memory', 'upper'), isVolatile: false } };
  if (upper.kind === 'kept')
    return { kind: 'kept', path: `${upper.folder}/persist`, plan: keptPlan(upper.folder) };
  const ephemeral = `${upper.folder}/${bootId}/${id}`;
  if (upper.kind === 'bounded')
    return {
      ...{ kind: 'bounded', size: upper.size, folder: ephemeral, ephemeral },
      plan: { ...inside('room', 'upper'), isVolatile: true },
    };
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

const keptPlan = (folder: string): UpperPlan => ({ ...inside(folder, 'persist'), isVolatile: false });

/**
 * The kernel mounts a second overlay over one upper folder, and only its log calls that undefined: a write here changes
 * the files there. What is mounted in other mount namespaces, and what was detached in use, nobody can see.
 */
export async function requireUnused(
  host: Host,
  upper: Upper | undefined,
  table: readonly MountEntry[],
): Promise<void> {
  if (upper?.kind !== 'kept') return;
  const plan = keptPlan(upper.folder);
  const own = await identitiesOf(host, [plan.upper, plan.work]);
  for (const entry of table) {
    const used = await identitiesOf(host, foldersOf(entry));
    if (used.some((one) => own.includes(one)))
      throw new MosError(
        'busy',
        `cannot keep changes in ${upper.folder}: the mount at ${entry.target} does`,
        {
          hint: 'unmount it first, or give each mount a folder of its own',
        },
      );
  }
}

/** Upper and work folder of an overlay. Its options escape `,`, `:` and `\\` once more than the table does. */
const foldersOf = ({ fstype, superOptions }: MountEntry): string[] =>
  fstype !== 'overlay'
    ? []
    : superOptions
        .map((option) => /^(?:upper|work)dir=(\/.*)$/s.exec(option)?.[1])
        .filter((path) => path !== undefined)
        .map((path) => path.replaceAll(/\\(.)/gs, '$1'));

/** One folder may have several paths. */
async function identitiesOf(host: Host, paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => host.files.stat(path)));
  return found.filter((stat) => stat !== undefined).map(({ device, inode }) => `${device} ${inode}`);
}

/** What makes it: for which molecule, and where. */
export type UpperPlace = { readonly id: string; readonly stage: string; readonly runtime: string };

/**
 * The root of an overlay is its upper folder, so a new one gets mode and owner of the top layer's root. Returns the room
 * that there is, where it is bounded.
 */
export async function makeUpper(host: Host, upper: OpenUpper, place: UpperPlace): Promise<Molecule['room']> {
  const room = await makeRoom(host, upper, place);
  await makeFolders(host, upper, place.stage);
  return room;
}

async function makeRoom(
  host: Host,
  { kind, size, folder }: OpenUpper,
  { id, stage, runtime }: UpperPlace,
): Promise<Molecule['room']> {
  if (kind === 'memory') {
    await host.files.makeFolder(`${stage}/memory`);
    await host.mounts.mount(planMemory(id, `${stage}/memory`, size));
  }
  if (kind !== 'bounded' || size === undefined || folder === undefined) return undefined;
  return { size, inMemory: await mountRoom(host, { id, folder, runtime, size }, `${stage}/room`) };
}

async function makeFolders(host: Host, upper: OpenUpper, stage: string): Promise<void> {
  const at = (path: string) => (path.startsWith('/') ? path : `${stage}/${path}`);
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
