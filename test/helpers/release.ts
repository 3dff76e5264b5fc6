import { rename } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { type MachineIndex, parseChannel, readReleaseIndex } from '../../pkg/system/index.ts';
import { type Called, type CallOptions, call } from './cli.ts';
import { memoryFolder } from './folders.ts';
import { addImage, builtAt, makeVendor, publishRelease, type Vendor } from './vendor.ts';

/** A vendor who works by the command line, at a time that the test sets. */
export type ReleaseDesk = {
  readonly vendor: Vendor;
  readonly folder: string;
  /** For a command line of another kind. */
  readonly call: CallOptions & { readonly host: Host };
  /** What is now; certificates are of the day on which the test runs. */
  at(days: number): Date;
  setDay(days: number): void;
  trust(...words: readonly string[]): Promise<Called>;
  /** `mosb release WORD … --project acme:default`; an error is thrown as text. */
  release(word: string, ...words: readonly string[]): Promise<string>;
  tryRelease(word: string, ...words: readonly string[]): Promise<Called>;
  /** Publishes a manifest with this release number; its reference. */
  publish(
    release: number,
    where?: string,
    project?: string,
    version?: string,
    root?: string,
  ): Promise<string>;
  /** What a machine below `root` reads. */
  read(
    root: string,
    channel: string,
    given?: { acceptExpired?: boolean; product?: string },
  ): Promise<MachineIndex>;
};

const day = 24 * 60 * 60 * 1000;

export async function openDesk(t: ExecutionContext, registry?: string): Promise<ReleaseDesk> {
  const made = await makeVendor(t, 'acme', await memoryFolder(t, 'release'));
  const keys = `${made.folder}/machine/trust/keys`;
  await linuxHost.files.makeFolder(`${made.folder}/machine/trust`, { parents: true });
  await rename(made.keys, keys);
  const vendor = { ...made, keys, ca: `${keys}/acme/manifest-ca/cert.pem` };
  const start = linuxHost.clock.now().getTime() + 60_000;
  let now = 0;
  const at = (days: number) => new Date(start + days * day);
  const environment = (name: string) => (name === 'XDG_DATA_HOME' ? vendor.folder : undefined);
  const host: Host = {
    ...linuxHost,
    machine: { ...linuxHost.machine, environment },
    clock: { ...linuxHost.clock, now: () => at(now) },
  };
  const own = { host, builtAt, cwd: vendor.folder };
  const tryRelease = (word: string, ...words: readonly string[]) =>
    call(['mosb', '--quiet', 'release', word, '--project', 'acme:default', ...words], own);
  return {
    ...{ vendor, folder: vendor.folder, at, tryRelease, call: own },
    setDay: (days) => {
      now = days;
    },
    trust: (...words) => call(['trust', ...words], own),
    async release(word, ...words) {
      const { exit, stdout, stderr } = await tryRelease(word, ...words);
      if (exit !== 0) throw new Error(stderr);
      return stdout;
    },
    async publish(
      release,
      where = 'machine/web',
      project = 'default',
      version = `${release}`,
      root = vendor.repository,
    ) {
      const image = await addImage(vendor, `web${release}`, { 'etc/release': `${release}` });
      const target = `{service_name: web, source: "${image}", version: "${version}", service_type: fs-only}`;
      const place =
        registry === undefined
          ? ({ kind: 'zot', root } as const)
          : ({ kind: 'registry', registry, scheme: 'http' } as const);
      const manifest = `update_type: complete\nrelease: ${release}\ntargets: [${target}]\n`;
      return (await publishRelease(vendor, { manifest, name: `${where}:1.${release}.0`, place, project }))
        .reference;
    },
    read: (root, channel, { product = vendor.product, ...given } = {}) =>
      readReleaseIndex(
        host,
        { root, channel: parseChannel(channel, '/'), ca: vendor.ca, product, access: {}, builtAt, ...given },
        () => {},
      ),
  };
}
