import { MosError } from '../../errors/index.ts';
import { type Host, readText, readTextIfThere } from '../../host/index.ts';
import type { Undo } from '../../undo/index.ts';

/** FORMATS 8: labels of disks that say what an unattended live system does. */
export const seedLabels = { install: 'inst-data', trust: 'trust-data' } as const;
export type SeedLabel = (typeof seedLabels)[keyof typeof seedLabels];

const folder = '/run/mos/seeds';
/** A stick is found later than the system that waits for it. */
const deadline = 30_000;
const interval = 500;
const fileSystems = ['vfat', 'ext4', 'iso9660'];

/** Mounts the disk of a label, read-only, until the undo; undefined where there is none. Two of one label are an error. */
export async function mountSeed(
  host: Host,
  label: SeedLabel,
  undo: Undo,
  { wait = false } = {},
): Promise<string | undefined> {
  const until = host.clock.monotonic() + deadline;
  let devices = await labelled(host, label);
  while (wait && devices.length === 0 && host.clock.monotonic() < until) {
    await host.clock.sleep(interval);
    devices = await labelled(host, label);
  }
  const [source, ...others] = devices;
  if (source === undefined) return undefined;
  if (others.length > 0)
    throw new MosError('state', `cannot choose a disk ${label}: there are ${devices.join(', ')}`, {
      hint: 'take out all but one',
    });
  const [fstype = ''] = await blkid(host, ['--match-tag', 'TYPE', '--output', 'value', source]);
  if (!fileSystems.includes(fstype))
    throw new MosError(
      'unsupported',
      `cannot read ${label} (${source}): it has no file system of ${fileSystems.join(', ')}`,
    );
  const target = `${folder}/${label}`;
  await host.files.makeFolder(target, { parents: true });
  const flags = ['ro', 'nodev', 'nosuid', 'noexec'] as const;
  const options = fstype === 'vfat' ? ['umask=0077'] : []; // a private key lies there
  await host.mounts.mount({ fstype, source, target, flags, options });
  undo.add(() => host.mounts.unmount(target));
  return target;
}

const labelled = (host: Host, label: string): Promise<string[]> =>
  blkid(host, ['--match-token', `LABEL=${label}`, '--output', 'device']);

/** Lines of blkid(8), without its cache; it ends with 2 where it finds nothing. */
async function blkid(host: Host, words: readonly string[]): Promise<string[]> {
  const argv = ['blkid', '--cache-file', '/dev/null', ...words] as const;
  const { stdout } = await host.processes.query(argv, { accept: [0, 2] });
  return Buffer.from(stdout).toString().split('\n').filter(Boolean);
}

/** What the disk inst-data says. */
export type InstallSeed = {
  /** `url.txt`: the manifest. */
  readonly reference: string;
  /** `disk.txt`: the disk to install on, as for --disk. */
  readonly disk: string | undefined;
  /** `layout.json`: partitions, as for --layout. */
  readonly layout: string | undefined;
  /** `registry-ca.pem`: whom to believe that a registry is the one of that name. */
  readonly registryCa: string | undefined;
  /** There is a file `unencrypted`: whoever has the disk may read it. */
  readonly unencrypted: boolean;
};

export async function readInstallSeed(host: Host, at: string): Promise<InstallSeed> {
  const ifThere = async (name: string): Promise<string | undefined> =>
    (await host.files.stat(`${at}/${name}`)) === undefined ? undefined : `${at}/${name}`;
  return {
    reference: firstLine(await readText(host, `${at}/url.txt`), 'url.txt'),
    disk: optionalLine(await readTextIfThere(host, `${at}/disk.txt`)),
    layout: await ifThere('layout.json'),
    registryCa: await ifThere('registry-ca.pem'),
    unencrypted: (await ifThere('unencrypted')) !== undefined,
  };
}

const optionalLine = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : firstLine(text, 'disk.txt');

function firstLine(text: string, file: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const [line] = lines;
  if (line === undefined || lines.length > 1)
    throw new MosError('invalid', `cannot use ${file} of ${seedLabels.install}: it must have one line`);
  return line;
}
