import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { activateFiles } from '../../pkg/system/activate.ts';
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

/** The five operations of the issue; update and activate in both of their kinds. */
export const operationNames = [
  'install',
  'update of a service',
  'update of hostfs',
  'rollback',
  'gc',
  'activate',
  'activate in place of another image',
] as const;

/** Three releases: the second changes the service, the third hostfs too, which then waits for a boot. */
export async function makeOperations(t: ExecutionContext): Promise<Record<string, Operation>> {
  const vendor = await makeVendor(t);
  // Bytes that no other machine has: gc keeps what is mounted anywhere on this computer.
  const salt = randomUUID();
  const refs: string[] = [];
  for (const one of releases) refs.push(await publishOne(vendor, salt, one));
  const empty = await makeRoot(t, vendor);
  const folder = await workFolder(t);
  const roots = [empty, ...[1, 2, 3].map((number) => join(folder, `template-${number}`))];
  for (const [index, ref] of refs.entries()) {
    const root = roots[index + 1] ?? '';
    cpSync(roots[index] ?? '', root, { recursive: true });
    await (index === 0 ? installFrom : updateFrom)(root, ref);
  }
  const [none = '', one = '', two = '', three = ''] = roots;
  const activate = {
    words: ['activate', '--target', 'data', '--integrity', 'digest'],
    template: two,
    mounts: true,
  };
  const all: Omit<Operation, 'name'>[] = [
    { words: ['install', refs[0] ?? ''], template: none, isFirst: true },
    { words: ['update', refs[1] ?? ''], template: one },
    { words: ['update', refs[2] ?? ''], template: one },
    { words: ['rollback', '--to', '1'], template: three },
    { words: ['gc', '--keep', '1'], template: three },
    activate,
    { ...activate, prepare: (root) => activateOld(root) },
  ];
  return Object.fromEntries(
    operationNames.map((name, index) => [name, { ...(all[index] as Operation), name }]),
  );
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

/** A copy of what the operation begins with. */
export async function copyFor(operation: Operation, root: string): Promise<void> {
  execFileSync('cp', ['-a', operation.template, root]);
  await operation.prepare?.(root);
}
