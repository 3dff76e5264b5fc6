import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { activateFiles } from '../../pkg/system/activate.ts';
import { boot } from '../../pkg/system/boot.ts';
import { createBootFs } from '../../pkg/system/create-boot-fs.ts';
import { loadGeneration } from '../../pkg/system/generation.ts';
import { openMachine, openStore } from '../../pkg/system/machine.ts';
import { addBootkit } from '../helpers/bootkit-image.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { installFrom, makeRoot, updateFrom } from '../helpers/machine.ts';
import { identify, makeTicket, markGood } from '../helpers/ticket.ts';
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
  /** The machine boots from an ESP, a folder here, and its releases have a bootkit. */
  readonly hasEsp?: boolean;
  /** It begins with a boot: after a power cut `prepare` is done again. */
  readonly isBoot?: boolean;
  /** What a copy of the template needs besides: what is mounted. */
  readonly prepare?: (root: string) => Promise<void>;
};

/** Where copies lie: in memory, where fsync costs nothing and a copy little. Nothing may be mounted there afterwards. */
export const workFolder = (t: ExecutionContext): Promise<string> => memoryFolder(t, 'stop');

const releases = [
  { release: 1, host: 'h1', data: 'd1', bootkit: 'k1' },
  { release: 2, host: 'h1', data: 'd2', bootkit: 'k1' },
  { release: 3, host: 'h2', data: 'd2', bootkit: 'k2' },
];

type Kind = Pick<Operation, 'isFirst' | 'isBoot' | 'mounts' | 'prepare' | 'hasEsp'> & {
  /** How many releases are installed before. */
  readonly installed: number;
  readonly words: (refs: readonly string[], ticket: string) => readonly string[];
  /** It proved good, with this security version: so the machine has a floor, and an identity. */
  readonly floor?: number;
};

const activate = ['activate', '--target', 'data', '--integrity', 'digest'];

/** Three releases: the second changes the service, the third hostfs too, which then waits for a boot. */
const kinds = {
  install: { installed: 0, words: (refs) => ['install', refs[0] ?? ''], isFirst: true },
  'update of a service': { installed: 1, words: (refs) => ['update', refs[1] ?? ''] },
  'update of hostfs': { installed: 1, words: (refs) => ['update', refs[2] ?? ''] },
  rollback: { installed: 3, words: () => ['rollback', '--to', '1'] },
  'ticket accept': {
    installed: 1,
    words: (_, ticket) => ['ticket', 'accept', ticket],
    floor: 2,
  },
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
  'install with an ESP': {
    installed: 0,
    words: (refs) => ['install', refs[0] ?? ''],
    isFirst: true,
    hasEsp: true,
  },
  'update of the bootkit': { installed: 1, words: (refs) => ['update', refs[2] ?? ''], hasEsp: true },
  'rollback of the bootkit': { installed: 3, words: () => ['rollback', '--to', '1'], hasEsp: true },
  'boot-complete': {
    installed: 3,
    words: () => ['boot-complete', '--stable', '0'],
    hasEsp: true,
    mounts: true,
    isBoot: true,
    prepare: (root) => bootEntry(root),
  },
} as const satisfies Record<string, Kind>;

export type OperationName = keyof typeof kinds;
export const operationNames = Object.keys(kinds) as OperationName[];

export async function makeOperation(t: ExecutionContext, name: OperationName): Promise<Operation> {
  const vendor = await makeVendor(t);
  // Bytes that no other machine has: gc keeps what is mounted anywhere on this computer.
  const salt = randomUUID();
  const { installed, words, floor, ...kind }: Kind = kinds[name];
  const refs: string[] = [];
  for (const one of releases)
    refs.push(await publishOne(vendor, salt, { ...one, floor: floor ?? 0 }, kind.hasEsp ?? false));
  const template = await makeRoot(t, vendor);
  if (kind.hasEsp) mkdirSync(`${template}/boot/efi/loader/entries`, { recursive: true });
  for (const [index, ref] of refs.slice(0, installed).entries())
    await (index === 0 ? installFrom : updateFrom)(template, ref);
  if (floor !== undefined) {
    await identify(vendor, template);
    await markGood(template, installed, floor);
  }
  const ticket = floor === undefined ? '' : await makeTicket(vendor, floor, floor - 1);
  return { ...kind, name, words: words(refs, ticket), template };
}

async function publishOne(
  vendor: Vendor,
  salt: string,
  { release, host, data, bootkit, floor }: (typeof releases)[number] & { readonly floor: number },
  hasEsp: boolean,
) {
  const h = await addImage(vendor, host, { [host]: `${host} ${salt}` });
  const d = await addImage(vendor, data, { base: `${data} ${salt}` }, { [data]: salt });
  const k = await addBootkit(vendor.images, bootkit, Buffer.alloc(5000, bootkit), { salt });
  const withBootkit = `  - {service_name: bootkit, source: "${k}", version: "${bootkit}", service_type: fs-only}\n`;
  const manifest = `update_type: complete
release: ${release}
${floor === 0 ? '' : `security_version: ${floor}\n`}targets:
  - {service_name: hostfs, source: "${h}", version: "${host}", service_type: hostfs}
  - {service_name: data, source: "${d}", version: "${data}", service_type: fs-only}
${hasEsp ? withBootkit : ''}`;
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

/** The same by the boot loader, which lowered the counter before; and the targets are up. */
async function bootEntry(root: string): Promise<void> {
  const entries = `${root}/boot/efi/loader/entries`;
  if (existsSync(`${entries}/mos-3+3.conf`))
    renameSync(`${entries}/mos-3+3.conf`, `${entries}/mos-3+2-1.conf`);
  const started = { entry: 'mos-3+3.conf' };
  const dest = `${root}/sysroot`;
  await createBootFs(linuxHost, { root, dest, readonly: true, integrity: 'digest', started }, () => {});
  await boot(linuxHost, { root, integrity: 'digest' }, () => {});
}

/** A copy of what the operation begins with. */
export async function copyFor(operation: Operation, root: string): Promise<void> {
  execFileSync('cp', ['-a', operation.template, root]);
  await operation.prepare?.(root);
}
