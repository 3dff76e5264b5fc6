import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { activateFiles } from '../../pkg/system/activate.ts';
import { createBootFs } from '../../pkg/system/create-boot-fs.ts';
import { loadGeneration } from '../../pkg/system/generation.ts';
import { openMachine, openStore } from '../../pkg/system/machine.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { installFrom, makeRoot, updateFrom } from '../helpers/machine.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../helpers/vendor.ts';

/** What is stopped: a command on a copy of a root directory. */
export type Operation = {
  readonly name: string;
  /** Words after `mosctl`, without the root. */
  readonly words: readonly string[];
  /** The root directory as it is before, never touched. */
  readonly template: string;
  /** There is no generation before it. */
  readonly isFirst?: boolean;
  /** It mounts: what is left of that is part of what is compared. */
  readonly mounts?: boolean;
  /** It begins with a boot: after a power cut `prepare` is done again. */
  readonly isBoot?: boolean;
  /** What a copy of the template needs besides: what is mounted. */
  readonly prepare?: (root: string) => Promise<void>;
};

/** Where copies lie: in memory, where fsync costs nothing and a copy little. Nothing may be mounted there afterwards. */
export const workFolder = (t: ExecutionContext): Promise<string> => memoryFolder(t, 'stop');

const releases = [
  { release: 1, host: 'h1', data: 'd1' },
  { release: 2, host: 'h1', data: 'd2' },
  { release: 3, host: 'h2', data: 'd2' },
];

type Kind = Pick<Operation, 'isFirst' | 'isBoot' | 'mounts' | 'prepare'> & {
  /** How many releases are installed before. */
  readonly installed: number;
  readonly words: (refs: readonly string[]) => readonly string[];
};

const activate = ['activate', '--target', 'data', '--integrity', 'digest'];

/** Three releases: the second changes the service, the third hostfs too, which then waits for a boot. */
const kinds = {
  install: { installed: 0, words: (refs) => ['install', refs[0] ?? ''], isFirst: true },
  'update of a service': { installed: 1, words: (refs) => ['update', refs[1] ?? ''] },
  'update of hostfs': { installed: 1, words: (refs) => ['update', refs[2] ?? ''] },
  rollback: { installed: 3, words: () => ['rollback', '--to', '1'] },
  gc: { installed: 3, words: () => ['gc', '--keep', '1'] },
  activate: { installed: 2, words: () => activate, mounts: true },
  'activate in place of another image': {
    installed: 2,
    words: () => activate,
    mounts: true,
    prepare: (root) => activateOld(root),
  },
  'boot of what waited': {
    installed: 3,
    words: () => ['boot', '--integrity', 'digest'],
    mounts: true,
    isBoot: true,
    prepare: (root) => bootRoot(root),
  },
} as const satisfies Record<string, Kind>;

export type OperationName = keyof typeof kinds;
export const operationNames = Object.keys(kinds) as OperationName[];

export async function makeOperation(t: ExecutionContext, name: OperationName): Promise<Operation> {
  const vendor = await makeVendor(t);
  // Bytes that no other machine has: gc keeps what is mounted anywhere on this computer.
  const salt = randomUUID();
  const refs: string[] = [];
  for (const one of releases) refs.push(await publishOne(vendor, salt, one));
  const template = await makeRoot(t, vendor);
  const { installed, words, ...kind }: Kind = kinds[name];
  for (const [index, ref] of refs.slice(0, installed).entries())
    await (index === 0 ? installFrom : updateFrom)(template, ref);
  return { ...kind, name, words: words(refs), template };
}

async function publishOne(vendor: Vendor, salt: string, { release, host, data }: (typeof releases)[number]) {
  const h = await addImage(vendor, host, { [host]: `${host} ${salt}` });
  const d = await addImage(vendor, data, { base: `${data} ${salt}` }, { [data]: salt });
  const manifest = `update_type: complete
release: ${release}
targets:
  - {service_name: hostfs, source: "${h}", version: "${host}", service_type: hostfs}
  - {service_name: data, source: "${d}", version: "${data}", service_type: fs-only}
`;
  return (await publishRelease(vendor, { name: `machine/m:${release}`, manifest })).reference;
}

/** Leaves the data of generation 1 mounted, as on a machine that was updated while it ran. */
async function activateOld(root: string): Promise<void> {
  const machine = await openMachine(linuxHost, root);
  const generation = await loadGeneration(linuxHost, machine, 1);
  const target = generation.machine.targets.find(({ name }) => name === 'data')?.target;
  if (target === undefined) throw new Error('generation 1 has no data');
  await activateFiles(linuxHost, machine, await openStore(linuxHost, machine), target, 'digest');
}

/** What the initrd does: from here on the generation that waited is the one that was booted. */
async function bootRoot(root: string): Promise<void> {
  const dest = `${root}/sysroot`;
  await createBootFs(linuxHost, { root, dest, readonly: true, integrity: 'digest' }, () => {});
}

/** A copy of what the operation begins with. */
export async function copyFor(operation: Operation, root: string): Promise<void> {
  execFileSync('cp', ['-a', operation.template, root]);
  await operation.prepare?.(root);
}
